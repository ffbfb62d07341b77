"""Measuring: workloads, paired rows, guards, counters and what follows from them."""
