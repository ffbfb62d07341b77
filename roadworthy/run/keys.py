"""Names under which parts of a run share values: keys of pytest's stashes, and keys of what is sent to workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from roadworthy.calls.evidence import Evidence

#: An item's evidence, from its first fixture until its result is written.
EVIDENCE: pytest.StashKey[Evidence] = pytest.StashKey()
#: The key of xdist's `workerinput` for the directory of a worker's bundle.
BUNDLE = "roadworthy_bundle"
#: The keys of `workerinput` on a node of a fleet: its name, its lanes as values, and the channel of what is told.
NODE, LANES, TOLD = "roadworthy_node", "roadworthy_lanes", "roadworthy_told"
#: The key of `workerinput` for the seed of a random order, as text; absent if the order is the written one.
SEED = "roadworthy_seed"
#: The user properties that carry a worker's messages to the terminal; what is needed is printed with -q, too.
SAID, NEEDED = "roadworthy said", "roadworthy needs to say"
#: The key of xdist's `workeroutput` for why a worker refused its run.
REFUSED = "roadworthy_refused"
