"""What a synchronisation gives to the device."""
