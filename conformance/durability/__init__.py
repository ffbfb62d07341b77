"""Durability: the data and flushes that a synchronisation gives to the device."""
