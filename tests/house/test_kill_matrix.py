"""The tracked kill matrix speaks of the checks and mutants that there are, and of nothing else."""

import datetime
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from roadworthy.mutants.catalogue import catalogue, excused
from roadworthy.reports.kills import read_kills

ROOT = Path(__file__).parents[2]
MATRIX = ROOT / "mutants/kills.json"
ANEW = "; make sensitivity, and commit mutants/kills.json"
LISTED = """
import json
from roadworthy.declaring.checks import declared

def pytest_collection_finish(session):
    print("CELLS " + json.dumps([check.identity for item in session.items if (check := declared(item)) is not None]))
"""


@pytest.fixture(scope="module")
def matrix():
    """The matrix of the last whole run."""
    return read_kills(MATRIX)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The cells that a run on overlay2 has: each check with each set of its parameters."""
    place = tmp_path_factory.mktemp("listed")
    (place / "listed.py").write_text(LISTED)
    command = [sys.executable, "-m", "pytest", "conformance", "--driver=overlay2", "--collect-only", "-qq", "-s"]
    done = subprocess.run(
        [*command, "-p", "listed", "-p", "no:cacheprovider"],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(place)}, check=True,
    )  # fmt: skip
    line = next(line for line in done.stdout.splitlines() if line.startswith("CELLS "))
    return set(json.loads(line.removeprefix("CELLS ")))


def test_every_check_is_in_the_matrix(matrix, cells):
    """A check that was added since is not known to be able to fail."""
    assert sorted(cells - set(matrix.checks)) == [], ANEW


def test_the_matrix_has_no_check_that_is_gone(matrix, cells):
    """What a check noticed that was removed or renamed since says nothing."""
    assert sorted(set(matrix.checks) - cells) == [], ANEW
    named = {cell for row in matrix.mutants for cell in row.killers} | set(matrix.unstable)
    assert sorted(named - cells) == [], ANEW


def test_mutants_of_the_matrix_are_those_of_the_catalogue(matrix):
    """By name and by fault: another fault may be another result."""
    there = {mutant.name: mutant.fault for mutant in catalogue().values() if mutant.kind != "identity"}
    assert {row.name: row.fault for row in matrix.mutants} == there, ANEW
    assert dict(matrix.excused) == excused(), ANEW


def test_the_matrix_is_whole_and_sound(matrix):
    """Of all checks and mutants on overlay2: each mutant is killed where it has to be, and each cell kills one."""
    assert (matrix.driver, matrix.partial, matrix.unstable) == ("overlay2", False, {})
    ended = {row.name: row.outcome for row in matrix.mutants if row.outcome not in ("killed", "equivalent")}
    assert ended == {}
    assert {row.name: row.collateral for row in matrix.mutants if row.collateral} == {}
    assert matrix.toothless == []


def test_the_matrix_says_when_and_on_what_it_was_measured(matrix):
    """A date, a commit without changes, and the series of engine and kernel; no paths and no names of machines."""
    assert datetime.date.fromisoformat(matrix.date)
    assert re.fullmatch(r"[0-9a-f]{40}", matrix.commit)
    assert not matrix.changes
    assert re.fullmatch(r"docker\d+\.\d+", matrix.engine)
    assert re.fullmatch(r"\d+\.\d+", matrix.kernel)
    assert not re.search(r"/(home|root|run|srv|tmp|var|work)/", MATRIX.read_text())
    assert matrix.text() == MATRIX.read_text()
