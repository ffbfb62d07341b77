"""A small site: bundles of two editions, in which one break is new, with checks that have cases."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import sample

from roadworthy.reports.records import (
    Call,
    Check,
    Deviation,
    End,
    Lane,
    LaneRecord,
    Observation,
    Plan,
    Record,
    Result,
    Verdict,
)
from roadworthy.reports.site.known import Known, Question
from roadworthy.reports.site.making import values
from roadworthy.reports.site.values import Site

NATIVE = Lane(id="native-ext4-docker20.10-linux6.18", driver="native", backing="ext4", engine="docker20.10",
              kernel="6.18", words=["--driver=native"])  # fmt: skip
OLD = Lane(id="overlay2-ext4-docker20.10-linux5.10", driver="overlay2", backing="ext4", engine="docker20.10",
           kernel="5.10", words=["--driver=overlay2", "--kernel=PATH"])  # fmt: skip
NEW = Lane(id="overlay2-ext4-docker20.10-linux6.18", driver="overlay2", backing="ext4", engine="docker20.10",
           kernel="6.18", words=["--driver=overlay2", "--engine=host"])  # fmt: skip
STORE = Lane(id="containerd:overlayfs-ext4-docker28.5-linux6.18", driver="containerd:overlayfs", backing="ext4",
             engine="docker28.5", kernel="6.18", words=["--driver=containerd:overlayfs"])  # fmt: skip
LANES = (NATIVE, OLD, NEW, STORE)

RENAME = Deviation(
    why="overlayfs will not rename a directory that a lower layer has", source="Linux Documentation/filesystems/"
    "overlayfs.rst, renaming directories", signature="'EXDEV' == 'success'",
    when="built_on = overlayfs; redirect_dir = off", file="conformance/deviations/rename.toml", line=33,
)  # fmt: skip
LINK = Deviation(
    why="overlayfs copies one of two hard-linked names up", source="moby/moby#1", signature="old",
    when="built_on = overlayfs; index = off", file="conformance/deviations/link.toml", line=3,
)  # fmt: skip
MV = Deviation(
    why="mv copies a directory that it cannot rename", source="coreutils", signature="copied",
    when="built_on = overlayfs", file="conformance/deviations/app.toml", line=9,
)  # fmt: skip


def check(identity: str, promise: str, provenance: str = "lower") -> Check:
    family = identity.partition("/")[0]
    return Check(id=identity, family=family, promise=promise, provenance=provenance,
                 file=f"conformance/posix/test_{family}.py", line=10, source="POSIX.1-2017, rename()")  # fmt: skip


CHECKS = (
    check("rename/merged-dir", "A directory with old and new files in it can be renamed."),
    check("link/pair[lower]", "What is written through one name is read through the other."),
    check("link/pair[upper]", "What is written through one name is read through the other.", "upper"),
    check("app/mv-directory", "mv renames a directory of the image."),
    check("open/plain", "A file can be opened."),
)

Verdicts = dict[tuple[str, str], tuple[Verdict, Deviation | None, str]]

#: What the lanes answered; everything else is a pass.
FIRST: Verdicts = {
    **{(lane.id, "rename/merged-dir"): ("known", RENAME, "EXDEV") for lane in (OLD, NEW, STORE)},
    **{(lane.id, "link/pair[lower]"): ("known", LINK, "old") for lane in (OLD,)},
    **{(lane.id, "app/mv-directory"): ("known", MV, "copied") for lane in (OLD, NEW)},
}
SECOND: Verdicts = {**FIRST, (STORE.id, "open/plain"): ("fail", None, "ENOENT")}


def result(lane: Lane, row: Check, verdicts: Verdicts) -> Result:
    verdict, deviation, saw = verdicts.get((lane.id, row.id), ("pass", None, "success"))
    return Result(
        lane=lane.id, check=row.id, nodeid=f"{row.file}::test_it[{lane.id}]", verdict=verdict,
        at="2026-11-23T02:04:11Z", seconds=0.01,
        reason=f"assert {saw!r} == 'success'" if verdict in ("fail", "known") else "",
        observations=[Observation("outcome", saw)],
        transcript=[Call("A", "store('old/new', b'2', 420)", "None"), Call("A", "rename('old', 'new')", saw, True)],
        deviation=deviation,
    )  # fmt: skip


def bundle(
    day: str, lanes: tuple[Lane, ...], verdicts: Verdicts, more: tuple[Record, ...] = (),
    checks: tuple[Check, ...] = CHECKS,
) -> list[Record]:  # fmt: skip
    """The records of a run of checks on these lanes."""
    return [
        Plan(
            schema="1.0", run=f"run-{day}", started=f"{day}T02:00:00Z", suite={"version": "1"}, argv=[],
            lanes=list(lanes), checks=list(checks), cells=[(lane.id, row.id) for lane in lanes for row in checks],
        ),
        *(LaneRecord(lane=lane.id, at=f"{day}T02:00:00Z", state="ready", facts={"kernel": {"release": lane.kernel}})
          for lane in lanes),
        *(result(lane, row, verdicts) for lane in lanes for row in checks),
        *more,
        End(finished=f"{day}T03:00:00Z", exit_status=0, counts={}),
    ]  # fmt: skip


KNOWN = Known(
    questions=(Question("Do programs rename directories of the image?", ("rename/*",)),),
    knobs={("rename/merged-dir", RENAME.when, "overlay2"): ["redirect_dir=on"]},
    documents={
        "repro.md": "| overlay2 | `rename/merged-dir` | mounts | shown | `ok` | `EXDEV` |\n",
        "findings.md": "## overlay2\n\n### A directory cannot be renamed\n\n- **Driver:** overlay2\n"
        "- **Conditions:** any\n- **Check:** `rename/merged-dir`\n\n```sh\nmv a b\n```\n\n```text\nno\n```\n",
    },
)  # fmt: skip


def write(root: Path, more: tuple[Record, ...] = ()) -> Path:
    """Write the bundles of two editions below a directory."""
    sample.write(root / "2026-11-29" / "one", bundle("2026-11-29", LANES, FIRST))
    sample.write(root / "2026-11-30" / "one", bundle("2026-11-30", (NATIVE, NEW, STORE), SECOND, more))
    return root


def site(root: Path, more: tuple[Record, ...] = ()) -> Site:
    """The values of the small site."""
    return dataclasses.replace(values(write(root, more), (), None, None), known=KNOWN)
