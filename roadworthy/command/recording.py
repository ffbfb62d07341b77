"""A run of pytest that a command makes for its answer: quiet, with its bundle in a directory that goes away."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roadworthy.command.parts import Ended, run_pytest
from roadworthy.command.progress import working
from roadworthy.command.run import words_of
from roadworthy.reports.bundle import Bundle, BundleRefused, read_bundle

#: What a run has no use for whose output nobody reads.
WITHOUT = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-q")
#: Lines of pytest's output that a reader gets to see if there is no bundle.
LAST = 8


@dataclass(frozen=True)
class Recorded:
    """What came of a run: its bundle, or the last lines that it printed."""

    ended: Ended
    bundle: Bundle | None
    said: str


def recorded(words: Sequence[str], what: str) -> Recorded:
    """Run the checks that these options choose, and say meanwhile what is going on."""
    with tempfile.TemporaryDirectory(prefix="roadworthy-") as place, working(what):
        output = Path(place, "output")
        with output.open("wb") as file:
            ended = run_pytest(
                [*words_of("roadworthy.conformance"), *WITHOUT, *words, f"--bundle={place}/bundle"], file, Path(place)
            )
        try:
            bundle = read_bundle(Path(place, "bundle"))
        except BundleRefused:
            bundle = None
        lines = output.read_text(errors="replace").strip().splitlines()
    return Recorded(ended, bundle, "\n".join(lines[-LAST:]))
