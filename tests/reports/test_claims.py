"""Claims: what verdicts answer to them, and that each asks checks which exist."""

from pathlib import Path

import pytest
import sample
from click.testing import CliRunner

from reports.claims import KEPT, ClaimError, answer, answers, load
from reports.matrix import build
from roadworthy.cli import main
from roadworthy.drivers import DRIVERS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def claims(tmp_path):
    """Reads claims of this text."""

    def read(text):
        (tmp_path / "claims.toml").write_text(text)
        return load(tmp_path)

    return read


@pytest.mark.parametrize(
    ("true_if", "kept", "said"),
    [
        ("kept", [True, True], "holds"),
        ("kept", [True, False], "holds in part"),
        ("kept", [False], "does not hold"),
        ("broken", [False, False], "holds"),
        ("broken", [True], "does not hold"),
        ("broken", [True, False], "holds in part"),
    ],
)
def test_verdicts_answer(claims, true_if, kept, said):
    """A claim holds where all its checks say so, and a claim of a defect where all of them are broken."""
    (found,) = claims(f'[S1]\nsays = "So."\nchecks = ["a/b"]\ntrue_if = "{true_if}"\n')
    assert answer(found, kept) == said


def test_answers_are_those_of_the_lanes_it_speaks_of(claims, bundle):
    """Only lanes with a driver that the claim names answer, by their own verdicts; the reference never does."""
    matrix = build([bundle])
    row = next(row for family in matrix.families for row in family.rows
               if all(cell is not None and cell.verdict in KEPT for cell in row.cells))  # fmt: skip
    check = row.check.id.partition("[")[0]
    (found,) = answers(claims(f'[S1]\nsays = "So."\nchecks = ["{check}"]\ndrivers = ["overlay2"]\n'), matrix)
    lanes = {lane for _, lanes in found.lanes for lane in lanes}
    assert lanes == {column.lane.id for column in matrix.columns if column.lane.driver == "overlay2"}
    (everywhere,) = answers(claims(f'[S1]\nsays = "So."\nchecks = ["{check}"]\n'), matrix)
    assert not any(lane.startswith("native-") for _, lanes in everywhere.lanes for lane in lanes)
    (nowhere,) = answers(claims('[S1]\nsays = "So."\nchecks = ["no/such"]\n'), matrix)
    assert nowhere.lanes == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[S1]\nsays = "So."\n', "S1: a claim has a sentence in says, and checks"),
        ('[S1]\nsays = "So."\nchecks = ["a"]\nchecs = 1\n', "unknown key 'checs'; did you mean 'checks'"),
        ('[S1]\nsays = "So."\nchecks = ["a"]\ntrue_if = "maybe"\n', "true_if is kept or broken, not 'maybe'"),
        ("S1 = 3\n", "expected a table"),
        ("[S1\n", "claims.toml: "),
    ],
    ids=["no checks", "misspelt key", "true_if", "no table", "no TOML"],
)
def test_a_claim_that_cannot_be_used_is_refused(claims, text, said):
    """The file and the claim are named, and what was expected."""
    with pytest.raises(ClaimError) as refused:
        claims(text)
    assert said in str(refused.value)


def test_every_claim_asks_checks_and_drivers_that_exist():
    """No claim names a check or a driver that the suite does not have."""
    sources = "\n".join(path.read_text() for path in (ROOT / "conformance").rglob("test_*.py"))
    for claim in load():
        assert set(claim.drivers) <= set(DRIVERS), claim.name
        for check in claim.checks:
            assert f'@check("{check.removesuffix("*")}' in sources, f"{claim.name}: {check}"


def test_the_command_prints_claims_and_their_answers(tmp_path):
    """Without a bundle the sentences and their checks; with one, what its lanes answer."""
    alone = CliRunner().invoke(main, ["claims"])
    assert alone.exit_code == 0
    assert "S49  Overlay does not support rename(2)" in alone.output
    assert "asked by rename/lower-populated-dir" in alone.output
    directory = sample.write(tmp_path / "b", sample.records())
    answered = CliRunner().invoke(main, ["claims", str(directory)])
    assert answered.exit_code == 0, answered.output
    assert "holds" in answered.output
    (tmp_path / "empty").mkdir()
    assert CliRunner().invoke(main, ["claims", str(tmp_path / "empty")]).exit_code == 1
