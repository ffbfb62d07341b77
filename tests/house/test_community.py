"""What people look for beside the code: the threat model names tests that exist, and the citation is the package's."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = (ROOT / "docs/threat-model.md").read_text()


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", MODEL))))
def test_a_test_of_the_threat_model_exists(named):
    """What holds a sentence of the model is a test that runs."""
    path, _, function = named.partition("::")
    assert f"def {function or 'test_'}" in (ROOT / path).read_text()


def test_the_citation_is_of_this_version():
    """It names the version and the licence that the package has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    told = dict(re.findall(r"^(\w+): (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE))
    assert (told["version"], told["license"]) == (project["version"], project["license"])


@pytest.mark.parametrize("template", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.md")), ids=lambda path: path.name)
def test_an_issue_template_names_commands_that_exist(template):
    """Each has a name and a purpose; the commands that it asks for are the companion's."""
    from roadworthy.command.cli import main

    text = template.read_text()
    assert re.match(r"---\nname: .+\nabout: .+\n---\n", text)
    assert set(re.findall(r"`roadworthy (\w+)", text)) <= set(main.commands)
