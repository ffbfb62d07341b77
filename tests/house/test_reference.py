"""The pages of docs/reference are what the code says now, and have all that pytest and the command themselves print."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from reference_page import DIRECTORY, PAGES, SCHEMA, made, schema

import roadworthy
from roadworthy.drivers import DRIVERS
from roadworthy.machines.backing import BACKINGS
from roadworthy.reports.records import WORST_FIRST
from roadworthy.supplies.engine_roots import ENGINES
from roadworthy.supplies.kernels import SERIES

ROOT = Path(__file__).parents[2]


def on(page):
    return (DIRECTORY / f"{page}.md").read_text()


def printed(*words):
    """What the suite's own pytest or command prints on standard output."""
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name):
    """After a change of an option, a fixture, a command or a record: make reference."""
    assert made(PAGES[name]) == (DIRECTORY / name).read_text()


def test_the_schema_is_that_of_the_records():
    """After a change of a record: make reference."""
    assert schema() == SCHEMA.read_text()


def test_there_is_no_page_besides():
    """What the folder has is made, and docs/index.md leads to each page."""
    assert {path.name for path in DIRECTORY.iterdir()} == {*PAGES, SCHEMA.name}
    index = (ROOT / "docs/index.md").read_text()
    assert [name for name in PAGES if f"](reference/{name})" not in index] == []


def test_every_option_that_pytest_prints_is_there():
    """pytest's own help has the suite's options in a group."""
    group = re.search(r"^Roadworthy:.*\n((?:(?!\S).*\n)*)", printed("pytest", "--help"), re.MULTILINE)[1]
    named = set(re.findall(r"^ {2}(--[\w-]+)", group, re.MULTILINE))
    assert len(named) > 15
    assert {name for name in named if not re.search(rf"`{name}[`=]", on("options"))} == set()


def test_every_marker_that_pytest_prints_is_there():
    """`pytest --markers` has them, with those of pytest and of other plugins, which are not the suite's."""
    theirs = printed("pytest", "--markers", "-p", "no:roadworthy", "-p", "no:roadworthy-mutants", "-c", "/dev/null")
    ours = printed("pytest", "--markers", "-c", "/dev/null")
    markers = [line for line in ours.splitlines() if line.startswith("@") and line not in theirs]
    assert len(markers) >= 10
    named = [re.match(r"@pytest\.mark\.(\w+)", line)[1] for line in markers]
    assert [name for name in named if not re.search(rf"`{name}[`(]", on("markers"))] == []


def test_every_fixture_that_pytest_prints_is_there():
    """`pytest --fixtures` has those that a check may ask for; the others are steps on the way to them."""
    said = printed("pytest", "--fixtures", "-q", "conformance/posix/test_open.py")
    named = re.findall(r"^(\w+)(?: \[\w+ scope\])? -- (?:\.\./)*\S*roadworthy/fixtures\.py", said, re.MULTILINE)
    steps = {"stand", "declaration_of", "searched", "roadworthy_run"}
    assert {"fs", "observe", "containers"} <= set(named)
    assert [name for name in named if name not in steps and f"| `{name}` |" not in on("fixtures")] == []


def test_every_command_that_the_help_prints_is_there():
    """The help of each command that lists others, and all options of those that list none."""
    groups, seen = [()], 0
    while groups:
        words = groups.pop()
        said = printed("roadworthy.command.cli", *words, "--help")
        listed = re.search(r"^Commands:\n((?: +.*\n?)*)", said, re.MULTILINE)
        for name in re.findall(r"^ {2}([\w-]+) ", listed[1], re.MULTILINE) if listed else ():
            if re.search(rf"^## `roadworthy {' '.join([*words, name])}`$", on("commands"), re.MULTILINE):
                seen += 1
            else:
                groups.append((*words, name))
        assert listed, f"roadworthy {' '.join(words)} is on no page, and lists no command that is"
    assert seen > 20


@pytest.mark.parametrize("name", PAGES)
def test_a_row_has_the_cells_of_its_table(name):
    """What stands in a cell does not end it: a bar in an option's value is escaped."""
    text = re.sub(r"^```.*?^```$", "", made(PAGES[name]), flags=re.MULTILINE | re.DOTALL)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table


@pytest.mark.parametrize(
    ("page", "names"),
    [("drivers", [*DRIVERS, *BACKINGS, *ENGINES, *SERIES]), ("verdicts", WORST_FIRST), ("words", roadworthy.__all__)],
    ids=["drivers", "verdicts", "words"],
)
def test_every_name_is_there(page, names):
    """A driver, a backing, an engine, a kernel, a verdict, a word of checks."""
    assert [name for name in names if f"`{name}`" not in on(page)] == []


def test_every_hook_that_pytest_knows_is_there(pytestconfig):
    """The hooks that the plugin manager has and that begin with the suite's name."""
    hooks = [name for name in vars(pytestconfig.pluginmanager.hook) if name.startswith("pytest_roadworthy")]
    assert hooks
    assert [name for name in hooks if f"## `{name}`" not in on("hooks")] == []


def test_the_schema_holds_recorded_bundles():
    """Every line of the bundles that were recorded for tests is what the schema says, and a foreign line is not."""
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    lines = [line for path in (ROOT / "tests").rglob("bundle.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) > 50
    for line in lines[:2000]:
        validator.validate(json.loads(line))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"type": "result", "verdict": "nice"})
