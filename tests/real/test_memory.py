"""The kernel ends processes for lack of memory: pytest itself, and a process of a container."""

import os
import signal

import pytest

from roadworthy.deadline import wait_until
from roadworthy.reports.bundle import read_bundle
from roadworthy.upkeep import reaper
from roadworthy.upkeep.reaper import cgroup_mounts, emptied

pytestmark = pytest.mark.real

CHECKS = """
@check("sample/before")
@lower(f=b"data")
def test_before(fs):
    '''It holds.'''
    assert fs.load("f") == b"data"

@check("sample/greedy")
@lower(f=b"data")
def test_greedy(fs, containers):
    '''It takes more memory than there is.'''
    BODY

@check("sample/after")
@lower(f=b"data")
def test_after(fs):
    '''It holds.'''
    assert fs.load("f") == b"data"
"""
#: Words before a command that run it in a control group, which is their argument.
JOIN = ["sh", "-ec", 'echo $$ >"$0/cgroup.procs"; exec "$@"']
LIMIT = 512 << 20


@pytest.fixture
def cramped():
    """A control group in which there is little memory."""
    for mount in cgroup_mounts():
        group = mount / f"cramped-{os.getpid()}"
        group.mkdir()
        limits = [limit for name in ("memory.max", "memory.limit_in_bytes") if (limit := group / name).exists()]
        if limits:
            break
        group.rmdir()
    else:
        pytest.skip("no hierarchy of control groups has a memory controller")
    limits[0].write_text(str(LIMIT))
    yield group
    wait_until(lambda: emptied(group), 30, f"{group} to be free")


def test_F05_a_run_that_the_kernel_ends_for_lack_of_memory_leaves_nothing(start, cramped):
    """It ends as by SIGKILL: its daemon goes with it, one reap removes the rest, and what it had found can be read."""
    greedy = CHECKS.replace("BODY", "assert not bytes(bytearray(b'x' * (1 << 20)) * 2048)")
    run = start(greedy, "-q", before=[*JOIN, str(cramped)])
    run.until_known()
    assert run.process.wait(120) == -signal.SIGKILL, run.text()
    wait_until(lambda: [one for one in run.alive() if not one.startswith("loop")] == [], 20, "the daemon to go, too")
    assert run.verdicts() == {"sample/before": "pass"}
    assert any("closing record" in trouble for trouble in read_bundle(run.bundle).troubles)
    reaper.reap()
    wait_until(lambda: run.left() == [], 20, "the reaper")


def test_F06_a_process_that_the_kernel_ends_for_lack_of_memory_is_an_error(start):
    """A process of a container that has used up its memory says nothing about the driver; the next check is asked."""
    greedy = """own = containers.process(containers.run(mem_limit="64m"))
    file = own.open("/dev/shm/big", os.O_WRONLY | os.O_CREAT)
    for _ in range(200):
        own.write(file, bytes(1 << 20))"""
    run = start(CHECKS.replace("BODY", greedy))
    assert run.end() == 1, run.text()
    assert run.verdicts() == {"sample/before": "pass", "sample/greedy": "error", "sample/after": "pass"}
    assert "out of memory: Killed process" in run.reasons()["sample/greedy"]
    assert run.left() == []
