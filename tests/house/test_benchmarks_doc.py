"""docs/benchmarks.md is the catalogue: every benchmark has its line there, and every line its benchmark."""

import ast
import re
from pathlib import Path

import pytest

from roadworthy.declaring.benchmarks import TIERS
from roadworthy.measuring import guards
from roadworthy.measuring.workloads import DIRECTORY

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/benchmarks.md").read_text()
#: What follows the id in the catalogue's tables.
COLUMNS = ["tier", "workload", "metric, unit", "against", "counters", "mind"]


def declared():
    """The ids of all benchmarks and their tiers, as `@measured` has them."""
    found = {}
    for path in sorted((ROOT / "bench").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "measured":
                identity, tier = node.args
                assert ast.literal_eval(identity) not in found, f"{path.name}: {identity.value} is declared twice"
                found[ast.literal_eval(identity)] = ast.unparse(tier).lower()
    return found


def catalogue():
    """The catalogue's lines: the cells of each, by the id in its first one."""
    found = {}
    for line in PAGE.splitlines():
        matched = re.match(r"\| `([a-z0-9-]+/[a-z0-9-]+)` \|", line)
        if matched:
            assert matched[1] not in found, f"{matched[1]} has two lines"
            found[matched[1]] = [cell.strip() for cell in line.split("|")[2:-1]]
    return found


def test_there_are_benchmarks():
    """What is compared below is not empty."""
    assert len(declared()) > 30


@pytest.mark.parametrize("identity", sorted(declared()))
def test_every_benchmark_is_in_the_catalogue(identity):
    """A benchmark's line says its tier, what is done, in which unit it is measured, and against what."""
    cells = catalogue().get(identity)
    assert cells is not None, f"docs/benchmarks.md has no line for {identity}"
    assert len(cells) == len(COLUMNS)
    assert cells[0] == declared()[identity]
    assert all(cells[1:-1]), f"{identity}: an empty cell"


@pytest.mark.parametrize("identity", sorted(catalogue()))
def test_every_line_of_the_catalogue_is_a_benchmark(identity):
    """No line speaks of a benchmark that is not there."""
    assert identity in declared()


@pytest.mark.parametrize("tier", TIERS)
def test_every_tier_is_explained(tier):
    """The page has a command for each tier."""
    assert f"-m {tier}" in PAGE


@pytest.mark.parametrize(
    "name", [name for name in vars(guards) if name.isupper() and isinstance(vars(guards)[name], str)]
)
def test_every_guard_is_explained(name):
    """Each guard that may void a row is on the page in its own words, as reasons show it."""
    assert vars(guards)[name] in PAGE


@pytest.mark.parametrize("workload", sorted(path.stem for path in DIRECTORY.glob("*.toml")))
def test_every_workload_is_used(workload):
    """A workload that no benchmark runs is not kept."""
    texts = [path.read_text() for path in (ROOT / "bench").glob("*.py")]
    assert any(f'"{workload}"' in text for text in texts)
