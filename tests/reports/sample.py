"""Sample bundles: a run of about 120 checks on six lanes with every verdict in it, made the same way each time."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
from sample_checks import listed

from roadworthy.reports.records import (
    SCHEMA,
    Arm,
    Benchmark,
    Call,
    Check,
    Count,
    Curve,
    Deviation,
    End,
    Lane,
    LaneRecord,
    Observation,
    Plan,
    Result,
    Sample,
    Trend,
    Twin,
    Verdict,
)

STARTED = "2026-11-23T02:00:04Z"

LANES: list[Lane] = [
    Lane(id="native-ext4-docker26.1-linux6.12", driver="native", backing="ext4", engine="docker-26.1", kernel="6.12"),
    Lane(
        id="overlay2-ext4-docker20.10-linux6.1", driver="overlay2", backing="ext4", engine="docker-20.10", kernel="6.1"
    ),
    Lane(id="overlay2-xfs-docker26.1-linux6.12", driver="overlay2", backing="xfs", engine="docker-26.1", kernel="6.12"),
    Lane(id="btrfs-btrfs-docker26.1-linux6.12", driver="btrfs", backing="btrfs", engine="docker-26.1", kernel="6.12"),
    Lane(id="vfs-ext4-docker26.1-linux6.12", driver="vfs", backing="ext4", engine="docker-26.1", kernel="6.12"),
    Lane(
        id="containerd:overlayfs-ext4-docker28.5-linux7.2",
        driver="containerd:overlayfs",
        backing="ext4",
        engine="docker-28.5",
        kernel="7.2",
    ),
]

MORE_LANES: list[Lane] = [
    Lane(
        id="fuse-overlayfs-ext4-docker26.1-linux6.12",
        driver="fuse-overlayfs",
        backing="ext4",
        engine="docker-26.1",
        kernel="6.12",
    ),
    Lane(
        id="devicemapper-xfs-docker20.10-linux5.10",
        driver="devicemapper",
        backing="xfs",
        engine="docker-20.10",
        kernel="5.10",
        options={"thinpool": "direct"},
    ),
    Lane(id="zfs-zfs-docker26.1-linux6.1", driver="zfs", backing="zfs", engine="docker-26.1", kernel="6.1"),
    Lane(
        id="containerd:native-ext4-docker28.5-linux7.2",
        driver="containerd:native",
        backing="ext4",
        engine="docker-28.5",
        kernel="7.2",
    ),
    Lane(
        id="containerd:erofs-ext4-docker28.5-linux7.2",
        driver="containerd:erofs",
        backing="ext4",
        engine="docker-28.5",
        kernel="7.2",
    ),
    Lane(
        id="podman:overlay-xfs-podman5-linux6.12",
        driver="podman:overlay",
        backing="xfs",
        engine="podman-5",
        kernel="6.12",
        options={"redirect_dir": "on"},
    ),
]

SOURCES = {
    "identity": "https://docs.kernel.org/filesystems/overlayfs.html#inode-properties",
    "rename": "POSIX.1-2024 rename(), https://pubs.opengroup.org/onlinepubs/9799919799/functions/rename.html",
    "locks": "fcntl(2), Advisory record locking",
}

#: check id -> (driver prefixes, verdict, observation value)
ODD: dict[str, tuple[tuple[str, ...], Verdict, str]] = {
    "rename/merged-directory": (("overlay2", "containerd:overlayfs"), "known", "EXDEV"),
    "rename/exchange-directories": (("overlay2", "containerd:overlayfs"), "known", "EXDEV"),
    "copy-up/open-copies-nothing": (("overlay2", "containerd:overlayfs"), "known", "64 MiB copied"),
    "copy-up/one-byte-write": (("overlay2", "containerd:overlayfs"), "known", "64 MiB copied"),
    "copy-up/chmod-copies-no-data": (("overlay2", "containerd:overlayfs"), "known", "64 MiB copied"),
    "copy-up/no-space-on-open": (("overlay2", "containerd:overlayfs"), "known", "ENOSPC from open"),
    "identity/maps-agree-with-stat": (("btrfs", "overlay2"), "fail", "0:48 against 0:51"),
    "mmap/shared-before-copy-up": (("overlay2", "containerd:overlayfs"), "known", "stale"),
    "mmap/page-cache-shared": (("btrfs", "vfs"), "known", "two copies, 16,384 pages"),
    "images/sub-second-mtime": (("overlay2",), "fixed", "nanoseconds kept"),
    "space/size-limit-enforced": (("vfs", "native", "overlay2"), "unsupported", ""),
    "durability/power-cut-after-fsync": (("",), "skipped", ""),
    "durability/power-cut-copy-up": (("",), "skipped", ""),
    "xattr/large-value": (("overlay2", "vfs", "native"), "unsupported", ""),
    "locks/deadlock-detected": (("containerd:overlayfs",), "hang", "no answer in 30 s"),
    "durability/syncfs": (("btrfs",), "crash", "BUG: unable to handle page fault"),
    "images/depth-of-layers": (("vfs",), "error", ""),
    "directories/seekdir-stable": (("containerd:overlayfs",), "fail", "2 names twice"),
    "hard-links/siblings-stay-one-file": (("containerd:overlayfs",), "fail", "stale through 'b'"),
}

NOTES = ("inode kept", "same file", "ENOENT", "0 B copied", "1 of 1", "kept", "EEXIST", "4 KiB copied", "12 entries")


def checks() -> list[Check]:
    """Return the rows."""
    return [
        Check(
            id=check,
            family=family,
            promise=promise,
            provenance=("lower", "copied-up", "upper")[number % 3],
            file=f"conformance/posix/test_{family.replace('-', '_')}.py",
            line=12 + 9 * (number % 20),
            source=SOURCES.get(family, ""),
            claim="overlayfs-open-identity" if family == "identity" else "",
        )
        for number, (family, check, promise) in enumerate(listed())
    ]


def plan(run: str = "nightly-2026-11-23", started: str = STARTED, lanes: list[Lane] | None = None) -> Plan:
    """Return a plan of all checks on `lanes`, except copy-up on native, where there is nothing to copy up."""
    lanes = LANES if lanes is None else lanes
    rows = checks()
    cells = [(lane.id, row.id) for lane in lanes for row in rows if (lane.driver, row.family) != ("native", "copy-up")]
    return Plan(
        schema=SCHEMA,
        run=run,
        started=started,
        suite={"version": "0.4.0", "commit": "4f1c9a2", "dirty": False},
        argv=["pytest", "--matrix=nightly.toml", "-n", "4"],
        lanes=lanes,
        checks=rows,
        cells=cells,
    )


def result(lane: Lane, row: Check, dice: random.Random) -> Result:
    """Return a plausible result; the same dice give the same one."""
    drivers, verdict, seen = ODD.get(row.id, ((), "pass", ""))
    if not any(lane.driver.startswith(driver) for driver in drivers):
        # What a check sees is the same on most lanes; one in thirty answers in another way.
        usual = "" if len(row.promise) % 2 else NOTES[len(row.promise) % len(NOTES)]
        verdict, seen = "pass", dice.choice(NOTES) if usual and dice.random() < 0.03 else usual
    reason = {
        "fail": f"assert {seen!r} == 'as promised'\n +  where {seen!r} = observed after the second open",
        "known": f"{seen}: as recorded",
        "unsupported": f"{lane.driver} has no size limit on {lane.backing} without project quotas",
        "skipped": "needs a virtual machine whose power can be cut: --machine=qemu",
        "error": "the daemon answered 500: max depth exceeded",
        "hang": "fcntl(F_SETLKW) did not return within 30 s; the process was killed",
        "crash": "the kernel reported a bug while the check ran",
        "fixed": "sub-second times were recorded as lost, and are kept here",
    }.get(verdict, "")
    return Result(
        lane=lane.id,
        check=row.id,
        nodeid=f"{row.file}::test_{row.id.split('/')[1].replace('-', '_')}[{lane.id}]",
        verdict=verdict,
        at="2026-11-23T02:04:11Z",
        seconds=round(dice.uniform(0.002, 0.4), 4),
        reason=reason,
        observations=[Observation("answer", seen), Observation("inode", str(dice.randrange(10**5, 10**6)))]
        if seen
        else [],
        transcript=transcript(dice, verdict in {"fail", "known"}),
        omitted_calls=212 if row.id.endswith("concurrent-openers") else 0,
        kernel_log=KERNEL_LOG if verdict == "crash" else [],
        deviation=deviation(row) if verdict in {"known", "fixed"} else None,
    )


KERNEL_LOG = [
    "[  214.118203] BUG: unable to handle page fault for address: ffffc90000a3b000",
    "[  214.118220] #PF: supervisor read access in kernel mode",
    "[  214.118231] RIP: 0010:btrfs_sync_log+0x2c1/0xb10 [btrfs]",
    "[  214.118299] Call Trace:",
    "[  214.118304]  <TASK>",
    "[  214.118307]  btrfs_sync_fs+0x4e/0x110 [btrfs]",
    "[  214.118361]  __x64_sys_syncfs+0x3a/0x90",
]


def transcript(dice: random.Random, broken: bool) -> list[Call]:
    """Return some calls of one or two processes, with a failed one when a promise was broken."""
    calls = [
        Call("main", "openat(AT_FDCWD, 'tree/foo', O_RDONLY|O_CLOEXEC)", "3", False, dice.randrange(110, 260)),
        Call("main", "openat(AT_FDCWD, 'tree/foo', O_RDWR|O_CLOEXEC)", "4", False, dice.randrange(140, 900)),
        Call("second", "stat('tree/foo')", f"dev=0:51 ino={dice.randrange(10**5, 10**6)} size=67108864", False, 164),
        Call("main", "pwrite(4, b'new', 0)", "3", False, dice.randrange(130, 240)),
        Call("main", "pread(3, 3, 0)", "b'new'", False, 151),
    ]
    if broken:
        calls.insert(3, Call("main", "rename('tree/directory', 'tree/renamed')", "EXDEV", True, 187))
    return calls


def deviation(row: Check) -> Deviation:
    """Return the entry that a known or fixed verdict rests on."""
    return Deviation(
        why="overlayfs will not rename a directory that has a lower layer unless redirect_dir is on",
        source="Linux Documentation/filesystems/overlayfs.rst, https://docs.kernel.org/filesystems/overlayfs.html",
        signature="EXDEV",
        when='driver = ["overlay", "overlay2", "containerd:overlayfs"], redirect_dir = "off"',
        file="conformance/deviations/overlay2.toml",
        line=14,
    )


def lane_record(lane: Lane) -> LaneRecord:
    """Return the record of a lane that came up, with facts as deep as real ones."""
    return LaneRecord(
        lane=lane.id,
        at="2026-11-23T02:00:31Z",
        state="ready",
        seconds={"backing": 0.41, "daemon": 1.9, "image": 2.62, "container": 0.57},
        facts={
            "kernel": {"release": f"{lane.kernel}.57-1", "tainted": 0, "version": "#1 SMP PREEMPT_DYNAMIC"},
            "engine": {
                "version": f"{lane.engine.split('-')[1]}.5",
                "driver": lane.driver,
                "driver_status": [["Backing Filesystem", lane.backing], ["Supports d_type", "true"]],
            },
            "mounts": [
                {
                    "target": "/",
                    "fstype": "overlay",
                    "options": "rw,relatime,index=off,redirect_dir=nofollow,metacopy=off",
                }
            ],
            "parameters": {"overlay": {"metacopy": "N", "redirect_dir": "N", "index": "N", "xino_auto": "Y"}},
            "tools": {"fio": "3.33", "runc": "1.1.5", "python": "3.11.2"},
        },
    )


def benchmark(lane: Lane, name: str, metric: str, unit: str, dice: random.Random) -> Benchmark:
    """Return one comparison with native; drivers that copy up pay for it."""
    cost = {"overlay2": 1.34, "containerd:overlayfs": 1.29, "btrfs": 1.08, "vfs": 1.0, "native": 1.0}.get(
        lane.driver, 1.2
    )
    if name == "first-write-64MiB":
        cost = (cost - 1) * 40 + 1
    middle = cost * dice.uniform(0.97, 1.04)
    low, high = middle * dice.uniform(0.9, 0.97), middle * dice.uniform(1.03, 1.1)
    verdict: Any = "slower" if low > 1.05 else "equivalent" if high < 1.15 else "inconclusive"
    invalid = lane.driver == "vfs" and name == "randwrite-4k"
    base = [round(dice.uniform(180, 214), 2) for _ in range(12)]
    # One workload is as records were before they had an A/A pair.
    twin = None if name == "seqread-1m" else Twin(ratio=1.01, low=0.97, high=1.04, verdict="equivalent")
    return Benchmark(
        lane=lane.id,
        benchmark=name,
        nodeid=f"bench/test_fio.py::test_{name}[{lane.id}]",
        at="2026-11-23T03:11:40Z",
        metric=metric,
        unit=unit,
        baseline=Arm(name="native", samples=base, median=196.2, low=190.1, high=203.4),
        arm=Arm(
            name=lane.driver,
            samples=[round(v * middle, 2) for v in base],
            median=196.2 * middle,
            low=190 * middle,
            high=203 * middle,
        ),
        ratio=middle,
        ratio_low=low,
        ratio_high=high,
        verdict="invalid" if invalid else verdict,
        twin=twin,
        reason="the device wrote less than the workload" if invalid else "",
        counters={"flushes": dice.randrange(40, 90), "written MiB": 256.0, "blocks": dice.randrange(60_000, 70_000)},
        guards={
            "the device wrote what the workload wrote": not invalid,
            "no swap was used": True,
            "the clock did not step": True,
        },
        workload={"rw": "randwrite", "bs": "4k", "size": "256MiB", "fsync": 1},
    )


def benchmarks(lanes: list[Lane], dice: random.Random) -> list[Benchmark]:
    """Return three workloads on each lane but native, which is the baseline."""
    kinds = [("randwrite-4k", "latency", "µs"), ("seqread-1m", "latency", "µs"), ("first-write-64MiB", "latency", "ms")]
    return [benchmark(lane, *kind, dice) for kind in kinds for lane in lanes if lane.driver != "native"]


#: Sizes of a sweep, in bytes, and how its points are called.
SIZES = {64 * 1024: "64KiB", 1 << 20: "1MiB", 8 << 20: "8MiB", 64 << 20: "64MiB"}


def samples(lane: Lane, ratio: float, dice: random.Random) -> list[Sample]:
    """Return twelve rows of three sides in random order, and one that is void."""
    found = []
    for row in range(13):
        for order, side in enumerate(dice.sample(("baseline", "again", "arm"), 3)):
            cost = dice.uniform(180_000, 200_000) * (ratio if side == "arm" else 1)
            void = "the device saw the bytes that the workload asked for" if (row, side) == (4, "arm") else ""
            raw = f"raw/{lane.id.replace(':', '_')}/data.randread-4k-{3 * row + order:04}.json.gz"
            found.append(
                Sample(
                    row=row, order=order, side=side, value=round(cost, 1), operations=4096, bytes=4096 * 4096,
                    counters={"device reads": 4096.0}, void=void, raw=raw,
                )
            )  # fmt: skip
    return found


def full_benchmark(lane: Lane, dice: random.Random) -> Benchmark:
    """Return a record as the measuring core writes them, with A/A pair, samples and raw files."""
    some = benchmark(lane, "data/randread-4k/upper", "time per I/O", "ns", dice)
    return msgspec.structs.replace(
        some, promise="What a 4 KiB random read past the page cache costs.", stratum="upper", tier="smoke",
        samples=samples(lane, some.ratio, dice),
        baseline=msgspec.structs.replace(some.baseline, quantiles={"p50": 188_000.0, "p99": 402_000.0}),
        arm=msgspec.structs.replace(some.arm, quantiles={"p50": 196_000.0, "p99": 511_000.0}),
        method={"version": "1", "seed": 2016, "rows": 12, "void rows": 1},
    )  # fmt: skip


def sweep(lane: Lane, dice: random.Random, emulated: str = "") -> list[Any]:
    """Return the points of a sweep over sizes, and their trend: overlay copies, others write a block."""
    copies = lane.driver in ("overlay2", "containerd:overlayfs", "fuse-overlayfs") and lane.backing == "ext4"
    found: list[Any] = []
    curves: dict[str, list[tuple[float, float]]] = {"baseline": [], "arm": []}
    for size, name in SIZES.items():
        base, arm = 90e3 * dice.uniform(0.9, 1.1), (120e3 + 0.9 * size * copies) * dice.uniform(0.95, 1.05)
        curves["baseline"].append((float(size), base))
        curves["arm"].append((float(size), arm))
        some = benchmark(lane, f"copy-up/first-write/lower@{name}", "time of the first write", "ns", dice)
        ratio = arm / base
        found.append(
            msgspec.structs.replace(
                some, stratum="lower", tier="smoke", point=float(size), ratio=ratio, ratio_low=ratio * 0.93,
                ratio_high=ratio * 1.06, verdict="slower" if ratio > 1.2 else "inconclusive", unpublished=emulated,
                promise="What the first write into a file of the image costs, by its size.",
            )
        )  # fmt: skip
    slope = 0.9 if copies else 0.0002
    arm_curve = Curve(name=lane.driver, points=curves["arm"], slope=slope, slope_low=slope * 0.9,
                      slope_high=slope * 1.2, intercept=120e3)  # fmt: skip
    base_curve = Curve(name="native", points=curves["baseline"], slope=1e-5, slope_low=-2e-4, slope_high=3e-4,
                       intercept=90e3)  # fmt: skip
    found.append(
        Trend(
            lane=lane.id, benchmark="copy-up/first-write/lower", nodeid="bench/test_copy_up.py::test_first_write",
            at="2026-11-23T03:12:40Z", axis="file size", axis_unit="B", metric="time of the first write", unit="ns",
            baseline=base_curve, arm=arm_curve, verdict="grows" if copies else "flat", stratum="lower", tier="smoke",
            promise="What the first write into a file of the image costs, by its size.", unpublished=emulated,
        )
    )  # fmt: skip
    return found


def count(lane: Lane, name: str, metric: str, unit: str, value: float, **more: Any) -> Count:
    return Count(
        lane=lane.id, benchmark=name, nodeid=f"bench/test_space.py::test_x[{lane.id}]", at="2026-11-23T03:13:00Z",
        metric=metric, unit=unit, value=value, promise="What it takes.", tier="smoke", **more,
    )  # fmt: skip


#: What times of a lane under emulation say of themselves.
EMULATED = "measured under emulation: counters are exact, times are not those of any machine"


def measurements(lanes: list[Lane], dice: random.Random) -> list[Any]:
    """Return what the measuring core writes: paired rows, a sweep with its trend, counts; one lane is emulated."""
    found: list[Any] = []
    for lane in lanes:
        if lane.driver == "native":
            continue
        emulated = EMULATED if lane.kernel == "7.2" else ""
        found.append(msgspec.structs.replace(full_benchmark(lane, dice), unpublished=emulated))
        found += sweep(lane, dice, emulated)
        shares = lane.driver in ("overlay2", "containerd:overlayfs")
        found.append(count(lane, "space/page-cache", "pages for five readers", "pages", 16_384.0 * (1 if shares else 5),
                           baseline=16_384.0))  # fmt: skip
        if lane.driver != "btrfs":
            inodes = 4_210.0 if lane.driver == "vfs" else 212.0
            found.append(count(lane, "space/inodes", "inodes per layer", "inodes", inodes, baseline=200.0))
        found.append(count(lane, "space/amplification", "bytes for one byte", "B", float(64 << 20), tolerance=0.02,
                           note="after a sync"))  # fmt: skip
    return found


def records(of: Plan | None = None, seed: int = 7) -> list[Any]:
    """Return the records of a whole run, in the order of a bundle."""
    of = of or plan()
    dice = random.Random(seed)
    lanes = {lane.id: lane for lane in of.lanes}
    rows = {row.id: row for row in of.checks}
    results = [result(lanes[lane], rows[check], dice) for lane, check in of.cells]
    end = End(finished="2026-11-23T03:14:09Z", exit_status=1, counts={})
    return [of, *map(lane_record, of.lanes), *results, *benchmarks(of.lanes, dice), *measurements(of.lanes, dice), end]


def write(directory: Path, lines: list[Any]) -> Path:
    """Write records as a bundle directory, and return it."""
    directory.mkdir(parents=True, exist_ok=True)
    text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    (directory / "bundle.jsonl").write_bytes(text)
    return directory
