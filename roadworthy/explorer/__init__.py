"""The explorer: random sequences of system calls, on a driver and on a plain volume side by side, until they differ."""
