"""Wearables that exist in this process only, on a real Bluetooth host stack."""
