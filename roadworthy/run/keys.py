"""Where a run keeps what several of its parts need: keys of pytest's stashes, and words that travel to workers."""

from __future__ import annotations

import pytest

from roadworthy.calls.evidence import Evidence

#: An item's evidence, from its first fixture until its result is written.
EVIDENCE = pytest.StashKey[Evidence]()
#: Where xdist's `workerinput` has the directory of a worker's own bundle.
BUNDLE = "roadworthy_bundle"
#: Where it has the seed of a random order, as text; absent where the order is the written one.
SEED = "roadworthy_seed"
#: The user property in which a worker's sentences for a person travel to the terminal.
SAID = "roadworthy said"
