"""Signals that end a run: once, whatever comes after them, and in words that every reader of the bundle shows."""

import os
import signal

import pytest
from click.testing import CliRunner

from roadworthy.command.cli import main
from roadworthy.reports.bundle import read_bundle
from roadworthy.run import session
from roadworthy.run.interrupts import SIGNALS

CHECKS = """
import os, signal

@check("sample/first")
def test_first(declaration_of):
    '''It holds.'''
    assert declaration_of

@check("sample/second")
def test_second(declaration_of):
    '''Meanwhile the run is interrupted.'''
    os.kill(os.getpid(), signal.SIGNAL)

@check("sample/last")
def test_last(declaration_of):
    '''It is not asked.'''
    assert declaration_of
"""
AGAIN = """
import os, signal, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_keyboard_interrupt():
    os.kill(os.getpid(), signal.SIGINT)

def pytest_sessionfinish():
    os.kill(os.getpid(), signal.SIGTERM)
"""
LATE = """
import os, pytest, signal

def pytest_sessionfinish():
    os.kill(os.getpid(), signal.SIGINT)
"""
WHOLE = CHECKS.replace("os.kill(os.getpid(), signal.SIGNAL)", "assert declaration_of")


@pytest.fixture(autouse=True)
def default_signals():
    """A job in a shell's background ignores SIGINT, and so would these runs; a run that was ended keeps its signals."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_while_a_run_is_closed_is_recorded(run, fake_stand, pytester):
    """It comes too late to end anything: the bundle is closed, and has its page."""
    pytester.makeconftest(LATE)
    done = run(WHOLE)
    assert (done.code, set(done.verdicts.values())) == (2, {"pass"})
    assert read_bundle(done.bundle).troubles == ("the run was ended early (SIGINT)",)
    assert (done.bundle / "index.html").exists()


@pytest.mark.parametrize("twice", [False, True], ids=["once", "again and again"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 2), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_a_run_is_ended_by_the_first_signal(run, fake_stand, pytester, number, status, twice):
    """Later signals change neither the status nor what is recorded, until the process has ended."""
    before = signal.getsignal(number)
    if twice:
        pytester.makeconftest(AGAIN)
    done = run(CHECKS.replace("SIGNAL", number.name))
    assert done.code == status
    assert done.verdicts == {"sample/first": "pass", "sample/second": "error"}
    assert done.reasons["sample/second"] == "interrupted"
    assert (done.records[-1]["exit_status"], done.records[-1]["stopped"]) == (status, number.name)
    said = f"the run was ended early ({number.name}): 1 of 3 cells have no result"
    assert read_bundle(done.bundle).troubles == (said,)
    assert signal.getsignal(number) not in (before, signal.SIG_DFL)


def test_an_interrupt_that_got_lost_ends_the_run(run, fake_stand):
    """Where an exception is swallowed, as in a destructor, the next check does not begin."""
    swallowed = CHECKS.replace(
        "os.kill(os.getpid(), signal.SIGNAL)",
        "try: os.kill(os.getpid(), signal.SIGINT)\n    except BaseException: pass",
    )
    done = run(swallowed)
    assert done.code == 2
    assert done.verdicts == {"sample/first": "pass", "sample/second": "pass"}
    assert done.records[-1]["stopped"] == "SIGINT"


def test_a_run_that_stops_at_its_first_failure_says_so(run, fake_stand):
    """What -x leaves out is counted, with pytest's words."""
    done = run(WHOLE.replace("assert declaration_of", "assert not declaration_of", 1), "-x")
    assert read_bundle(done.bundle).troubles == (
        "the run was ended early (stopping after 1 failures): 2 of 3 cells have no result",
    )


def test_an_interrupt_before_the_plan_leaves_no_bundle(run, fake_stand, monkeypatch):
    """A bundle without a plan could not be read by anything."""
    monkeypatch.setattr(session, "suite_version", lambda root: os.kill(os.getpid(), signal.SIGINT))
    done = run(WHOLE)
    assert done.code == 2
    assert not done.bundle.exists()


def test_a_whole_run_does_not_agree_with_one_that_was_cut_short(run, fake_stand, tmp_path):
    """Readers name how many cells are missing, and why; no difference among a few cells is no agreement."""
    interrupted = run(CHECKS.replace("SIGNAL", "SIGINT")).bundle.rename(tmp_path / "interrupted")
    whole = run(WHOLE).bundle
    said = "the run was ended early (SIGINT): 1 of 3 cells have no result"
    for words in (["agree", whole, interrupted], ["claims", interrupted], ["site", interrupted]):
        output = [f"--output={tmp_path / 'page.html'}"] if words[0] == "site" else []
        done = CliRunner().invoke(main, [*map(str, words), *output])
        assert said in done.output, words
        assert done.exit_code == (1 if words[0] == "agree" else 0)
    assert said in (tmp_path / "page.html").read_text()
    assert CliRunner().invoke(main, ["agree", str(whole), str(whole)]).exit_code in (0, 4)
