"""Room for guests: how many at once, and that others wait."""

import os

import pytest

from roadworthy.guests import room as rooms
from roadworthy.guests.room import places, processors, room


def test_at_most_one_guest_a_core_and_what_memory_holds():
    """More memory a guest, fewer guests, and always one."""
    assert 1 <= places(1 << 30) <= os.cpu_count()
    assert places(1 << 60) == 1


def test_guests_that_run_at_once_share_the_cores(monkeypatch):
    """A guest has two processors, and one where each core has a guest of its own; never none."""
    monkeypatch.setattr(rooms.os, "cpu_count", lambda: 2)
    assert [processors(at_once) for at_once in (1, 2, 3)] == [2, 1, 1]
    monkeypatch.setattr(rooms.os, "cpu_count", lambda: 8)
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "4")
    assert processors() == 2
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT")
    assert processors() == 2


def test_who_finds_all_places_taken_waits_for_one(tmp_path, monkeypatch):
    """With one place taken the next waits until its patience ends; a place that is free again is taken."""
    monkeypatch.setattr(rooms, "PATIENCE", 0.05)
    monkeypatch.setattr(rooms, "places", lambda memory: 1)
    with (
        room(1, tmp_path), pytest.raises(TimeoutError, match="room for another virtual machine"), room(1, tmp_path),
    ):  # fmt: skip
        pass
    with room(1, tmp_path):
        pass
