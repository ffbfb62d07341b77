"""Copy-on-write: the cost of the first change of a file of an image, against an equal change on the volume.

A file has only one first change, so that every row has a fresh container. The files are read on both sides before they
are written, so that no write has to fetch a page; no writes are pending on the device. Deferred costs show in the
`settled` counters.
"""

import os
import random

from roadworthy import NIGHTLY, SMOKE, WEEKLY, measured, stacked

KIB, MIB = 1 << 10, 1 << 20
#: Files for each kind of change of metadata, and their size.
FILES, SMALL = 16, 4 * KIB


def noise(size):
    """Bytes that no file system compresses."""
    dice = random.Random(size)
    return b"".join(dice.randbytes(min(MIB, size - at)) for at in range(0, size, MIB))


#: The first write to this file is not measured, because it also copies up the parent directories, once in a container.
WARM = {"warm": noise(SMALL)}


def read_everywhere(bench, names):
    """Return a function that reads these files in a new container."""

    def read(fs):
        bench.settle()
        for path in (bench.path(side, name) for side in ("baseline", "again", "arm") for name in names):
            bench.read_anew(fs, path)

    return read


def first_writes(bench, sizes):
    tree = {f"f{size}": noise(size) for size in sizes} | WARM
    fresh = bench.fresh(bench.everywhere(tree), read_everywhere(bench, tree))
    bench.sweep(
        lambda side, size: first_write(bench, fresh.fs, side, f"f{size}"), sizes,
        axis="size", axis_unit="B", metric="time of a first write", stratum="lower", before=fresh,
        warm=lambda side: first_write(bench, fresh.fs, side, "warm"),
        guards=lambda: fresh.copied_up(*(f"f{size}" for size in sizes)),
    )  # fmt: skip


def first_write(bench, fs, side, path):
    """Open a file and write one byte; both calls are timed, because drivers differ in which one copies up."""
    rows = [["open", path, os.O_WRONLY], ["pwrite", [0], b"x", 0], ["close", [0]]]
    return bench.calls(fs, side, rows, slice(0, 2), operations=1, settled=True)


@measured("copy-up/first-write", SMOKE)
def test_first_write_to_a_lower_file(bench):
    """What the first write to a file of an image costs, by the file's size."""
    first_writes(bench, (64 * KIB, MIB, 16 * MIB))


@measured("copy-up/first-write-large", NIGHTLY)
def test_first_write_to_a_large_lower_file(bench):
    """What the first write to a file of an image costs, by the size of larger files."""
    first_writes(bench, (8 * MIB, 32 * MIB, 64 * MIB))


@measured("copy-up/first-write-huge", WEEKLY)
def test_first_write_to_a_huge_lower_file(bench):
    """What the first write to a file of an image costs, for files of 64 and 256 MiB."""
    first_writes(bench, (64 * MIB, 256 * MIB))


@measured("copy-up/first-write-gib", WEEKLY)
def test_first_write_to_a_lower_file_of_a_gib(bench):
    """What the first write to a file of 1 GiB in an image costs."""
    fresh = bench.fresh(bench.fio.everywhere("file", "fill-1g"), read_everywhere(bench, ["file"]))
    bench.paired(
        lambda side: first_write(bench, fresh.fs, side, "file"), metric="time of a first write",
        stratum="lower", before=fresh, guards=lambda: fresh.copied_up("file"),
    )  # fmt: skip


@measured("copy-up/by-depth", NIGHTLY)
def test_first_write_by_depth(bench):
    """What the first write to a file of 4 MiB costs, by the number of layers that have its directory."""
    depths = (1, 8, 32)
    lowest, *others = stacked(depths, {"file": noise(4 * MIB)})
    image = bench.everywhere({**lowest, **WARM}, *others)
    fresh = bench.fresh(image, read_everywhere(bench, ["warm", *(f"d{depth}/file" for depth in depths)]))
    bench.sweep(
        lambda side, depth: first_write(bench, fresh.fs, side, f"d{depth}/file"), depths,
        warm=lambda side: first_write(bench, fresh.fs, side, "warm"),
        axis="depth", axis_unit="layers", metric="time of a first write", stratum="lower", before=fresh,
        guards=lambda: fresh.copied_up(*(f"d{depth}/file" for depth in depths)),
    )  # fmt: skip


@measured("copy-up/metadata", SMOKE)
def test_first_change_of_metadata(bench):
    """What the first change of a small file of an image costs, by the kind of change, and how many flushes it takes."""
    kinds = {
        "open for writing": lambda path, turn: ["open", path, os.O_WRONLY],
        "chmod": lambda path, turn: ["chmod", path, 0o600 + turn % 2 * 0o44],
        "chown": lambda path, turn: ["chown", path, 1000 + turn, 1000],
        "utimens": lambda path, turn: ["utimens", path, turn, turn, True],
        "setxattr": lambda path, turn: ["setxattr", path, "user.turn", b"%d" % turn, True],
        "link": lambda path, turn: ["link", path, f"{path}.link"],
        "rename": lambda path, turn: ["rename", path, f"{path}.moved"],
    }
    turns = []
    probe = bench.process(bench.container())
    if probe.attempt.setxattr(bench.volume, "user.turn", b"0") == "ENOTSUP":
        del kinds["setxattr"]
    probe.leave()

    def changes(side, kind):
        kind = kind.removeprefix("time per ")
        rows = [kinds[kind](f"{kind.replace(' ', '-')}-{number}", len(turns)) for number in range(FILES)]
        closing = [["close", [number]] for number in range(FILES)] if kind == "open for writing" else []
        return bench.calls(fresh.fs, side, rows + closing, slice(0, FILES), settled=True)

    names = [f"{kind.replace(' ', '-')}-{number}" for kind in kinds for number in range(FILES)]
    fresh = bench.fresh(bench.everywhere({name: noise(SMALL) for name in names} | WARM), lambda fs: turns.append(None))
    bench.kinds(
        changes, [f"time per {kind}" for kind in kinds], stratum="lower", before=fresh,
        warm=lambda side: first_write(bench, fresh.fs, side, "warm"),
        guards=lambda: fresh.copied_up("open-for-writing-0", "chmod-0"),
    )  # fmt: skip
