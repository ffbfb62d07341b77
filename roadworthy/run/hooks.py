"""The suite's own hooks, for plugins of pytest and for a conftest.py. docs/extending.md shows each in use."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from roadworthy.lane.lanes import Lane
    from roadworthy.lane.stand import Stand
    from roadworthy.reports.records import Record
    from roadworthy.run.session import Session


@pytest.hookspec(firstresult=True)
def pytest_roadworthy_lane_up(run: Session, lane: Lane, held: ExitStack) -> Stand | None:
    """Bring a lane up and push its clean-up onto `held`. Raises what lane.bring_up.lane_up raises."""


def pytest_roadworthy_lane_facts(lane: Lane, stand: Stand) -> Mapping[str, Any] | None:
    """Tell more about a lane that came up: values that JSON can hold, under names that nobody else uses.

    They stand in the lane's record beside the suite's own facts. A published page leaves out names it does not know.
    """


def pytest_roadworthy_record(record: Record) -> None:
    """See each record of a run when it is in the bundle: the plan, lanes, results, benchmarks.

    With -n it is called in the workers, where the records are made.
    """


def pytest_roadworthy_run_end(directory: Path, page: Path | None) -> None:
    """See a run's bundle when it is closed and has its page, None if that could not be written.

    With -n it is called once, in the process that has joined the workers' bundles.
    """
