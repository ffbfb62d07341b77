"""`roadworthy recommend`: what a workload needs, and which recorded lanes keep it."""

import json
import re
from pathlib import Path

import pytest
import sample
from asked import DRIVERS, MORE, ask

from roadworthy.declaring.known import checks_known
from roadworthy.reports.families import TITLES
from roadworthy.verdict.questions import load

ROOT = Path(__file__).parents[2]
QUESTIONS = load(ROOT / "conformance/questions.toml")


def asked(*words, runs=(DRIVERS, MORE)):
    return ask("recommend", *words, *(f"--bundle={run}" for run in runs))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_question_names_what_exists(question):
    """Checks, families and benchmarks; it ends as a question does."""
    assert question.asks.endswith("?")
    for name in question.checks:
        family, _, rest = name.partition("/")
        assert name in checks_known() or (rest == "*" and family in TITLES), name
    measured = set(re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/benchmarks.md").read_text(), re.MULTILINE))
    assert set(question.benchmarks) <= measured


def test_lanes_that_keep_everything_come_first():
    done = asked("directories")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[1].startswith("2 of 5 recorded lanes keep all of this: vfs-")
    assert "native" not in done.stdout
    table = [line.split()[0].partition("-")[0] for line in lines[3:8]]
    assert set(table[:2]) == {"vfs", "btrfs"}


def test_a_broken_need_names_its_cells():
    found = json.loads(asked("directories", "--json").stdout)
    overlay2 = next(lane for lane in found["lanes"] if lane["lane"].startswith("overlay2-"))
    (need,) = overlay2["needs"]
    assert need["kept"] == []
    assert set(need["broken"]) == {
        "rename/lower-empty-dir", "rename/merged-dir", "rename/lower-populated-dir[lower]",
        "rename/lower-populated-dir[lower-deep]",
    }  # fmt: skip


def test_what_was_not_measured_is_said_and_is_no_yes():
    """A lane of which not all checks are recorded is not recommended, whatever the others say."""
    done = asked("directories", runs=[DRIVERS])
    assert done.exit_code == 3
    assert "no recorded lane of 5 is known to keep all of this" in done.stdout
    assert "kept, 2 cells; 1 not measured" in done.stdout
    assert "rename/lower-populated-dir" in done.stdout.partition("what was not measured")[2]
    assert "not measured" in asked("watching").stdout


def test_what_cannot_be_asked_of_a_driver_is_no_break():
    """A driver without copy-up cannot be asked what it costs when there is no space for it."""
    found = json.loads(asked("large-files", "--json").stdout)
    vfs = next(lane for lane in found["lanes"] if lane["lane"].startswith("vfs-"))
    assert "copyup/enospc-on-open" not in vfs["needs"][0]["broken"] + vfs["needs"][0]["not_measured"]


def test_costs_are_those_that_were_measured(tmp_path):
    """Ratios with their intervals; what was not measured is named."""
    run = sample.write(tmp_path, sample.records())
    done = asked("large-files", runs=[run])
    assert "what it costs, as a ratio to a plain volume" in done.stdout
    assert "copy-up/first-write" in done.stdout
    assert "costs that were not measured: data/mmap-read" in asked("memory-maps").stdout


def test_questions_are_listed_where_nobody_can_be_asked():
    """In a pipe, without a need."""
    done = asked()
    assert done.exit_code == 0
    assert all(question.asks in done.stdout for question in QUESTIONS)


def test_a_misspelt_need_names_the_nearest():
    done = asked("directory")
    assert (done.exit_code, "did you mean 'directories'?" in done.stderr) == (4, True)


def test_without_recorded_results_there_is_no_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = ask("recommend", "quotas")
    assert (done.exit_code, "no recorded results here" in done.stdout) == (3, True)
