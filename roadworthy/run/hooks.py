"""Hooks of the suite's own, for a plugin that stands in for a part of it."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from roadworthy.lane.lanes import Lane
from roadworthy.lane.stand import Stand
from roadworthy.run.session import Session


@pytest.hookspec(firstresult=True)
def pytest_roadworthy_lane_up(run: Session, lane: Lane, held: ExitStack) -> Stand | None:
    """Bring a lane up. What undoes it is pushed onto `held`; trouble is raised as lane.bring_up.lane_up does."""
