"""Tests modelled on the test-case ids of the Bluetooth SIG; nothing here is a qualification."""
