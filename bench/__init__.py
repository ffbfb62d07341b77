"""The benchmarks: the cost of a driver, against equal work on a volume."""
