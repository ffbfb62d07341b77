"""`roadworthy new`: a package that works as it is written, and mistakes on its command line."""

import subprocess
import sys
import tomllib

import pytest
from click.testing import CliRunner

from roadworthy.command.cli import main
from roadworthy.extending.template import KINDS


def new(*words):
    return CliRunner().invoke(main, ["new", *map(str, words)])


@pytest.mark.parametrize("kind", KINDS)
def test_no_place_is_left_to_be_filled(tmp_path, kind):
    """Every file has its name and its words; the metadata are TOML, and the programs are Python in order."""
    done = new(kind, "fast-copy", "--directory", tmp_path / "made")
    assert done.exit_code == 0, done.output
    files = [path for path in (tmp_path / "made").rglob("*") if path.is_file()]
    assert not [path for path in files if "@" in path.name or "@NAME@" in path.read_text()]
    assert {str(path) for path in files} == set(done.output.splitlines()[:-1])
    project = tomllib.loads((tmp_path / "made/pyproject.toml").read_text())["project"]
    assert project["name"] == "roadworthy-fast-copy"
    own = ["--isolated", "--line-length=120", "--no-cache", "."]
    for words in (["check", "--select=E,F,W,B,UP"], ["format", "--check"]):
        said = subprocess.run(
            [sys.executable, "-m", "ruff", *words, *own],
            cwd=tmp_path / "made",
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, said.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["driver", "overlay2"], "the suite has a driver overlay2 already"),
        (["check", "rename"], "the suite has a check rename already"),
        (["workload", "randread-4k"], "the suite has a workload randread-4k already"),
        (["driver", "Fast Copy"], "a name is small letters, digits and hyphens, as in fast-copy; got 'Fast Copy'"),
        (["driver", "../up"], "a name is small letters"),
        (["engine", "x"], "'engine' is not one of"),
        (["driver", "x", "--directory=/proc/x"], "/proc/x cannot be written: "),
        (["driver", "x", "--directory=/"], "/ is there already"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)  # fmt: skip
def test_a_mistake_says_what_to_do(words, said):
    """The exit status is that of a mistake on the command line."""
    done = new(*words)
    assert (done.exit_code, said in done.output) == (4, True), done.output
