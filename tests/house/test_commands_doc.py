"""docs/commands.md: every transcript is what the command prints, and every command of the new form is in it."""

import click
import pytest
from commands_page import PAGE, agrees, here, printed, transcripts

from roadworthy.command.cli import main

TRANSCRIPTS = list(transcripts(PAGE.read_text()))


@pytest.mark.parametrize(("line", "said"), TRANSCRIPTS, ids=[line for line, _ in TRANSCRIPTS])
def test_a_transcript_is_what_is_printed(line, said, monkeypatch, tmp_path):
    """After a change of words: make commands."""
    monkeypatch.chdir(tmp_path)
    here()
    found = printed(line)
    assert agrees(said, found), f"{line} prints\n{found}"


def test_every_answer_has_a_transcript():
    """Commands that take --markdown answer a question, and have one at least."""
    answering = [
        name for name, command in main.commands.items()
        if not isinstance(command, click.Group) and any("--markdown" in one.opts for one in command.params)
    ]  # fmt: skip
    shown = {line.split()[1] for line, _ in TRANSCRIPTS}
    assert sorted(set(answering) - shown) == []


@pytest.mark.parametrize(
    ("written", "said", "same"),
    [("a\nb\n", "a\nb\n", True), ("a\n…\nb\n", "a\nx\ny\nb\n", True), ("a\n  …\n", "a\n", True),
     ("a\n…\nb\n", "a\nx\n", False), ("a.\n", "ab\n", False), ("f.py:7\n", "f.py:12\n", True)],
)  # fmt: skip
def test_an_ellipsis_stands_for_lines(written, said, same):
    assert agrees(written, said) is same
