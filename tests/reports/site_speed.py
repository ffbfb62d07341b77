"""How long a site takes that is larger than any real one, and how much memory: a benchmark, no test.

Its bundles are synthetic and named so: checks that nobody wrote on lanes that nobody ran, with transcripts of a usual
length, a tenth of recorded breaks, and one cell in two hundred that changes from night to night. A night is one bundle
a lane, as the nightly workflow leaves it. It prints the time and the memory of a fresh site, of a further night, and of
a site of as many checks as the suite has.

    .venv/bin/python tests/reports/site_speed.py [--checks=300] [--lanes=200] [--nights=30] [--keep=DIRECTORY]
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from roadworthy.command.beside import known
from roadworthy.reports.records import (
    Call,
    Check,
    Deviation,
    End,
    Lane,
    LaneRecord,
    Observation,
    Plan,
    Result,
    Verdict,
)
from roadworthy.reports.site.making import make

DRIVERS = ("overlay2", "vfs", "btrfs", "fuse-overlayfs", "containerd:overlayfs", "containerd:native", "podman:overlay")
BACKINGS = ("ext4", "xfs", "btrfs")
KERNELS = ("5.10", "6.1", "6.6", "6.12", "6.18", "7.2")
ENGINES = ("docker-20.10", "docker-28.5")
BEGIN = datetime(2026, 1, 1, 2, tzinfo=UTC)
ENCODER = msgspec.json.Encoder()


def lanes(number: int) -> list[Lane]:
    every = [(driver, backing, engine, kernel) for kernel in KERNELS for engine in ENGINES for backing in BACKINGS
             for driver in DRIVERS]  # fmt: skip
    return [
        Lane(id=f"{driver}-{backing}-{engine.replace('-', '')}-linux{kernel}", driver=driver, backing=backing,
             engine=engine, kernel=kernel, words=[f"--driver={driver}", f"--backing={backing}"])
        for driver, backing, engine, kernel in every[:number]
    ]  # fmt: skip


def checks(number: int) -> list[Check]:
    families = ("rename", "link", "copyup", "mmap", "app", "xattr", "unlink", "whiteout", "image", "durability")
    return [
        Check(id=f"{families[at % len(families)]}/synthetic-{at}", family=families[at % len(families)],
              promise=f"The synthetic promise number {at}, which no file system made, holds for a file of the image.",
              provenance="lower", file=f"conformance/posix/test_{families[at % len(families)]}.py", line=at,
              source="POSIX.1-2017, rename(); moby/moby#25409")
        for at in range(number)
    ]  # fmt: skip


def deviation(at: int) -> Deviation:
    return Deviation(why=f"the synthetic reason {at % 60} for which a copy-up breaks this promise",
                     source="Linux Documentation/filesystems/overlayfs.rst, renaming directories",
                     signature="'EXDEV' == 'success'", when='driver = "overlay2"; redirect_dir = "off"',
                     file="conformance/deviations/synthetic.toml", line=at)  # fmt: skip


def result(lane: Lane, check: Check, verdict: Verdict, at: int, dice: random.Random) -> Result:
    inode = dice.randrange(10**5, 10**6)
    broken = verdict in ("known", "fail")
    return Result(
        lane=lane.id, check=check.id, nodeid=f"{check.file}::test_synthetic_{at}[{lane.id}]", verdict=verdict,
        at="2026-11-23T02:04:11Z", seconds=dice.randrange(1000) / 1000,
        reason="assert 'EXDEV' == 'success'" if broken else "",
        observations=[Observation("outcome", "EXDEV" if broken else "success"), Observation("inode", str(inode))],
        transcript=[
            Call("A", f"openat(AT_FDCWD, 'c/synthetic-{at}/file', O_RDWR|O_CLOEXEC)", "3", False, inode % 700),
            Call("A", "pwrite(3, b'new', 0)", "3", False, inode % 300),
            Call("B", f"stat('c/synthetic-{at}/file')", f"dev=0:51 ino={inode} size=67108864", False, inode % 100),
            Call("A", f"rename('c/synthetic-{at}/file', 'c/other')", "EXDEV" if broken else "None", broken, 187),
        ],
        deviation=deviation(at) if verdict == "known" else None,
    )  # fmt: skip


def night(root: Path, number: int, asked: list[Lane], rows: list[Check]) -> None:
    """Write one night: a bundle a lane."""
    started = BEGIN + timedelta(days=number)
    dice = random.Random(number)
    for lane in asked:
        of_lane = random.Random(f"{lane.driver} {lane.kernel}")
        usual: list[Verdict] = ["known" if of_lane.random() < 0.1 else "pass" for _ in rows]
        verdicts: list[Verdict] = ["fail" if dice.random() < 0.005 else verdict for verdict in usual]
        facts = {"kernel": {"release": f"{lane.kernel}.{number // 10}"}, "engine": {"version": lane.engine}}
        records = [
            Plan(schema="1.0", run=f"synthetic-{number}-{lane.id}", started=started.isoformat(), argv=[],
                 suite={"version": "0.1.0", "commit": "0" * 40}, lanes=[lane], checks=rows,
                 cells=[(lane.id, check.id) for check in rows]),
            LaneRecord(lane=lane.id, at=started.isoformat(), state="ready", facts=facts),
            *(result(lane, rows[at], verdict, at, dice) for at, verdict in enumerate(verdicts)),
            End(finished=started.isoformat(), exit_status=1, counts={}),
        ]  # fmt: skip
        place = root / started.date().isoformat() / lane.id.replace(":", "-")
        place.mkdir(parents=True)
        (place / "bundle.jsonl").write_bytes(b"".join(ENCODER.encode(record) + b"\n" for record in records))


def measured(root: Path, public: Path, what: str) -> None:
    """Make a site in a process of its own, and print what it took."""
    child = multiprocessing.get_context("fork").Process(target=_made, args=(root, public, what))
    child.start()
    child.join()
    if child.exitcode:
        sys.exit(f"{what}: the process ended with {child.exitcode}")


def _made(root: Path, public: Path, what: str) -> None:
    started, used = time.monotonic(), time.process_time()
    _, written = make(root, public, known=known())
    took, busy = time.monotonic() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sizes = sorted(((path.stat().st_size, str(path.relative_to(public))) for path in public.rglob("*")
                    if path.is_file()), reverse=True)  # fmt: skip
    front = (public / "index.html").stat().st_size
    pages = [size for size, name in sizes if name.startswith(("check/", "driver/")) and name.endswith(".html")]
    sys.stdout.write(
        f"{what}: {took:.1f} s ({busy:.1f} s of processor time), {peak:,.0f} MiB at most, {len(written)} files written;"
        f" front page {front / 1000:.0f} kB, largest page of a check or driver {max(pages) / 1000:.0f} kB, whole site"
        f" {sum(size for size, _ in sizes) / 1e6:.0f} MB; largest files: "
        + ", ".join(f"{name} {size / 1e6:.1f} MB" for size, name in sizes[:4]) + "\n"
    )  # fmt: skip
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, usual in (("checks", 300), ("lanes", 200), ("nights", 30), ("whole", 789)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--keep", type=Path, help="where the bundles and sites are left, or found")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="roadworthy-synthetic-") as place:
        where = given.keep or Path(place)
        root, asked, rows = where / "bundles", lanes(given.lanes), checks(given.checks)
        for number in range(given.nights):
            if not (root / (BEGIN + timedelta(days=number)).date().isoformat()).is_dir():
                night(root, number, asked, rows)
        what = f"synthetic, {given.checks} checks, {given.lanes} lanes"
        measured(root, where / "public", f"{what}, {given.nights} nights")
        night(root, given.nights, asked, rows)
        measured(root, where / "public", f"{what}, a further night")
        measured(root, where / "public", f"{what}, nothing new")
        if given.whole:
            night(where / "whole", 0, asked, checks(given.whole))
            measured(where / "whole", where / "whole-public", f"synthetic, {given.whole} checks, {given.lanes} lanes")


if __name__ == "__main__":
    main()
