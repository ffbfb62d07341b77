"""Checks that are asked several times: rounds, their records, and what disagreement does to a run."""

import pytest

from roadworthy.reports.bundle import read_bundle
from roadworthy.run import stands
from roadworthy.run.repeats import RepeatError, Repeats, repeats

STEADY = """
@check("sample/steady", provenance=("lower", "upper"))
def test_steady(declaration_of, provenance):
    '''It holds.'''
    assert declaration_of
"""

UNSTEADY = """
rounds = []

@check("sample/unsteady")
def test_unsteady(declaration_of, evidence):
    '''It holds, but for once.'''
    evidence.record("A", f"call {len(rounds)}", "", False, 0.0)
    rounds.append(1)
    assert len(rounds) != 3
"""

SKIPPING = """
from roadworthy.reasons import Precondition
rounds = []

@check("sample/skips")
def test_skips(declaration_of):
    '''It is skipped once.'''
    rounds.append(1)
    if len(rounds) == 2:
        raise Precondition("needs more")
"""


def test_numbers_of_rounds():
    """N rounds share a daemon; +M have one each."""
    assert repeats("1") == Repeats(1, 0)
    assert repeats("10+5") == Repeats(10, 5)
    assert [repeats("2+1").has_fresh_daemon(turn) for turn in (1, 2, 3)] == [False, False, True]
    assert repeats("10+5").rounds == 15


@pytest.mark.parametrize("words", ["", "0", "0+3", "ten", "-1", "3+", "1+99999", "2.5"])
def test_what_is_no_number_of_rounds_is_refused(words):
    """The refusal says what was expected, and names the word."""
    with pytest.raises(RepeatError, match=f"--repeat takes .*got {words!r}".replace("+", r"\+")):
        repeats(words)


def test_every_round_has_a_record_and_the_plan_says_how_many(run, fake_stand, deviations):
    """Three rounds of two checks are six results of two cells, round by round, and none is flaky."""
    done = run(STEADY, "--repeat=3")
    assert done.code == 0
    found = read_bundle(done.bundle)
    assert found.troubles == ()
    assert (found.plan.rounds, len(found.plan.cells), len(found.plan.checks)) == (3, 2, 2)
    assert [result.round for result in found.results] == [1, 1, 2, 2, 3, 3]
    assert len({result.nodeid for result in found.results}) == 2, "the id of a test without --repeat"
    assert all("round" not in result.nodeid for result in found.results)
    assert "3 rounds of 2 checks: 0 flaky" in done.text
    assert found.lanes[0].facts["repeat"] == {"rounds": 3, "on a daemon of their own": 0}


def test_one_round_leaves_everything_as_it_is(run, fake_stand, deviations):
    """Without the option nothing speaks of rounds."""
    done = run(STEADY)
    assert "rounds of" not in done.text
    assert [line["round"] for line in done.records if line["type"] == "result"] == [1, 1]


def test_rounds_that_disagree_are_flaky(run, fake_stand, deviations):
    """The check, its counts and its rate are named, and of each verdict the first round keeps its transcript."""
    done = run(UNSTEADY, "--repeat=4")
    assert done.code == 1
    assert "flaky: sample/unsteady: 1 fail, 3 pass; 1 of 4 rounds differ (25.0%; below 75.1% at 95 %)" in done.text
    kept = [[call["call"] for call in line["transcript"]] for line in done.records if line["type"] == "result"]
    assert kept == [["call 0"], [], ["call 2"], []]


def test_a_disagreement_without_a_failure_fails_the_run(run, fake_stand, deviations):
    """Rounds that pass and one that is skipped are a flaky check, and no green run."""
    done = run(SKIPPING, "--repeat=3")
    assert done.counts == {"passed": 2, "skipped": 1}
    assert done.code == 1
    assert done.records[-1]["exit_status"] == 1


def test_a_round_that_cannot_begin_is_an_error(run, fake_stand, deviations, monkeypatch):
    """What keeps a round from beginning is the reason of its checks, and no check is asked in a stale container."""

    def broken(stand, checks, turn):
        raise OSError("the volume is gone")

    monkeypatch.setattr(stands, "begin_round", broken)
    done = run(UNSTEADY, "--repeat=2")
    results = [line for line in done.records if line["type"] == "result"]
    assert [result["verdict"] for result in results] == ["pass", "error"]
    assert "round 2 could not begin: the volume is gone" in results[1]["reason"]


def test_a_word_that_is_no_number_is_a_usage_error(run, unrooted):
    """Nothing is started for `--repeat=ten`."""
    done = run(STEADY, "--repeat=ten")
    assert (done.code, "--repeat takes rounds" in done.text, "Traceback" in done.text) == (4, True, False)
