"""A sample run of power cuts: four operations on three lanes, some of which break promises."""

from __future__ import annotations

import sample

from roadworthy.reports.records import SCHEMA, Check, Cuts, End, FirstCut, Lane, Left, Observation, Plan, Result

LANES = [sample.LANES[1], sample.LANES[3], sample.LANES[5]]
OVERLAY, BTRFS, SNAPSHOTTER = LANES
DOES = {
    "load": "docker load of an image with 200 files.",
    "commit": "docker commit of a container in which 200 files were written.",
    "copy-up": "The first write to a file of the image, and its fsync.",
    "rmi": "docker rmi of an image with 200 files.",
}
PROMISES = {
    "listed-is-whole": "After a power cut whatever the engine lists and hands out is whole, or it says so.",
    "acknowledged-is-there": "After a power cut what the engine has acknowledged is as it was then.",
    "daemon-starts": "After a power cut the daemon starts.",
}
LOAD = ["POST /v1.41/images/load", "GET /v1.41/images/roadworthy:cut/json"]
SILENT = "silent: 200 of 223 files empty, 1 of 223 files missing"
#: What broke: lane, promise and operation, with the states and the first cut.
BROKEN = {
    (SNAPSHOTTER.id, "listed-is-whole", "load"): (
        "silent: files missing, files empty", [Left("the image", SILENT, 7), Left("the image", "gone", 2)],
        FirstCut(flush=12, words="flush 12 and 3 of 8 later writes", after=LOAD, before="the end", part=77, exact=True,
                 records="io.containerd.metadata.v1.bolt/meta.db: 1 shorter"),
    ),
    (SNAPSHOTTER.id, "daemon-starts", "commit"): (
        "the daemon does not start: invalid database", [Left("the daemon", "the daemon does not start: …", 1)],
        FirstCut(flush=3, words="flush 3", after=[], before="POST /v1.41/commit"),
    ),
    (OVERLAY.id, "acknowledged-is-there", "load"): (
        "gone", [Left("the image", "gone", 1)],
        FirstCut(flush=12, words="flush 12", after=LOAD, before="the end", exact=True,
                 records="overlay2/…/link: 1 empty"),
    ),
}  # fmt: skip


def check(promise: str, operation: str) -> Check:
    """The check of a promise, for one operation."""
    return Check(
        id=f"durability/{promise}[{operation}]", family="durability", promise=PROMISES[promise], provenance="",
        file="conformance/durability/test_store.py", line=20, source="fsync(2)",
    )  # fmt: skip


def result(lane: Lane, promise: str, operation: str) -> Result:
    """What a lane says of a promise."""
    worst, states, first = BROKEN.get((lane.id, promise, operation), ("whole", [], None))
    cuts = Cuts(
        operation=operation, does=DOES[operation], looked=20, flushes=31, worst=worst, asked="20", states=states,
        first=first, kept=lane is not OVERLAY,
    )  # fmt: skip
    verdict = "pass" if first is None else "known" if lane is OVERLAY else "fail"
    nodeid = f"conformance/durability/test_store.py::test_{promise.replace('-', '_')}[{lane.id}-{operation}]"
    return Result(
        lane=lane.id, check=check(promise, operation).id, nodeid=nodeid, verdict=verdict, at=sample.STARTED,
        seconds=1.0, observations=[Observation("cuts", "20 cuts at 31 flushes")], cuts=cuts,
    )  # fmt: skip


def records(run: str = "cuts-2026-11-23") -> list[object]:
    """A whole run; btrfs was not cut in rmi."""
    asked = [(promise, operation) for operation in DOES for promise in PROMISES]
    checks = [check(*one) for one in asked]
    results = [
        result(lane, *one) for lane in LANES for one in asked if (lane.id, one[1]) != (BTRFS.id, "rmi")
    ]  # fmt: skip
    plan = Plan(
        schema=SCHEMA, run=run, started=sample.STARTED, suite={"version": "0.4.0", "commit": "4f1c9a2"},
        argv=["pytest", "--cuts=20"], lanes=LANES, checks=checks, cells=[(one.lane, one.check) for one in results],
    )  # fmt: skip
    end = End(finished="2026-11-23T03:14:09Z", exit_status=1, counts={})
    return [plan, *map(sample.lane_record, LANES), *results, end]
