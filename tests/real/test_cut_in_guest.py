"""The power of a guest's disk is cut: a daemon finds what the disk's log says; a kill in the middle leaves nothing."""

import shutil
import signal

import pytest

from roadworthy.deadline import wait_until
from roadworthy.programs import ENVIRONMENT
from roadworthy.supplies.packages import needs
from roadworthy.upkeep import reaper

pytestmark = [pytest.mark.real, pytest.mark.guest]

CHECKS = """
from roadworthy.cuts.operation import operation

@operation("write")
def write(store):
    '''A new file, and its fsync.'''
    fs = store.process(made := store.laid_out({"f": b"image"}))
    yield None
    fs.store("new", b"written")
    for path in ("new", "."):
        fs.fsync(fs.open(path, os.O_RDONLY))
    yield store.file(made, "new", b"written", None)

@check("sample/cut")
def test_cut(cuts, observe):
    '''Before the file was synced it is as before, then it is there; what was there before is whole at every cut.'''
    found = cuts(write)
    states = [look.states["new"] for look in found.looks]
    observe("states", " ".join(states))
    assert found.not_started().states == found.hurt().states == "whole"
    assert (states[0], states[-1]) == ("as before", "whole")
    assert set(states) == {"as before", "whole"}

@check("sample/once")
@lower(f=b"image")
def test_once(own_containers, own_storage, power_cut):
    '''What was synced is there.'''
    fs = own_containers.process(live := own_containers.run())
    own_storage.backing.settle()
    fs.store("kept", b"written")
    for path in ("kept", "."):
        fs.fsync(fs.open(path, os.O_RDONLY))
    live.forget_agent()
    power_cut()
    found = own_containers.process(live.start())
    assert (found.load("f"), found.load("kept")) == (b"image", b"written")
"""


@pytest.fixture(autouse=True)
def emulator():
    for program in ("qemu-system-x86_64", "mmdebstrap"):
        if not shutil.which(program, path=ENVIRONMENT["PATH"]):
            pytest.skip(needs(program))


@pytest.mark.parametrize(
    ("driver", "backing"),
    [("overlay2", "ext4"), ("devicemapper", "direct-lvm"), ("devicemapper", "loop-lvm"), ("zfs", "zfs")],
)
def test_what_a_cut_leaves_in_a_guest_is_what_its_disk_was_told(start, driver, backing):
    """One disk with other contents one after another, without a boot: each look sees its own cut and no other's."""
    run = start(CHECKS, "--kernel=6.1", f"--backing={backing}", "--cuts=all", driver=driver)
    assert run.process.wait(3000) == 0, run.text()[-3000:]
    assert run.verdicts() == {"sample/cut": "pass", "sample/once": "pass"}
    run.ledger()
    assert run.left() == []


def test_a_run_that_is_killed_while_it_looks_leaves_nothing(start):
    """The guest goes with the run, and one reap removes logs, images and contents."""
    run = start(CHECKS, "--kernel=6.1", "--cuts=all", "-k", "test_cut")
    run.until(lambda: any(item.identity.get("path", "").endswith(".cut.img") for item in run.ledger()), 1500)
    run.process.send_signal(signal.SIGKILL)
    assert run.process.wait(10) == -signal.SIGKILL
    wait_until(lambda: not [found for found in run.alive() if not found.startswith("loop")], 60, "the guest to end")
    reaper.reap()
    wait_until(lambda: run.left() == [], 20, "the reaper")
