"""The one form of all commands: text, JSON and Markdown say everything, exit statuses mean one thing each."""

import ast
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from roadworthy.command import answer, exits, progress
from roadworthy.command.answer import Answer, Code, Fields, Line, Table, Title, as_markdown, as_text
from roadworthy.command.cli import main
from roadworthy.deadline import wait_until

ROOT = Path(__file__).parents[2]
PARTS = [
    Title("rename/merged-dir"),
    Line("A directory can be renamed."),
    Fields([("source", "POSIX"), ("knob", ""), ("why", "one\ntwo")]),
    Table(("lane", "verdict"), [("overlay2", "known"), ("native|plain", "pass")]),
    Code("mv a b\n", "sh"),
]


def test_text_has_columns():
    """Names of fields and columns of tables are aligned; a field without a value is left out."""
    assert as_text(PARTS, colours=False).splitlines() == [
        "rename/merged-dir",
        "A directory can be renamed.",
        "  source  POSIX",
        "  why     one",
        "          two",
        "  lane          verdict",
        "  overlay2      known",
        "  native|plain  pass",
        "    mv a b",
    ]


def test_markdown_escapes_what_it_would_take_for_its_own():
    """A bar does not end a cell, and a star makes nothing bold."""
    said = as_markdown([*PARTS, Line("a*b <script> `x`")])
    assert "### rename/merged-dir" in said
    assert r"| native\|plain | pass |" in said
    assert "```sh\nmv a b\n```" in said
    assert r"a\*b \<script\> \`x\`" in said


def test_a_fence_is_longer_than_those_within():
    """Code that has a fence of its own does not end its block."""
    assert as_markdown([Code("```\nx\n```")]).startswith("````\n")


@pytest.mark.parametrize("form", [as_markdown, lambda parts: as_text(parts, True)], ids=["markdown", "text"])
def test_nothing_of_a_bundle_moves_the_cursor(form):
    """Escapes of a terminal that a bundle holds are not printed."""
    hostile = "\x1b[2J\x1b]0;title\x07"
    parts = [Title(hostile), Line(hostile), Fields([("a", hostile + "x")]), Table(["a"], [[hostile]]), Code(hostile)]
    assert "\x1b[2J" not in form(parts)
    assert "\x1b]0" not in form(parts)


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [
        (True, {}, True), (False, {}, False), (True, {"NO_COLOR": "1"}, False), (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)  # fmt: skip
def test_colours_are_for_terminals(monkeypatch, terminal, environment, coloured):
    """A pipe gets none, and neither does who sets NO_COLOR."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    output = io.StringIO()
    output.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stdout", output)
    answer.tell(Answer({}, [Table(["verdict"], [["known"]])]), None)
    assert ("\x1b[33mknown" in output.getvalue()) is coloured


def test_json_is_the_data(capsys):
    """A program gets the data and nothing of the parts."""
    answer.tell(Answer({"a": 1}, PARTS), "json")
    assert json.loads(capsys.readouterr().out) == {"a": 1}


def test_exit_statuses_are_documented():
    """docs/commands.md has each number with its meaning, and no other."""
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", (ROOT / "docs/commands.md").read_text(), re.MULTILINE)
    assert [(int(number), meaning) for number, meaning in rows] == list(exits.MEANING.items())


@pytest.mark.parametrize("path", sorted((ROOT / "roadworthy/command").glob("*.py")), ids=lambda path: path.name)
def test_no_command_ends_with_a_number_of_its_own(path):
    """Exit statuses have names, which stand in one file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("SystemExit", "click.exceptions.Exit", "sys.exit"):
            numbers = [one for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, int)]
            assert not numbers, f"{path.name}:{node.lineno}"


def test_what_takes_long_is_told(monkeypatch, capsys):
    """In a pipe it is one line, on standard error; what is soon over says nothing."""
    with progress.working("reading"):
        pass
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    said = []
    with progress.working("reading"):
        wait_until(lambda: said.append(capsys.readouterr()) or said[-1].err, 10, "the word on standard error")
    assert said[-1] == ("", "reading …\n")
    assert capsys.readouterr() == ("", "")


def complete(shell, *words):
    """What the installed command completes in this shell after these words."""
    environment = {"_ROADWORTHY_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join(words),
                   "COMP_CWORD": words[-1] if shell == "fish" else str(len(words) - 1)}  # fmt: skip
    command = [sys.executable, "-c", "from roadworthy.command.cli import main; main(prog_name='roadworthy')"]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell, capsys):
    """Each shell gets its script, and the script's question its answer."""
    with pytest.raises(SystemExit) as ended:
        main(["completion", shell], prog_name="roadworthy")
    assert ended.value.code == 0
    assert f"_ROADWORTHY_COMPLETE={shell}_complete" in capsys.readouterr().out
    assert "completion" in complete(shell, "roadworthy", "compl")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_reads(shell, tmp_path, capsys):
    """The shell itself finds no mistake in it."""
    with pytest.raises(SystemExit):
        main(["completion", shell], prog_name="roadworthy")
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    try:
        done = subprocess.run([shell, "-n", script], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"{shell} is not installed")
    assert (done.returncode, done.stderr) == (0, "")
