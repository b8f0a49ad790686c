"""Wearables that exist in this process only, on a real Bluetooth host stack.

Strategy: the radio and the hearts are made up, all between them is real. From below: `room` (the space between the
antennas), `wearable` (what one is), `services` and `peripheral` (how it is on the air), `central` and `backend` (an
adapter, as Bleak sees it), `stranger` and `reach` (who takes a wearable away, and when it could be had), `air` (all of
them, and every trouble), `faults` (troubles drawn by chance). What is sent on it: `heart`, `sensor` (what is seen of
its beats), `practice` (a session of eight), `cohort` (that session as a source).
"""
