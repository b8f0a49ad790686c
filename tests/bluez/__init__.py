"""Proof on the real stack: BlueZ and the kernel's Bluetooth in a virtual machine, everything of ours unchanged."""
