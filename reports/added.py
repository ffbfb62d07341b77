"""Words for the cost that a driver adds to a far smaller baseline, because a ratio to 4 µs says little."""

from __future__ import annotations

from roadworthy.reports.records import Benchmark
from roadworthy.reports.units import amount, number

#: Flushes are named if they are at least this share of the added cost.
MOST = 0.5


def added(record: Benchmark) -> str:
    """`+3.3 ms [2.1 ms, 4.4 ms], 2 flushes of 1.5 ms`; empty if the ratio suffices or no time is published."""
    found = record.added
    if found is None or record.unpublished or record.verdict == "invalid":
        return ""
    value, low, high = (amount(part, record.unit) for part in (found.value, found.low, found.high))
    said = f"+{value} [{low}, {high}]"
    if found.flushes * found.flush < MOST * found.value:
        return said
    return f"{said}, {number(found.flushes)} flushes of {amount(found.flush, record.unit)}"
