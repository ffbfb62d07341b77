"""Versions and ranges of versions, as kernels, engines and conditions write them."""

from __future__ import annotations

import operator
import re

COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq}


def version(text: str) -> tuple[int, ...]:
    """The numbers at the beginning of a version: `6.1.0-50-amd64` gives (6, 1, 0), no number gives ()."""
    found = re.match(r"\d+(\.\d+)*", text.strip())
    return tuple(int(word) for word in found[0].split(".")) if found else ()


def in_range(text: str, found: tuple[int, ...]) -> bool:
    """Whether a version lies in a range such as `>=5.10, <6.6`; the empty range holds all. Raises ValueError."""
    for part in filter(None, (word.strip() for word in text.split(","))):
        matched = re.fullmatch(r"(<=|>=|<|>|=)\s*(\d+(?:\.\d+)*)", part)
        if matched is None:
            raise ValueError(f"{part!r} is not a version range; write >=5.10 or <6.6")
        bound = version(matched[2])
        if not COMPARISONS[matched[1]](found[: len(bound)], bound):
            return False
    return True


def series(release: str) -> str:
    """The first two numbers of a kernel release: `6.1.0-50-amd64` gives `6.1`."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return f"{found[1]}.{found[2]}" if found else release
