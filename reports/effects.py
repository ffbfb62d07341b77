"""Whether a measured ratio shows an effect, and whether it is known well enough to decide a claim.

The A/A arm says what two measurements of one side differ by, so a smaller difference is none. The verdict in a record
comes from the ratio's interval alone; what is shown and what answers a claim passes through here.
"""

from __future__ import annotations

from roadworthy.reports.records import Benchmark
from roadworthy.reports.units import number

#: An interval whose ends are further apart than this factor decides no claim.
WIDEST = 2.0
#: Verdicts that say that the sides differ.
DIFFERENT = ("slower", "faster")


def reach(record: Benchmark) -> float:
    """The largest ratio, above 1, that the A/A arm shows; infinite if there is none."""
    twin = record.twin
    return max(twin.high, 1 / twin.low) if twin and twin.low > 0 else float("inf")


def exceeds(record: Benchmark) -> bool:
    """Whether the ratio is farther from 1 than all of the A/A interval, on either side."""
    return record.ratio > reach(record) or record.ratio * reach(record) < 1


def shown(record: Benchmark) -> str:
    """The verdict to show: a difference that does not exceed A/A is inconclusive."""
    return "inconclusive" if record.verdict in DIFFERENT and not exceeds(record) else record.verdict


def why(record: Benchmark) -> str:
    """The reason of the verdict that is shown."""
    if record.verdict in DIFFERENT and not exceeds(record):
        return f"the interval alone says {record.verdict}, but {within(record)}"
    return record.reason


def within(record: Benchmark) -> str:
    """Why a difference is none, in words."""
    if record.twin is None:
        return "the baseline was not measured against itself"
    between = f"{number(record.twin.low)} to {number(record.twin.high)}"
    return f"the ratio does not exceed that of the baseline against itself, {between}"


def against(record: Benchmark) -> str:
    """The verdict as a phrase that says against what: `slower than native`, `equivalent to native`."""
    verdict = shown(record)
    if verdict in DIFFERENT:
        return f"{verdict} than {record.baseline.name}"
    return f"{verdict} to {record.baseline.name}" if verdict == "equivalent" else verdict


def drifted(record: Benchmark) -> str:
    """Why the two medians say something else than the ratio, in words; empty if they agree.

    The ratio is the median of the rows' ratios. If the whole machine slows down or speeds up during a run, the medians
    of the sides come from other rows, and their quotient is noise.
    """
    quotient = record.arm.median / record.baseline.median if record.baseline.median else 0.0
    if record.ratio_low <= quotient <= record.ratio_high:
        return ""
    return f"the medians alone would say {number(quotient)}; a ratio is taken within each row, because times drift"


def unfit(record: Benchmark) -> str:
    """Why a record decides no claim, whatever its ratio; empty if it may decide."""
    if record.twin is None:
        return "the baseline was not measured against itself"
    if not 0 < record.ratio_high <= WIDEST * record.ratio_low:
        return f"the ends of the interval are further apart than a factor of {number(WIDEST)}"
    return ""
