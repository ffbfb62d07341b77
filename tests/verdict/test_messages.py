"""`conformance/messages.toml`: every message has a source and was said, and is found in what is said."""

import json
import os
import re
from pathlib import Path

import pytest

from roadworthy.verdict.messages import Message, load, meant

ROOT = Path(__file__).parents[2]
MESSAGES = load(ROOT / "conformance/messages.toml")
#: A run of six drivers, see tests/command/asked.py.
RUN = ROOT / "tests/command/recorded/drivers/bundle.jsonl"


def test_there_are_thirty():
    assert len(MESSAGES) >= 30
    assert len({message.text for message in MESSAGES}) == len(MESSAGES)


@pytest.mark.parametrize("message", MESSAGES, ids=[message.text for message in MESSAGES])
def test_a_message_is_whole(message, declared_checks):
    """It says what it means, what to do and where it is written down, and names checks that exist, or mounts."""
    assert message.means
    assert message.do
    assert re.search(r"(moby|Linux) \S+\.(go|c|rst)\b", message.source)
    assert bool(message.checks) is not bool(message.provoked)
    assert set(message.checks) <= set(declared_checks)
    assert message.is_in(message.text.replace("…", "x"))


@pytest.mark.parametrize("message", [one for one in MESSAGES if one.checks], ids=lambda message: message.text)
def test_checks_that_are_named_provoke_it(message):
    """In a recorded run one of them has seen the words, or the error that a program prints them for."""
    found = [record for record in map(json.loads, RUN.read_text().splitlines()) if record["type"] == "result"]
    seen = [
        seen["value"] for record in found if record["check"].partition("[")[0] in message.checks
        for seen in record["observations"]
    ]  # fmt: skip
    errors = {os.strerror(number): name for number, name in ((18, "EXDEV"), (28, "ENOSPC"), (1, "EPERM"))}
    name = next((name for text, name in errors.items() if message.text.endswith(text)), None)
    assert any(message.is_in(value) or value == name for value in seen), seen


def test_case_spaces_and_quotes_do_not_matter():
    one = Message(text="overlay: Unknown parameter '…'", means="m", do="d", source="s")
    assert one.is_in('[ 12.3] OVERLAY:  unknown parameter "nonsense"')
    assert not one.is_in("overlay: unknown")


def test_a_short_word_is_no_part_of_a_message():
    """It would be a part of too many."""
    assert meant("overlay", MESSAGES) == []


def test_an_unknown_key_is_refused(tmp_path):
    (tmp_path / "m.toml").write_text('[[message]]\ntext="a"\nmeans="b"\ndo="c"\nsource="d"\nwhy="e"\n')
    with pytest.raises(ValueError, match="why"):
        load(tmp_path / "m.toml")
