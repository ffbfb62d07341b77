"""docs/findings.md: every entry has the one form, names checks that exist, and shows its break in ten lines at most."""

import re
from pathlib import Path

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.verdict import deviations

ROOT = Path(__file__).parents[2]
LONGEST = 10
#: Of a reason, in characters.
SHORTEST = 40
ENTRY = re.compile(
    r"- \*\*Driver:\*\* (?P<driver>.+?)\n- \*\*Conditions:\*\* (?P<conditions>.+?)\n- \*\*Check:\*\* (?P<check>.+?)\n\n"
    r"```sh\n(?P<reproducer>.+?)```\n\n```text\n(?P<seen>.*?)```\n",
    re.DOTALL,
)


def entries():
    """The heading of every entry, and its text below that."""
    parts = re.split(r"^### (.+)\n\n", (ROOT / "docs/findings.md").read_text(), flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="module")
def recorded():
    """The ids of all recorded deviations."""
    return {entry.check for entry in deviations.load(ROOT / "conformance/deviations").entries}


def test_there_are_findings():
    """The list is read as it is written."""
    assert len(entries()) > 30


@pytest.mark.parametrize(("heading", "text"), entries(), ids=[heading for heading, _ in entries()])
def test_entry(heading, text, declared_checks, recorded):
    """An entry names drivers and checks that exist, one of them recorded as broken, and a short reproducer.

    Where no check asks it, the entry says why.
    """
    found = ENTRY.match(text)
    assert found, f"{heading}: not of the form of the others"
    named = re.findall(r"[\w:-]+", found["driver"])
    assert {"all", *DRIVERS} & set(named), f"{heading}: names no driver"
    if found["check"].startswith("none: "):
        assert len(found["check"]) > len("none: ") + SHORTEST, f"{heading}: does not say why no check asks it"
    else:
        identities = re.findall(r"`([^`]+)`", found["check"])
        assert identities, f"{heading}: names no check"
        assert [name for name in identities if name.partition("[")[0] not in declared_checks] == []
        assert recorded & set(identities), f"{heading}: none of its checks is recorded as broken"
    assert len(found["reproducer"].splitlines()) <= LONGEST, heading
    assert found["seen"].strip(), f"{heading}: does not say what was seen"
