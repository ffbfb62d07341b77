"""The packages of the extra `bench`: statistics of benchmarks need them, and nothing else does. They are large."""

from __future__ import annotations

import sys
from importlib.util import find_spec

#: What benchmarks, and a comparison of two runs, are analysed with.
ANALYSIS = ("numpy", "scipy")
#: What finds changes in a series of runs, besides.
SERIES = (*ANALYSIS, "ruptures")
#: The first release of Python for which there is no ruptures yet.
RUPTURES_UP_TO = (3, 14)


def lacking(names: tuple[str, ...]) -> str:
    """Say which of these packages are missing and how to get them; an empty string if all are there."""
    missing = [name for name in names if find_spec(name) is None]
    if not missing:
        return ""
    said = f"needs {' and '.join(missing)}: pip install 'roadworthy[bench]'"
    if missing == ["ruptures"] and sys.version_info >= RUPTURES_UP_TO:
        release = ".".join(map(str, RUPTURES_UP_TO))
        return f"needs ruptures, which has no release for Python {release} and later: run this with an older one"
    return said
