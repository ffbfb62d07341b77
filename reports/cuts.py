"""What power cuts have left: each operation on each lane, from the results of the checks of power cuts."""

from __future__ import annotations


def log_path(lane: str, operation: str, round_: int = 1) -> str:
    """Where the log of an operation lies below a bundle's directory, if it is kept."""
    name = operation if round_ == 1 else f"{operation}.{round_}"
    return "/".join(["cuts", *(part.replace("/", "_").replace(":", "_") for part in (lane, f"{name}.log"))])
