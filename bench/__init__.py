"""The benchmarks: what a driver costs, against the same work on a volume."""
