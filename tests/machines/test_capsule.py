"""The end of a capsule."""

import subprocess

import pytest

from roadworthy.machines import capsule as capsules
from roadworthy.machines.capsule import Capsule
from roadworthy.upkeep.ledger import Ledger


def test_a_capsule_may_end_by_itself_while_it_is_closed(monkeypatch):
    """Its first process ends with its input; that it is gone when it would be killed is no trouble."""

    def gone(pid, number):
        raise ProcessLookupError(3, "No such process")

    monkeypatch.setattr(capsules.os, "kill", gone)
    made = Capsule.__new__(Capsule)
    made._keep, made._image, made._started = False, None, []
    made._outer = subprocess.Popen(
        ["sh", "-c", "read nothing; exec sleep 0.2"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    made.pid = made._outer.pid
    made.close()
    assert made._outer.poll() is not None


@pytest.mark.real
def test_nothing_that_was_started_inside_is_left_unwaited(tmp_path):
    """Its processes on this host end with it, and are waited for: nobody else would do it."""
    ledger = Ledger(tmp_path)
    capsule = Capsule(ledger, runtime=tmp_path)
    started = capsule.start(["sleep", "60"], tmp_path / "log")
    capsule.close()
    ledger.close()
    assert started.returncode is not None
