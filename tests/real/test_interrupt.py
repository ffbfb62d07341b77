"""Ctrl-C in the middle of a check: an error in the bundle, and a clean host."""

import os
import signal
import time
from pathlib import Path

import pytest

from roadworthy.deadline import let_pass
from roadworthy.reports.bundle import read_bundle

pytestmark = pytest.mark.real

BLOCKING = """
@check("sample/first")
def test_first(fs):
    '''It holds.'''
    assert fs

@check("sample/blocks")
def test_blocks(fs):
    '''It never returns.'''
    fs.mkfifo("p")
    open("blocked", "w").close()
    fs.open("p", os.O_RDONLY)

@check("sample/last")
def test_last(fs):
    '''It is not asked.'''
    assert fs
"""


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 2), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, 131)],
    ids=["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"],
)
def test_F03_an_interrupted_run_is_closed_and_clean(start, tmp_path, number, status):
    """The blocked check is an error, the first one keeps its verdict, the bundle is closed, and nothing is left."""
    run = start(BLOCKING)
    run.until(lambda: (tmp_path / "blocked").exists())
    run.ledger()
    run.process.send_signal(number)
    assert run.process.wait(30) == status
    assert run.verdicts() == {"sample/first": "pass", "sample/blocks": "error"}
    assert run.reasons()["sample/blocks"] == "interrupted"
    found = read_bundle(run.bundle)
    assert found.troubles == (f"the run was ended early ({number.name}): 1 of 3 cells have no result",)
    assert found.end.exit_status == status
    assert (run.bundle / "index.html").exists()
    assert "Traceback" not in run.text()
    assert run.left() == []


def test_a_run_that_is_to_outlive_its_terminal_does(start, tmp_path):
    """Below nohup(1), SIGHUP ends nothing."""
    run = start(BLOCKING, before=["env", "--ignore-signal=HUP"])
    run.until(lambda: (tmp_path / "blocked").exists())
    run.process.send_signal(signal.SIGHUP)
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(30) == 128 + signal.SIGTERM
    assert run.left() == []


def test_an_interrupt_while_the_daemon_starts_is_clean(start):
    """An interrupt before the first check ends the run with nothing left, too."""
    run = start(BLOCKING)
    run.until(lambda: bool(run.ledger()) and os.path.exists(f"/run/roadworthy/{run.run}/1/log"))
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(30) == 2
    assert run.verdicts() == {"sample/first": "error"}
    assert "ended early (SIGINT): 2 of 3 cells" in read_bundle(run.bundle).troubles[0]
    assert run.left() == []


def test_F04_an_impatient_interrupt_is_clean_all_the_same(start, tmp_path):
    """Ctrl-C four times within half a second: the run is closed as interrupted, and nothing is left."""
    run = start(BLOCKING)
    run.until(lambda: (tmp_path / "blocked").exists())
    run.ledger()
    for _ in range(4):
        run.process.send_signal(signal.SIGINT)
        let_pass(0.12)
    assert run.process.wait(30) == 2
    found = read_bundle(run.bundle)
    assert (found.end.exit_status, found.end.stopped) == (2, "SIGINT")
    assert run.verdicts() == {"sample/first": "pass", "sample/blocks": "error"}
    assert "Traceback" not in run.text()
    assert run.left() == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 2), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_workers_end_with_their_conductor(start, tmp_path, number, status):
    """A signal to the process that distributes lanes ends its workers at once, cleanly, and their results are kept."""
    run = start(BLOCKING, "-n", "2", "--driver=overlay2,vfs")
    run.until(lambda: (tmp_path / "blocked").exists(), 120)
    workers = [int(path.name) for path in Path("/proc").glob("[0-9]*") if parent(path) == run.process.pid]
    assert len(workers) >= 2
    begun = time.monotonic()
    run.process.send_signal(number)
    assert run.process.wait(60) == status, run.text()
    assert time.monotonic() - begun < 20
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []
    found = read_bundle(run.bundle)
    assert (found.end.exit_status, found.end.stopped) == (status, number.name)
    assert "interrupted" in {result.reason for result in found.results}
    assert f"the run was ended early ({number.name})" in found.troubles[0]
    assert sorted(path.name for path in run.bundle.iterdir()) == ["bundle.jsonl", "index.html"]
    assert "Traceback" not in run.text()


def parent(process):
    """The parent of a process, or None if it has ended."""
    try:
        return int((process / "stat").read_bytes().rpartition(b")")[2].split()[1])
    except OSError:
        return None
