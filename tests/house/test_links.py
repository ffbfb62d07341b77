"""Links between the documents lead somewhere, and the files that they name are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
#: Files that a document tells its reader to make.
MADE = {"conformance/posix/test_append.py", "roadworthy/drivers/example.py"}


def anchors(document):
    """What a link may name in a document: its headings, as they are spelt in an address."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(document):
    """The links of a document that lead to other files of the checkout, as path and anchor."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = [word for word in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in word]
    return [tuple(word.partition("#")[::2]) for word in found]


@pytest.mark.parametrize("document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_links_lead_somewhere(document):
    """The file of a link is there, and so is the heading."""
    for path, anchor in links(document):
        target = document.parent / path if path else document
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_files_that_are_named_are_there(document):
    """A path of a Python file, or of one in docs/, is one of the checkout: a file that moved is renamed here, too."""
    named = set(re.findall(r"`((?:[\w-]+/)+[\w-]+\.(?:py|md|toml))`", document.read_text()))
    assert {path for path in named if not (ROOT / path).exists()} - MADE == set()


def test_there_are_links():
    """What is looked at above is not empty."""
    assert len([link for document in DOCUMENTS for link in links(document)]) > 30
