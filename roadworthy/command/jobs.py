"""Lanes as jobs of a CI system: `roadworthy lanes --format=…`."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from roadworthy.lane.lanes import Lane


def job(lane: Lane) -> dict[str, Any]:
    """A lane as a job: its id, a name that files and artefacts may have, its options, and whether it boots a guest."""
    return {
        "lane": lane.id, "name": re.sub(r"[^\w.-]", "_", lane.id), "arguments": shlex.join(lane.words()),
        "guest": lane.source != "host",
    }  # fmt: skip


def github(jobs: Sequence[Mapping[str, Any]]) -> str:
    """The value of `strategy.matrix` in one line, for fromJSON."""
    return json.dumps({"include": list(jobs)})


def gitlab(jobs: Sequence[Mapping[str, Any]]) -> str:
    """A child pipeline: a job a lane, each of which extends `.roadworthy-lane` of the file that it includes."""
    lines = ["include:", "  - local: .gitlab/roadworthy-lane.yml"]
    for one in jobs:
        lines += [f"{quoted(one['name'])}:", "  extends: .roadworthy-lane", "  variables:"]
        lines += [f"    {name.upper()}: {quoted(one[name])}" for name in ("lane", "name", "arguments")]
    return "\n".join(lines)


def tmt(jobs: Sequence[Mapping[str, Any]]) -> str:
    """A plan of the Test Management Tool for each lane, see https://tmt.readthedocs.io."""
    lines = []
    for one in jobs:
        test = f"roadworthy run {one['arguments']} --bundle=bundles/{one['name']}"
        lines += [
            f"{quoted('/' + one['name'])}:", f"  summary: {quoted('Storage driver conformance on ' + one['lane'])}",
            "  discover:", "    how: shell", "    tests:", "      - name: /conformance",
            f"        test: {quoted(test)}", "        duration: 2h", "  execute:", "    how: tmt",
        ]  # fmt: skip
    return "\n".join(lines)


def shell(jobs: Sequence[Mapping[str, Any]]) -> str:
    """A command line for each lane, to be run one after the other."""
    return "\n".join(f"roadworthy run {one['arguments']} --bundle=bundles/{one['name']}" for one in jobs)


def quoted(text: str) -> str:
    """A text as YAML takes it: JSON is a part of YAML."""
    return json.dumps(text)


FORMATS: Mapping[str, Callable[[Sequence[Mapping[str, Any]]], str]] = {
    "github": github, "gitlab": gitlab, "tmt": tmt, "shell": shell,
}  # fmt: skip
