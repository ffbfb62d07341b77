"""A lane on another kernel, from the command line to its verdicts; and what a panic in the middle of it costs."""

import shutil

import pytest

from roadworthy.programs import ENVIRONMENT
from roadworthy.reports.bundle import read_bundle
from roadworthy.supplies.packages import needs

# Of all tests with guests this one is for every run; the others carry the marker `guest` and are for those who ask.
pytestmark = pytest.mark.real

CHECKS = """
@check("sample/first")
@lower(f=b"lower")
def test_first(fs, observe):
    '''It holds.'''
    observe("kernel", fs.load("/proc/sys/kernel/osrelease").decode().strip())
    assert fs.load("f") == b"lower"

@check("sample/panics")
def test_panics(fs, stand):
    '''The machine's kernel stops in the middle of it.'''
    stand.machine.guest.start(["sh", "-c", "echo c > /proc/sysrq-trigger"], stand.machine.guest.path("/run/log"))
    for _ in range(10000):
        fs.getpid()

@check("sample/last")
@lower(f=b"lower")
def test_last(fs, storage, container):
    '''It holds on the machine that was booted again.'''
    fs.store("f", b"upper")
    assert storage.upper(container, "f").read_bytes() == b"upper"
"""


@pytest.fixture(autouse=True)
def emulator():
    for program in ("qemu-system-x86_64", "mmdebstrap"):
        if not shutil.which(program, path=ENVIRONMENT["PATH"]):
            pytest.skip(needs(program))


def test_F20_a_panic_costs_one_verdict(start):
    """On kernel 6.1 in a guest, checks have verdicts; one that meets a panic is a crash; the rest go on."""
    run = start(CHECKS, "--kernel=6.1")
    assert run.process.wait(1500) == 1, run.text()[-3000:]
    assert run.verdicts() == {"sample/first": "pass", "sample/panics": "crash", "sample/last": "pass"}, run.text()
    found = read_bundle(run.bundle)
    assert found.troubles == ()
    (lane,) = found.plan.lanes
    assert (lane.id, lane.kernel) == ("overlay2-ext4-docker20.10-linux6.1", "6.1")
    seen = next(result for result in run.results() if result["check"] == "sample/first")["observations"]
    assert seen[0]["value"].startswith("6.1.")
    run.ledger()
    assert run.left() == []
