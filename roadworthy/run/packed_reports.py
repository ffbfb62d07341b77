"""Reports of passed tests as one string between a worker and who conducts the run.

A worker sends three reports a test, each a tree of a hundred values, which execnet writes and reads value by value in
Python: 0.1 ms on each side. As a string they take 0.02 ms (docs/scaling.md has what that is of a run).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgspec
import pytest

PACKED = "$roadworthy_packed"
#: What a report of a passed test has; one with more, from another plugin, travels as that plugin expects it.
FIELDS = frozenset(
    ["$report_type", "duration", "keywords", "location", "longrepr", "nodeid", "outcome", "sections", "start", "stop",
     "user_properties", "when"]
)  # fmt: skip


class PackedReports:
    """Packs reports in a worker, and unpacks them where they arrive."""

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self) -> Generator[None, Any, Any]:
        data = yield
        if not data or data.keys() != FIELDS or data["longrepr"] is not None:
            return data
        if not all(isinstance(value, (str, int, float, type(None))) for _, value in data["user_properties"]):
            return data  # JSON would make another type of it
        return {PACKED: msgspec.json.encode(data).decode()}

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_from_serializable(self, data: dict[str, Any]) -> pytest.TestReport | None:
        if (packed := data.get(PACKED)) is None:
            return None
        found: dict[str, Any] = msgspec.json.decode(packed)
        del found["$report_type"]
        found["location"] = tuple(found["location"])
        for name in ("sections", "user_properties"):
            found[name] = [tuple(pair) for pair in found[name]]
        return pytest.TestReport._from_json(found)
