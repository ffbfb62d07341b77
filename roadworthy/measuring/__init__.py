"""Measuring: workloads, paired rows, guards, counters, and their analysis."""
