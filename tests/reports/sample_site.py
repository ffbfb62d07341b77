"""Directories of small bundles for tests of the site: editions of some lanes and checks with any verdicts.

bundle(root / "2026-11-30", {"overlay2": {"rename/a": "known", "rename/b": "pass"}})
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sample

from roadworthy.reports.records import Check, End, Lane, LaneRecord, Observation, Plan, Result
from roadworthy.reports.site.making import make
from roadworthy.reports.site.values import Site

#: The verdicts of some lanes, by check; several words of one are those of its rounds, None is a cell without a result.
Verdicts = Mapping[str, Mapping[str, Any]]


def lane(name: str) -> Lane:
    """`overlay2` is a lane of that driver; `overlay2-xfs-docker26.1-linux6.1` is that lane."""
    whole = name if "-" in name else f"{name}-ext4-docker26.1-linux6.12"
    driver, backing, engine, kernel = whole.split("-")
    return Lane(
        id=whole, driver=driver, backing=backing, engine=engine.replace("docker", "docker-"),
        kernel=kernel.removeprefix("linux"), words=[f"--driver={driver}", f"--backing={backing}"],
    )  # fmt: skip


def check(name: str) -> Check:
    return Check(
        id=name, family=name.partition("/")[0], promise=f"What {name} promises holds.", provenance="lower",
        file="conformance/posix/test_it.py", line=3, source="rename(2); moby/moby#25409",
    )  # fmt: skip


def bundle(
    directory: Path, verdicts: Verdicts, started: str = "2026-11-30T02:00:00Z", state: str = "ready",
    whole: bool = True, more: Mapping[str, list[Any]] | None = None, run: str = "",
) -> Path:  # fmt: skip
    """Write one bundle; `more` has benchmarks, trends and counts of a lane, by the lane's name."""
    lanes = {name: lane(name) for name in verdicts}
    checks = dict.fromkeys(test for cells in verdicts.values() for test in cells)
    plan = Plan(
        schema="1.0", run=run or ascii(directory.name).strip("'"), started=started, argv=[],
        suite={"version": "0.1.0", "commit": "4f1c9a2"}, lanes=[*lanes.values()],
        checks=[check(test) for test in checks],
        rounds=max([1, *(len(words(one)) for cells in verdicts.values() for one in cells.values())]),
        cells=[(lanes[name].id, test) for name, cells in verdicts.items() for test in cells],
    )  # fmt: skip
    records: list[Any] = [plan]
    dice = random.Random(repr(directory.name))
    for name, cells in verdicts.items():
        facts = sample.lane_record(lanes[name]).facts
        why = "" if state == "ready" else "the daemon did not start"
        records.append(LaneRecord(lane=lanes[name].id, at=started, state=state, reason=why, facts=facts))
        for test, verdict in cells.items():
            records += [result(lanes[name], test, one, at, dice) for at, one in enumerate(words(verdict), 1)]
        records += (more or {}).get(name, [])
    if whole:
        records.append(End(finished=started, exit_status=0, counts={}))
    return sample.write(directory, records)


def words(verdict: str | None) -> list[str]:
    return verdict.split() if verdict else []


def result(lane: Lane, test: str, verdict: Any, at: int, dice: random.Random) -> Result:
    broken = verdict in ("known", "fail")
    row = check(test)
    return Result(
        lane=lane.id, check=test, nodeid=f"{row.file}::test_{test.partition('/')[2]}[{lane.id}]", verdict=verdict,
        at="2026-11-30T02:00:05Z", seconds=0.25, reason="assert 'EXDEV' == 'success'" if broken else "",
        observations=[Observation("answer", "EXDEV" if broken else "success")],
        transcript=sample.transcript(dice, broken), kernel_log=["EXT4-fs (loop0): mounted filesystem"],
        deviation=sample.deviation(row) if verdict in ("known", "fixed") else None, round=at,
    )  # fmt: skip


def made(root: Path, public: Path, **more: Any) -> Site:
    """The values of the site that is made from a directory."""
    return make(root, public, **more)[0]
