"""From a verdict to pytest's outcome, exit status, bundle and report, on a lane that is faked."""

import re
import shutil
from contextlib import contextmanager
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from roadworthy.machines import host
from roadworthy.machines.watchdog import Sight
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.reports.bundle import read_bundle
from roadworthy.run import session
from roadworthy.run.outcomes import QUIET

RECORDED = """
["sample/known"]
when = { driver = ["overlay2"] }
signature = "rename('a', 'b') was refused with EXDEV"
why = "no redirect"
source = "a document"

["sample/fixed"]
when = { driver = ["overlay2"] }
signature = "rename('a', 'b') was refused with EXDEV"
why = "no redirect"
source = "a document"

["sample/other"]
when = { driver = ["overlay2"] }
signature = "rename('a', 'b') was refused with EXDEV"
why = "no redirect"
source = "a document"
"""

EVERY = """
from roadworthy.calls.exchange import AgentFault, CallHung
from roadworthy.calls.answers import HostTrouble, Refused
from roadworthy.reasons import Precondition

def sample(name, outcome=None):
    @check(f"sample/{name}")
    def test(declaration_of):
        '''It holds.'''
        if outcome is not None:
            raise outcome
    return test

test_pass = sample("pass")
test_fail = sample("fail", AssertionError("assert 1 == 2"))
test_known = sample("known", Refused("rename('a', 'b')", "EXDEV"))
test_fixed = sample("fixed")
test_other = sample("other", Refused("rename('a', 'b')", "EPERM"))
test_hang = sample("hang", CallHung("open() did not return within 30 s"))
test_error = sample("error", AgentFault("the agent died"))
test_full = sample("full", HostTrouble("write() was refused with ENOSPC"))
test_skipped = sample("skipped", Precondition("needs fio: apt-get install fio"))
test_unsupported = needs(SIZE_LIMIT)(sample("unsupported"))
"""

SEVERAL = """
@check("sample/several", provenance=("lower", "upper"))
def test_several(declaration_of):
    '''It holds.'''
    assert declaration_of
"""


def test_a_result_has_the_id_by_which_pytest_finds_its_check(run, fake_stand):
    """What a bundle and a page name can be asked again; rounds are told apart by their number alone."""
    done = run(SEVERAL)
    asked = [line["nodeid"] for line in done.records if line["type"] == "result"]
    assert len(asked) == 2
    assert run(SEVERAL, "--collect-only", "-q").lines[: len(asked)] == asked
    repeated = run(SEVERAL, "--repeat=2", f"--bundle={done.bundle}-repeated")
    assert {line["nodeid"] for line in repeated.records if line["type"] == "result"} <= set(asked)


def test_an_id_picks_its_check(run, fake_stand):
    """-k takes the id that the page shows, with its case or without."""
    assert set(run(EVERY, "-k", "sample/pass").verdicts) == {"sample/pass"}


def test_a_traceback_is_formatted_only_where_it_is_shown(run, fake_stand, deviations, monkeypatch):
    """That takes pytest a tenth of a second, and a lane that cannot start has hundreds of skipped checks."""
    deviations(RECORDED)
    formatted = []
    repr_failure = pytest.Function.repr_failure

    def counted(self, *arguments):
        formatted.append(self.name.partition("[")[0])
        return repr_failure(self, *arguments)

    monkeypatch.setattr(pytest.Function, "repr_failure", counted)
    verdicts = run(EVERY).verdicts
    quiet = {f"test_{name.partition('/')[2]}" for name, verdict in verdicts.items() if verdict in QUIET}
    assert {"test_known", "test_skipped", "test_unsupported"} <= quiet
    assert {"test_fail", "test_error"} <= set(formatted)
    assert not quiet.intersection(formatted)


OBSERVING = """
@check("sample/seen")
def test_seen(declaration_of, observe):
    '''It holds.'''
    observe("inode", "same")
"""

VERDICTS = {
    "sample/pass": "pass", "sample/fail": "fail", "sample/known": "known", "sample/fixed": "fixed",
    "sample/other": "fail", "sample/hang": "hang", "sample/error": "error", "sample/full": "error",
    "sample/skipped": "skipped", "sample/unsupported": "unsupported",
}  # fmt: skip


def test_every_verdict_is_in_the_bundle_and_has_its_outcome(run, fake_stand, deviations):
    """A pass passes, known is an expected failure, unsupported and skipped skip, error is an error, the rest fails."""
    deviations(RECORDED)
    done = run(EVERY)
    assert done.verdicts == VERDICTS
    assert done.code == 1
    assert done.counts == {"passed": 1, "xfailed": 1, "skipped": 2, "errors": 2, "failed": 4}


def test_the_bundle_is_whole(run, fake_stand, deviations):
    """The bundle has plan, a result a check, the lane and the end, and its reader finds no fault."""
    deviations(RECORDED)
    done = run(EVERY)
    found = read_bundle(done.bundle)
    assert found.troubles == ()
    assert found.end.exit_status == 1
    assert {result.check for result in found.results} == {check.id for check in found.plan.checks}
    assert [(lane.state, lane.reason) for lane in found.lanes] == [("ready", "")]
    assert (done.bundle / "index.html").exists()


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("pass", 0, ""),
        ("fail", 1, "assert 1 == 2"),
        ("known", 0, "no redirect [a document]"),
        ("fixed", 1, "[fixed] the recorded deviation did not happen: no redirect; remove"),
        ("other", 1, "EPERM"),
        ("hang", 1, "[hang] open() did not return within 30 s"),
        ("error", 1, "the agent died"),
        ("skipped", 0, "[skipped] needs fio: apt-get install fio"),
        ("unsupported", 0, "[unsupported] this driver on this backing has no size limit for a container"),
    ],
)
def test_a_verdict_alone_decides_the_exit_status(run, fake_stand, deviations, name, code, said):
    """What is no fault of the driver's promise, or recorded, leaves the run green; the summary says why."""
    deviations(RECORDED)
    done = run(EVERY, "-rA", "-k", f"test_{name}", "-o", "console_output_style=classic")
    assert done.code == code
    assert said in done.text


def test_F48_a_fixed_deviation_names_its_entry(run, fake_stand, deviations):
    """The entry that has to go is named with file and line."""
    deviations(RECORDED)
    assert re.search(r"; remove suite/deviations/sample.toml:8\b", run(EVERY, "-k", "test_fixed").text)


def test_a_bundle_does_not_tell_where_the_suite_lies(run, fake_stand, deviations, tmp_path, pytester, monkeypatch):
    """Deviations and checks are named from the suite's own directory, wherever pytest takes its root to be."""
    deviations(RECORDED)
    done = run(EVERY, "-k", "test_fixed or test_known")
    recorded = [line["deviation"] for line in done.records if line.get("deviation")]
    assert [(found["file"], found["line"]) for found in recorded] == [
        ("suite/deviations/sample.toml", 2), ("suite/deviations/sample.toml", 8),
    ]  # fmt: skip
    monkeypatch.setattr(session, "CONFORMANCE", pytester.path / "conformance")
    shutil.rmtree(done.bundle)
    (plan, *_) = run(EVERY, "--rootdir=/").records
    assert {check["file"] for check in plan["checks"]} == {"test_sample.py"}


def test_two_entries_for_one_check_are_an_error_with_both_places(run, fake_stand, deviations):
    """Entries that contradict each other make the check an error, and the run goes on."""
    table = RECORDED[: RECORDED.index('["sample/fixed"]')].replace('["sample/known"]', '[["sample/known"]]')
    deviations(table + table)
    done = run(EVERY, "-k", "test_known or test_pass")
    assert done.verdicts == {"sample/pass": "pass", "sample/known": "error"}
    assert re.search("sample.toml:2 and .*sample.toml:9: both speak of sample/known", done.reasons["sample/known"])


def test_junit_has_lane_check_and_verdict(run, fake_stand, deviations, tmp_path):
    """Each test case of the JUnit report carries the lane, the check's id, the verdict and what was observed."""
    deviations(RECORDED)
    report = tmp_path / "junit.xml"
    done = run(EVERY + OBSERVING, f"--junitxml={report}")
    cases = {}
    for case in ElementTree.parse(report).iter("testcase"):
        found = {entry.get("name"): entry.get("value") for entry in case.iter("property")}
        assert found["lane"] == f"overlay2-ext4-docker20.10-{session.Host().kernel}"
        cases[found["check"]] = found["verdict"]
        if found["check"] == "sample/seen":
            assert found["observed: inode"] == "same"
    assert cases == {**VERDICTS, "sample/seen": "pass"}
    assert done.verdicts == cases


def test_nothing_is_coloured_where_there_is_no_terminal(run, fake_stand, deviations):
    """Output that goes to a file has no escape codes, whatever the verdicts are."""
    deviations(RECORDED)
    assert "\x1b" not in run(EVERY, "-rA").text


def test_colours_are_there_when_asked_for(run, fake_stand):
    """`--color=yes` colours the verdicts."""
    assert "\x1b[" in run(EVERY, "--color=yes").text


def test_the_header_can_be_left_out(run, fake_stand):
    """The header names lanes and versions; `--no-header` leaves it out."""
    assert "roadworthy: 1 lane, engine docker20.10" in run(EVERY, "-k", "test_pass").text


@pytest.mark.parametrize("option", ["--no-header", "-q"])
def test_a_quiet_run_has_no_header_of_ours(run, fake_stand, option):
    """`--no-header` and `-q` hold for the plugin as for pytest."""
    done = run(EVERY, "-k", "test_pass", option)
    assert "roadworthy: 1 lane" not in done.text
    assert done.verdicts == {"sample/pass": "pass"}
    if option == "-q":
        assert "API 1.41" not in done.text


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [
        (Unsupported("needs the device mapper: this kernel has no dm_mod"), "unsupported"),
        (Precondition("needs dockerd: install docker.io"), "skipped"),
    ],
    ids=["unsupported", "skipped"],
)
def test_a_lane_that_cannot_be_asked_tells_each_check_why(run, fake_stand, monkeypatch, reason, verdict):
    """Where a lane is unsupported or skipped, all its checks are so, with the reason, and no check fails."""

    def bring_up(*_):
        raise reason

    monkeypatch.setattr(session, "lane_up", bring_up)
    done = run(EVERY)
    assert set(done.verdicts.values()) == {verdict}
    assert set(done.reasons.values()) == {str(reason)}
    assert len(done.verdicts) == len(VERDICTS)
    assert done.counts == {"skipped": len(VERDICTS)}
    (lane,) = [line for line in done.records if line["type"] == "lane"]
    assert (lane["state"], lane["reason"]) == (verdict, str(reason))


def test_a_lane_that_does_not_come_up_is_one_error(run, fake_stand, monkeypatch, tmp_path):
    """A daemon that does not start is one error with its cause; the other checks are missing; it is tried once."""
    tried = []

    def bring_up(lane, *_):
        tried.append(lane.id)
        raise session.reaper.struct.error("dockerd ended with 1: no space left")

    monkeypatch.setattr(session, "lane_up", bring_up)
    report = tmp_path / "junit.xml"
    done = run(EVERY, "-rs", f"--junitxml={report}")
    assert list(done.verdicts.values()) == ["error"]
    assert done.counts == {"errors": 1, "skipped": len(VERDICTS) - 1}
    assert done.code == 1
    assert len(tried) == 1
    assert "[missing] the lane did not come up: dockerd ended with 1" in done.text
    found = [case.get("value") for case in ElementTree.parse(report).iter("property") if case.get("name") == "verdict"]
    assert sorted(found) == ["error"] + ["missing"] * (len(VERDICTS) - 1)


def test_one_lane_that_does_not_come_up_leaves_the_others(run, fake_stand, monkeypatch):
    """A second lane is tried although the first one failed."""
    bring_up = session.lane_up

    def sometimes(lane, *rest):
        if lane.driver.name == "vfs":
            raise OSError("no")
        return bring_up(lane, *rest)

    monkeypatch.setattr(session, "lane_up", sometimes)
    done = run(EVERY, "-k", "test_pass", driver="vfs,overlay2")
    verdicts = {line["lane"].split("-")[0]: line["verdict"] for line in done.records if line["type"] == "result"}
    assert verdicts == {"vfs": "error", "overlay2": "pass"}


CLEANING = """
@pytest.fixture
def cleaning():
    yield
    raise RuntimeError("it will not go")

@check("sample/clean")
def test_clean(declaration_of, cleaning):
    '''It holds.'''
    assert declaration_of
    OUTCOME
"""


@pytest.mark.parametrize(
    ("outcome", "verdict", "reason"),
    [
        ("pass", "error", "while cleaning up: RuntimeError: it will not go"),
        ("assert 1 == 2", "fail", "assert 1 == 2; while cleaning up: RuntimeError: it will not go"),
    ],
    ids=["pass", "fail"],
)
def test_trouble_while_cleaning_up_is_in_the_checks_one_result(run, fake_stand, outcome, verdict, reason):
    """A check has one result; trouble after it makes a pass an error, and stays beside a broken promise."""
    done = run(CLEANING.replace("OUTCOME", outcome))
    assert done.verdicts == {"sample/clean": verdict}
    assert done.reasons["sample/clean"] == reason
    assert len([line for line in done.records if line["type"] == "result"]) == 1
    assert read_bundle(done.bundle).troubles == ()
    assert done.code == 1


def test_F19_a_bug_of_the_kernel_while_cleaning_up_is_a_crash(run, fake_stand, monkeypatch):
    """What the kernel reports after a check's body still belongs to the check."""

    class FakeLog:
        said = iter([[], ["BUG: kernel NULL pointer dereference"]])

        def lines(self):
            return next(self.said, [])

        def close(self):
            pass

    monkeypatch.setattr(host, "KernelLog", FakeLog)
    done = run(EVERY, "-k", "test_pass")
    assert done.verdicts == {"sample/pass": "crash"}
    assert "BUG: kernel NULL pointer" in done.reasons["sample/pass"]


def test_an_interrupted_check_is_an_error_in_the_bundle(run, fake_stand):
    """An interrupt during a check makes it an error, ends the run with status 2, and closes the bundle."""
    done = run("@check('sample/x')\ndef test_x(declaration_of):\n    '''It holds.'''\n    raise KeyboardInterrupt\n")
    assert done.code == 2
    assert done.verdicts == {"sample/x": "error"}
    assert done.reasons == {"sample/x": "interrupted"}
    assert done.records[-1]["type"] == "end"
    assert read_bundle(done.bundle).troubles == ("the run was ended early (interrupted)",)


def test_a_check_that_had_its_verdict_keeps_it_when_interrupted(run, fake_stand):
    """An interrupt while a check is cleaned up does not write a second result."""
    done = run(CLEANING.replace('RuntimeError("it will not go")', "KeyboardInterrupt").replace("OUTCOME", "pass"))
    assert done.code == 2
    assert done.verdicts == {"sample/clean": "pass"}
    assert read_bundle(done.bundle).troubles == ("the run was ended early (interrupted)",)


def test_F22_a_bundle_that_can_no_longer_be_written_ends_the_run(run, fake_stand, monkeypatch):
    """On a full disk the run ends with a sentence and its own status, and what was written stays readable."""
    write = session.os.write
    left = [3]

    def filling(descriptor, data):
        if data.startswith(b'{"type":'):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(session.os, "write", filling)
    done = run(EVERY)
    assert done.code == session.os.EX_IOERR
    assert "bundle.jsonl cannot be written: No space left on device; the bundle is incomplete" in done.text
    assert "INTERNALERROR" not in done.text
    assert len(done.verdicts) == 2
    assert any("closing record" in trouble for trouble in read_bundle(done.bundle).troubles)


def test_F25_a_bundle_that_cannot_be_synced_ends_the_run(run, fake_stand, monkeypatch):
    """Where the disk of the results fails at a sync, nothing more is written, and the run ends incomplete."""
    sync = session.os.fsync
    left = [3]

    def failing(descriptor):
        if "bundle.jsonl" in session.os.readlink(f"/proc/self/fd/{descriptor}"):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(5, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(session.os, "fsync", failing)
    done = run(EVERY)
    assert done.code == session.os.EX_IOERR
    assert "bundle.jsonl cannot be written: Input/output error; the bundle is incomplete" in done.text
    assert "INTERNALERROR" not in done.text
    assert len(done.verdicts) == 3
    assert any("closing record" in trouble for trouble in read_bundle(done.bundle).troubles)


PANICS = """
from roadworthy.reasons import MachineLost

@check("sample/panics")
def test_panics(declaration_of):
    '''It holds.'''
    raise MachineLost("crash", "Kernel panic")

@check("sample/after")
def test_after(declaration_of):
    '''It holds.'''
    assert declaration_of
"""


@pytest.fixture
def boots(monkeypatch, fake_stand):
    """Lanes whose machine boots, or fails to, as this list says; boots beyond the list succeed."""
    told = []

    @contextmanager
    def lane_up(lane, *_):
        if told and not told.pop(0):
            raise OSError("no room")
        yield fake_stand(lane)

    monkeypatch.setattr(session, "lane_up", lane_up)
    monkeypatch.setattr(fake_stand, "go_on_as", lambda self, other: None, raising=False)
    return told


def test_a_machine_that_comes_back_at_the_second_boot_costs_one_verdict(run, boots):
    """One failed boot after a panic is told, and the checks that follow have their verdicts."""
    boots[:] = [True, False, True]
    done = run(PANICS)
    assert done.verdicts == {"sample/panics": "crash", "sample/after": "pass"}
    assert "it did not come back (no room); it is booted once more" in done.text


def test_a_machine_that_does_not_come_back_says_why_in_the_bundle(run, boots):
    """After two failed boots the rest is missing, and the check that met the panic carries both reasons."""
    boots[:] = [True, False, False]
    done = run(PANICS)
    assert done.verdicts == {"sample/panics": "crash"}
    said = "Kernel panic; the machine could not be brought back after a check: no room"
    assert done.reasons["sample/panics"] == said


def loses(fake_stand, monkeypatch):
    """Let each check that breaks lose its lane."""
    from roadworthy.engines.engine import EngineFailed

    def recovered(self, broken, capabilities, trouble=""):
        if broken is not None:
            self.lost = EngineFailed("the lane could not be brought back")
        return broken

    monkeypatch.setattr(fake_stand, "recovered", recovered)


def test_a_lane_that_is_lost_after_a_check_leaves_the_rest_missing(run, fake_stand, boots, monkeypatch):
    """Where a lane cannot be brought back, the check that broke it has the verdict and the others are missing."""
    loses(fake_stand, monkeypatch)
    boots[:] = [True, False]
    done = run(EVERY, "-rs", "-k", "pass or hang or error or full")
    assert done.verdicts == {"sample/pass": "pass", "sample/hang": "hang"}
    assert done.counts["skipped"] == 2
    said = "the lane could not be brought back; nor could a new daemon be started: no room"
    assert f"[missing] the lane did not come up: {said}" in done.text
    assert done.reasons["sample/hang"].endswith(f"; {said}")


HANGS = """
from roadworthy.calls.exchange import CallHung

@pytest.mark.parametrize("turn", range(6))
@check("sample/hang")
def test_hang(declaration_of, turn):
    '''It holds.'''
    raise CallHung("no answer")
"""


def test_a_lane_that_cannot_be_brought_back_begins_anew_three_times(run, fake_stand, boots, monkeypatch):
    """Each time the check has its own verdict alone, and the next one is asked; the fourth time the rest is missing."""
    loses(fake_stand, monkeypatch)
    monkeypatch.setattr(fake_stand, "go_on_as", lambda self, other: setattr(self, "lost", None))
    done = run(HANGS)
    assert list(done.verdicts.values()) == ["hang"] * 4
    assert list(done.reasons.values()) == ["no answer"] * 3 + ["no answer; the lane could not be brought back"]
    assert done.text.count("a new daemon is started on a new disk") == 3
    assert done.counts["skipped"] == 2


def test_a_check_skipped_or_expected_to_fail_by_marks_is_no_pass(run, fake_stand):
    """pytest's own marks do not make a verdict: a check that was skipped by one is an error."""
    done = run(
        "@pytest.mark.skip(reason='later')\n@check('sample/x')\ndef test_x(fs):\n    '''It holds.'''\n    assert fs\n"
    )
    assert done.verdicts == {"sample/x": "error"}
    assert done.code == 1


@pytest.mark.parametrize("quiet", [[], ["-q"]], ids=["plain", "q"])
def test_where_a_kept_daemon_answers_is_told_always(run, fake_stand, monkeypatch, quiet):
    """-q leaves out what a user can do without, as the engine's version, and not the socket of what goes on running."""
    monkeypatch.setattr(fake_stand, "keep", True)
    monkeypatch.setattr(fake_stand, "engine", SimpleNamespace(socket="/run/s"), raising=False)
    found = run(
        "@check('sample/one')\ndef test_one(declaration_of):\n    '''It holds.'''\n    assert declaration_of\n", *quiet
    )
    assert "  kept: docker --host unix:///run/s ps -a; roadworthy reap --kept removes it" in found.lines
    assert any("API 1.41" in line for line in found.lines) is not bool(quiet)


class FakeWatchdog:
    """Tells the sights of `told` one after the other, and nothing after the last."""

    told = []

    def look(self, name, asleep=False):
        return self.told.pop(0) if self.told and name != "second" else Sight()

    def watch(self, name, watched):
        """A stand without processes has nothing to watch."""

    forget = close = lambda self, *_: None


@pytest.fixture
def watchdog(monkeypatch):
    """A watchdog that tells a lane's checks what this list says: before each check, and after it."""
    told = []
    monkeypatch.setattr(FakeWatchdog, "told", told)
    monkeypatch.setattr(session, "Watchdog", FakeWatchdog)
    return told


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("pass", "pass"), ("known", "known"), ("skipped", "skipped"), ("fail", "error"), ("hang", "error"),
     ("error", "error")],
)  # fmt: skip
def test_what_breaks_while_the_run_is_stopped_says_nothing(
    run, fake_stand, deviations, watchdog, name, verdict
):  # fmt: skip
    """It is an error with the cause first; a promise that was kept, or broken as recorded, is what it is."""
    deviations(RECORDED)
    watchdog += [Sight(stopped=70.2)]
    done = run(EVERY, "-k", f"sample/{name}")
    assert done.verdicts == {f"sample/{name}": verdict}
    told = done.reasons[f"sample/{name}"].startswith("this run itself was stopped for 70 s; ")
    assert told is (verdict == "error")


@pytest.mark.parametrize(("name", "verdict"), [("hang", "error"), ("fail", "fail")])
def test_a_stopped_process_of_a_container_explains_a_missing_answer_only(run, fake_stand, watchdog, name, verdict):
    """Checks may stop processes of theirs."""
    watchdog += [Sight(inside=("python3 7 in a container of the lane is stopped (state T)",))]
    assert run(EVERY, "-k", f"sample/{name}").verdicts == {f"sample/{name}": verdict}


@pytest.mark.parametrize(("late", "verdict"), [(2.0, "hang"), (12.0, "error")])
def test_F37_what_breaks_on_a_host_without_processors_is_an_error(run, fake_stand, watchdog, late, verdict):
    """Where the watchdog had no processor for long, the container had none either."""
    watchdog += [Sight(late=late)]
    assert run(EVERY, "-k", "sample/hang").verdicts == {"sample/hang": verdict}


def test_a_lane_is_made_usable_before_a_check(run, fake_stand, watchdog, monkeypatch):
    """What happened between two checks costs none of them its verdict, and is told."""
    troubles = []

    def recovered(self, broken, capabilities, trouble=""):
        troubles.append(trouble)
        return broken

    monkeypatch.setattr(fake_stand, "recovered", recovered)
    watchdog += [Sight(), Sight(("dockerd 7 of the lane was killed by signal 9",))]
    done = run(EVERY, "-k", "sample/pass or sample/skipped")
    assert done.verdicts == {"sample/pass": "pass", "sample/skipped": "skipped"}
    assert troubles == ["", "dockerd 7 of the lane was killed by signal 9", ""]
    assert "dockerd 7 of the lane was killed by signal 9" in done.text
