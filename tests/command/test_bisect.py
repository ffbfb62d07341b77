"""`roadworthy bisect`: the first series where a verdict changes, from recorded results or from runs."""

import json
from types import SimpleNamespace

import pytest
from asked import KERNELS, ask

from roadworthy.command import bisect
from roadworthy.command.parts import Ended
from roadworthy.command.recording import Recorded

FLAGS = "--check=copyup/fileattr-flags-kept"
SERIES = ["5.10", "6.1", "6.12", "7.2"]


def asked(*words, kernels="5.10,6.1,6.12", bundle=KERNELS):
    given = [f"--bundle={bundle}"] if bundle else []
    return ask("bisect", f"--kernels={kernels}", "--engine=docker-20.10", *words, *given)


@pytest.fixture(autouse=True)
def no_runs(monkeypatch):
    """A run would boot a virtual machine."""
    monkeypatch.setattr(bisect, "recorded", lambda words, what: pytest.fail(f"a run was made: {what}"))


@pytest.fixture
def runs(monkeypatch):
    """Runs of pytest that are not made: the lanes that were asked, and what each says.

    `verdicts` are by kernel; one that is missing has no verdict.
    """
    found = SimpleNamespace(asked=[], verdicts={})

    def recorded(words, what):
        kernel = next(word.partition("=")[2] for word in words if word.startswith("--kernel="))
        found.asked.append(kernel)
        return Recorded(Ended(0), kernel if kernel in found.verdicts else None, f"{kernel} does not boot")

    def of(search, matrix, lane, source):
        verdict = found.verdicts.get(lane.source) if source == "run now" else None
        return bisect.Found({"": verdict}, source) if verdict else None

    monkeypatch.setattr(bisect, "recorded", recorded)
    monkeypatch.setattr(bisect, "build", lambda bundles: None)
    monkeypatch.setattr(bisect.Search, "_of", of)
    return found


def test_recorded_results_answer_without_a_run():
    done = asked(FLAGS)
    assert done.exit_code == 0
    assert "first changed  6.1: pass\n" in done.stdout
    assert "before         5.10: known\n" in done.stdout


def test_what_was_seen_can_be_compared():
    """The value of an observation, by its name, in place of the verdict."""
    found = json.loads(asked(FLAGS, "--observed=no-atime flag", "--json").stdout)
    assert found["changes"] == [
        {"first": "6.1", "last_before": "5.10", "before": {"": "lost"}, "after": {"": "kept"}}
    ]  # fmt: skip


def test_nothing_changes_where_the_ends_agree():
    done = asked("--check=rename/merged-dir")
    assert (done.exit_code, "does not differ between 5.10 and 6.12" in done.stdout) == (0, True)


def test_a_series_without_a_verdict_is_not_measured():
    """At an end there is no answer; nothing is guessed."""
    done = asked(FLAGS, "--only-recorded", kernels="5.10,7.2")
    assert done.exit_code == 3
    assert "not measured  no recorded result has it" in done.stdout


def test_halves_are_asked(runs):
    """Of four series, the two ends and one in the middle at most two."""
    runs.verdicts = {"5.10": "known", "6.1": "known", "6.12": "pass", "7.2": "pass"}
    found = json.loads(asked(FLAGS, "--json", kernels=",".join(SERIES), bundle=None).stdout)
    assert [change["first"] for change in found["changes"]] == ["6.12"]
    assert runs.asked == ["5.10", "7.2", "6.1", "6.12"]


def test_ends_that_agree_cost_two_runs(runs):
    """Unless every series is asked for, which finds a change that was taken back."""
    runs.verdicts = {"5.10": "pass", "6.1": "fail", "6.12": "pass", "7.2": "pass"}
    words = [FLAGS, "--json"]
    assert json.loads(asked(*words, kernels=",".join(SERIES), bundle=None).stdout)["changes"] == []
    assert runs.asked == ["5.10", "7.2"]
    found = json.loads(asked(*words, "--all", kernels=",".join(SERIES), bundle=None).stdout)
    assert [(one["last_before"], one["first"]) for one in found["changes"]] == [("5.10", "6.1"), ("6.1", "6.12")]


def test_a_series_that_does_not_come_up_is_passed_over(runs):
    """The change is between the nearest two that have a verdict, and the reason of the third is said."""
    runs.verdicts = {"5.10": "known", "6.12": "pass", "7.2": "pass"}
    done = asked(FLAGS, kernels=",".join(SERIES), bundle=None)
    assert "before         5.10: known" in done.stdout
    assert "first changed  6.12: pass" in done.stdout
    assert "6.1 does not boot" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--check=rename/mergd-dir", "--kernels=5.10,6.1"], "did you mean 'rename/merged-dir'?"),
        (["--check=overlay2/rename/merged-dir", "--kernels=5.10,6.1"], "is not a check"),
        (["--check=rename/merged-dir"], "with --kernels or with --engines"),
        (["--check=rename/merged-dir", "--kernels=5.10"], "two series at least"),
        (["--check=rename/merged-dir", "--kernels=5.10,6.11"], "6.1"),
        (["--check=rename/merged-dir", "--engines=docker-20.10,docker-99"], "docker-28.5"),
        (["--check=rename/merged-dir", "--kernels=5.10,6.1", "--driver=ovelay2"], "did you mean 'overlay2'?"),
        (["--check=rename/merged-dir", "--kernels=5.10,6.1", "--kernel=6.1"], "leave one of them out"),
    ],
)
def test_a_mistake_is_answered_with_the_nearest_word(words, said):
    done = ask("bisect", *words)
    assert (done.exit_code, said in done.stderr) == (4, True), done.stderr
