"""Verdicts: what a check's end, a recorded deviation and the kernel's log amount to."""

import re
from dataclasses import replace

import pytest
from requests.exceptions import ConnectionError, ReadTimeout
from urllib3.exceptions import ReadTimeoutError

from roadworthy.calls.answers import Died, HostTrouble, Refused
from roadworthy.calls.exchange import AgentFault, CallHung
from roadworthy.engines.engine import EngineFailed
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Precondition, Unsupported, first_line
from roadworthy.reports.records import WORST_FIRST, Observation
from roadworthy.verdict.deviations import Deviation
from roadworthy.verdict.judge import judge
from roadworthy.verdict.matching import Wanted

RECORDED = Deviation("rename/d", {"driver": ("overlay2",)}, "EXDEV", "no redirect", "a document", "rename.toml", 3)
RACE = Deviation(
    "readdir/d", {"driver": ("fuse",)}, "EXDEV", "who comes first", "a document", "readdir.toml", 3, race=True
)
BUG = ["eth0: link up", "BUG: kernel NULL pointer dereference, address: 0000000000000008"]
FAILING = ["I/O error, dev loop0, sector 8 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2"]
KILLED = ["Memory cgroup out of memory: Killed process 7 (python3) total-vm:81232kB, anon-rss:64000kB"]

TABLE = [
    # outcome, recorded, kernel log, verdict, reason
    (None, None, [], "pass", ""),
    (None, None, ["overlayfs: upper fs does not support RENAME_WHITEOUT"], "pass", ""),
    (None, replace(RECORDED, forestalled=True), [], "pass", ""),
    (None, RECORDED, [], "fixed", "the recorded deviation did not happen: no redirect"),
    (None, RACE, [], "known", "a race, and this time the promise was kept: who comes first"),
    (Refused("rename('a', 'b')", "EXDEV"), RACE, [], "known", "rename('a', 'b') was refused with EXDEV"),
    (Refused("rename('a', 'b')", "EIO"), RACE, [], "fail", "another signature: EXDEV"),
    (AssertionError("assert 1 == 2\nmore"), None, [], "fail", "assert 1 == 2"),
    (AssertionError(), None, [], "fail", "AssertionError"),
    (Refused("rename('a', 'b')", "EXDEV"), None, [], "fail", "rename('a', 'b') was refused with EXDEV"),
    (Died("load(1 bytes)", "SIGBUS"), None, [], "fail", "load(1 bytes) killed the process: SIGBUS"),
    (Refused("rename('a', 'b')", "EXDEV"), RECORDED, [], "known", "rename('a', 'b') was refused with EXDEV"),
    (Refused("rename('a', 'b')", "EIO"), RECORDED, [], "fail", "another signature: EXDEV"),
    (AssertionError("first\nEXDEV"), RECORDED, [], "fail", "another signature"),
    (CallHung("open() did not return within 30 s"), None, [], "hang", "open() did not return within 30 s"),
    (CallHung("open() did not return"), RECORDED, [], "hang", "open()"),
    (ReadTimeout("Read timed out. (read timeout=60)"), None, [], "hang", "the daemon did not answer: Read timed out."),
    (ConnectionError(ReadTimeoutError(None, None, "late")), None, [], "hang", "the daemon did not answer: "),
    (ConnectionError("Connection aborted."), None, [], "error", "ConnectionError: Connection aborted."),
    (Unsupported("this driver has no copy-up"), None, [], "unsupported", "this driver has no copy-up"),
    (Precondition("needs root"), None, [], "skipped", "needs root"),
    (AgentFault("the agent died"), None, [], "error", "AgentFault: the agent died"),
    (AgentFault("EXDEV"), RECORDED, [], "error", "AgentFault: EXDEV"),
    (AgentFault("the agent died"), None, KILLED, "error", "the agent died; out of memory: Killed process 7 (python3)"),
    (Refused("read(3, 1)", "EIO"), None, KILLED, "fail", "read(3, 1) was refused with EIO"),
    (HostTrouble("out of space"), None, [], "error", "HostTrouble: out of space"),
    (EngineFailed("dockerd ended with 1"), None, [], "error", "EngineFailed: dockerd ended with 1"),
    (ProgramFailed("mkfs.ext4 ended with 1"), None, [], "error", "ProgramFailed"),
    (KeyError("x"), None, [], "error", "KeyError: 'x'"),
    (KeyboardInterrupt(), None, [], "error", "KeyboardInterrupt"),
    (None, None, BUG, "crash", "the kernel reported: BUG: kernel NULL pointer"),
    (Refused("read(3, 1)", "EIO"), None, [], "fail", "read(3, 1) was refused with EIO"),
    (Refused("read(3, 1)", "EIO"), None, FAILING, "error", "a device of this host failed: I/O error, dev loop0"),
    (None, None, FAILING, "pass", ""),
    (None, RECORDED, BUG, "crash", "BUG"),
    (AssertionError("x"), RECORDED, BUG, "crash", "BUG"),
    (CallHung("x"), None, BUG, "crash", "BUG"),
]


@pytest.mark.parametrize(("outcome", "recorded", "log", "verdict", "reason"), TABLE, ids=range(len(TABLE)))
def test_what_happened_has_one_verdict(outcome, recorded, log, verdict, reason):
    """Every end of a check has its verdict and a reason of one line."""
    found = judge(outcome, recorded, log)
    assert found.verdict == verdict
    assert reason in found.reason
    assert "\n" not in found.reason


def test_an_assertion_of_the_suite_itself_is_no_failure():
    """Where the suite's own code finds that it is wrong, that says nothing about the driver; a check's own does."""
    from roadworthy.machines.watchdog import Watchdog

    with pytest.raises(AssertionError) as broken:
        Watchdog()._answer({})
    found = judge(broken.value, RECORDED, [])
    assert found.verdict == "error"
    assert re.fullmatch(r"an assertion of the suite itself failed, machines/watchdog\.py:\d+: .*", found.reason)
    with pytest.raises(AssertionError) as broken:
        assert found.verdict == "fail"
    assert judge(broken.value, None, []).verdict == "fail"


def test_the_table_has_every_verdict_that_a_check_can_get():
    """The table above leaves none out; `missing` is what was never asked."""
    assert {verdict for _, _, _, verdict, _ in TABLE} == set(WORST_FIRST) - {"missing"}


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ('audit: type=1400 audit(1:2): apparmor="DENIED" operation="mount" profile="docker-default" pid=7', "error"),
        ("audit: type=1400 audit(1:2): avc:  denied  { write } for  pid=7 comm=x tclass=file permissive=0", "error"),
        ("audit: type=1400 audit(1:2): avc:  denied  { write } for  pid=7 comm=x tclass=file permissive=1", "fail"),
        ('audit: type=1400 audit(1:2): apparmor="STATUS" operation="profile_load" profile="unconfined"', "fail"),
    ],
)
@pytest.mark.parametrize("code", ["EACCES", "EPERM", "EIO"])
def test_F41_a_denial_by_the_hosts_security_policy_is_an_error(line, verdict, code):
    """A call that was refused as AppArmor and SELinux refuse it, while they say so, says nothing about the driver."""
    found = judge(Refused("open('a')", code), None, ["eth0: link up", line])
    assert found.verdict == ("fail" if code == "EIO" else verdict)
    assert (line.partition("): ")[2] in found.reason) is (found.verdict == "error")
    assert judge(None, None, [line]).verdict == "pass"


def test_what_the_check_saw_decides_too():
    """A break with the recorded text is a failure where the check has seen something else."""
    entry = replace(RECORDED, signature="", observed=(Wanted("size", (), "16 MiB", "17 MiB"),))
    broken = AssertionError("assert 16777216 < 1048576")
    assert judge(broken, entry, [], [Observation("size", "16.1 MiB")]).verdict == "known"
    far_worse = judge(broken, entry, [], [Observation("size", "4096.0 MiB")])
    assert far_worse.verdict == "fail"
    assert far_worse.reason.endswith("(the recorded deviation has another signature: size: 16 MiB to 17 MiB)")


@pytest.mark.parametrize("verdict", ["known", "fixed"])
def test_a_verdict_that_rests_on_a_deviation_carries_it(verdict):
    """`known` and `fixed` say which entry they rest on; `fail` beside an entry does not."""
    outcome = Refused("rename", "EXDEV") if verdict == "known" else None
    assert judge(outcome, RECORDED, []).deviation is RECORDED
    assert judge(AssertionError("other"), RECORDED, []).deviation is None


def test_the_first_line_of_nothing_is_the_exceptions_name():
    """An exception that says nothing is called by its name."""
    assert first_line(ValueError("  \n ")) == "ValueError"
    assert first_line(ValueError("\n one\n two")) == "one"
