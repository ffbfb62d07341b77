"""changes/: a file for each change that users notice, of which a release makes its part of the changelog."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
KINDS = [kind["directory"] for kind in PROJECT["tool"]["towncrier"]["type"]]
CHANGES = sorted(path for path in (ROOT / "changes").iterdir() if path.name != "README.md")


def built(directory, *words):
    """What a release in a directory prints."""
    done = subprocess.run(
        [Path(sys.prefix) / "bin/towncrier", "build", *words], cwd=directory, capture_output=True, text=True,
        timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("change", CHANGES, ids=lambda path: path.name)
def test_a_change_is_of_a_known_kind(change):
    """Its name is one that a release finds, and its text a sentence without a mark of a list."""
    assert re.fullmatch(rf"\+[\w-]+\.({'|'.join(KINDS)})\.md", change.name)
    assert re.match(r"[^-\s#]", change.read_text())
    assert change.read_text().rstrip().endswith(".")


def test_the_draft_has_every_change():
    """`make changes` prints all of them, below the version that the package has."""
    draft = " ".join(built(ROOT, "--draft").split())
    assert f"## {PROJECT['project']['version']} - " in draft
    assert [path.name for path in CHANGES if " ".join(path.read_text().split()) not in draft] == []


def test_a_release_takes_the_changes(tmp_path):
    """Its part stands on top of the older ones, by kind, and the files are gone."""
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    changes = tmp_path / "changes"
    changes.mkdir()
    shutil.copy(ROOT / "changes/README.md", changes)
    for kind in KINDS:
        (changes / f"+a-word.{kind}.md").write_text(f"A sentence of {kind}.\n")
    built(tmp_path, "--yes")
    log = (tmp_path / "CHANGELOG.md").read_text()
    found = [log.index(f"\n- A sentence of {kind}.\n") for kind in KINDS]
    assert found == sorted(found)
    assert found[-1] < log.index("## Unreleased")
    assert [path.name for path in changes.iterdir()] == ["README.md"]
