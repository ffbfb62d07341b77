"""Hooks of the suite's own, for a plugin that replaces a part of it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from roadworthy.lane.lanes import Lane
    from roadworthy.lane.stand import Stand
    from roadworthy.run.session import Session


@pytest.hookspec(firstresult=True)
def pytest_roadworthy_lane_up(run: Session, lane: Lane, held: ExitStack) -> Stand | None:
    """Bring a lane up and push its clean-up onto `held`. Raises what lane.bring_up.lane_up raises."""
