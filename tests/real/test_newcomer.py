"""Who follows the tutorial or a document about adding something word for word sees on real daemons what they show."""

import os
import sys
from pathlib import Path

import pytest
from newcomer import Command, Newcomer

pytestmark = pytest.mark.real


@pytest.mark.parametrize("document", ["docs/adding-a-check.md", "docs/adding-a-driver.md"])
def test_what_the_document_shows_is_seen(tmp_path, document):
    """The check passes on overlay2 and native, and fails on the mutant; the driver's deviation is recorded."""
    done = Newcomer(tmp_path / "checkout").follow(document, daemons=True)
    assert any(isinstance(step, Command) and step.starts_a_daemon for step in done)


class Visitor(Newcomer):
    """Somebody in an empty directory with the suite's commands in PATH, as where it was installed."""

    def __init__(self, directory):
        directory.mkdir()
        self.directory = directory

    def environment(self):
        return {**super().environment(), "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"}


def test_the_tutorial_ends_with_a_page(tmp_path):
    """Every command of it prints what it shows, and what it promises is there: a page, and a script that is one."""
    visitor = Visitor(tmp_path / "empty")
    done = visitor.follow("docs/tutorial.md", daemons=True)
    assert [step.words.split()[1] for step in done if isinstance(step, Command)] == [
        "doctor",
        "run",
        "explain",
        "repro",
    ]
    (page,) = visitor.directory.glob("bundles/*/index.html")
    assert "rename/lower-empty-dir" in page.read_text()
    assert visitor.type("sh -n lower-empty-dir.sh") == (0, "")
