"""Names: the cost of looking up, listing, making, renaming and removing them, against the volume.

The depth of a directory is the number of layers that have it; its files lie in the lowest one, so that a lookup has to
pass all others. One image has a directory of each depth.
"""

import itertools
import os

from roadworthy import NIGHTLY, SMOKE, Directory, Hardlink, measured, stacked

#: Names that are looked up at each depth, and files that are made.
NAMES, FILES = 100, 400


def looked_up(depths):
    """Layers with a directory of each depth, and in the lowest layer a directory for warming up."""
    files = dict.fromkeys(map(str, range(NAMES)), b"x")
    lowest, *others = stacked(depths, files)
    return [{**lowest, "warm": Directory(), **{f"warm/{name}": value for name, value in files.items()}}, *others]


def lookups(bench, fs, side, directory):
    """Measure stat(2) of half of the names and open(2) of the other half."""
    paths = [f"{directory}/{name}" for name in range(NAMES)]
    half = len(paths) // 2
    opening = [["open", path, os.O_RDONLY] for path in paths[half:]]
    closing = [["close", [number]] for number in range(half)]
    return {
        "time per stat": bench.calls(fs, side, [["stat", path] for path in paths[:half]]),
        "time per open": bench.calls(fs, side, opening + closing, slice(0, half)),
    }


def repeated_lookups(bench, depths):
    fs = bench.process(bench.container(bench.everywhere(*looked_up(depths))))
    never = itertools.count()

    def missing(side, directory):
        rows = [["access", f"{directory}/missing-{next(never)}", os.F_OK] for _ in range(NAMES)]
        return bench.calls(fs, side, rows)

    def measure(side, depth):
        found = lookups(bench, fs, side, f"d{depth}")
        return {**found, "time per missing name": missing(side, f"d{depth}")}

    def warm(side):
        lookups(bench, fs, side, "warm")
        missing(side, "warm")

    bench.sweeps(measure, depths, axis="depth", axis_unit="layers", stratum="lower", warm=warm)


def first_lookups(bench, depths):
    fresh = bench.fresh(bench.everywhere(*looked_up(depths)))
    bench.sweeps(
        lambda side, depth: lookups(bench, fresh.fs, side, f"d{depth}"), depths,
        axis="depth", axis_unit="layers", stratum="lower", before=fresh,
        warm=lambda side: lookups(bench, fresh.fs, side, "warm"),
    )  # fmt: skip


@measured("names/lookup-by-depth", SMOKE)
def test_lookup_by_depth(bench):
    """What lookups cost, of a name that was looked up before and of a missing one, by the number of layers to pass."""
    repeated_lookups(bench, (1, 4, 16))


@measured("names/first-lookup-by-depth", SMOKE)
def test_first_lookup_by_depth(bench):
    """What looking up a name costs in a container that has just started, by the number of layers to pass."""
    first_lookups(bench, (1, 4, 16))


@measured("names/lookup-deep", NIGHTLY)
def test_lookup_far_down(bench):
    """What lookups cost, of a name that was looked up before and of a missing one, by up to 120 layers to pass."""
    repeated_lookups(bench, (1, 32, 64, 120))


@measured("names/first-lookup-deep", NIGHTLY)
def test_first_lookup_far_down(bench):
    """What looking up a name costs in a container that has just started, by up to 120 layers to pass."""
    first_lookups(bench, (1, 32, 64, 120))


@measured("names/readdir-by-depth", NIGHTLY)
def test_readdir_by_depth(bench):
    """What listing a directory costs for each name, by the number of layers, each with twenty of the names."""
    depths, own, times = (1, 16, 64), 20, 10
    lowest, *others = stacked(depths, {}, own=own)
    warm = {"warm": Directory(), **{f"warm/{number}": b"" for number in range(own)}}
    fresh = bench.fresh(bench.everywhere({**lowest, **warm}, *others))

    def listing(side, directory, depth, turns):
        return bench.calls(fresh.fs, side, [["listdir", directory]] * turns, operations=turns * depth * own)

    def measure(side, depth):
        return {
            "time per name, first time": listing(side, f"d{depth}", depth, 1),
            "time per name, again": listing(side, f"d{depth}", depth, times),
        }

    bench.sweeps(
        measure, depths, axis="depth", axis_unit="layers", stratum="lower", before=fresh,
        warm=lambda side: listing(side, "warm", 1, 2),
    )  # fmt: skip


@measured("names/whiteout", NIGHTLY)
def test_removal_of_lower_names(bench):
    """What removing a file or directory of an image and making it again costs, and how many inodes a removal takes."""
    count = 50
    tree = {f"{kind}{number}": value for number in range(count) for kind, value in (("f", b"x"), ("d", Directory()))}
    image = bench.everywhere(tree)
    fresh = bench.fresh(image)

    def measure(side):
        files, directories = ([f"{kind}{number}" for number in range(count)] for kind in "fd")
        making = [["open", path, os.O_WRONLY | os.O_CREAT | os.O_EXCL] for path in files]
        closing = [["close", [number]] for number in range(count)]
        return {
            "time per unlink": bench.calls(fresh.fs, side, [["unlink", path] for path in files]),
            "time per file made again": bench.calls(fresh.fs, side, making + closing, operations=count),
            "time per rmdir": bench.calls(fresh.fs, side, [["rmdir", path] for path in directories]),
            "time per directory made again": bench.calls(fresh.fs, side, [["mkdir", path] for path in directories]),
        }

    bench.phases(measure, stratum="lower", before=fresh)
    if not bench.storage.backing.used_inodes():
        return  # this file system does not count them
    fresh()
    taken = {}
    for side in ("baseline", "arm"):
        fresh.fs.unlink(bench.path(side, "f0"))  # the directories above it are copied up with the first one
        with bench.storage.growth() as growth:
            fresh.fs.timed([["unlink", bench.path(side, f"f{number}")] for number in range(1, count)])
        taken[side] = growth.inodes / (count - 1)
    bench.count("inodes that one removal takes", taken["arm"], "inodes", taken["baseline"], stratum="lower")


@measured("names/small-files", SMOKE)
def test_small_files(bench):
    """What making, looking up, renaming and removing a new file costs."""
    fs = bench.process(bench.container(bench.everywhere({})))
    for side in ("baseline", "again", "arm"):
        fs.mkdir(bench.path(side, "own"))

    def measure(side):
        paths = [f"own/{number}" for number in range(FILES)]
        making = [row for number, path in enumerate(paths) for row in (
            ["open", path, os.O_WRONLY | os.O_CREAT | os.O_EXCL], ["close", [2 * number]])]  # fmt: skip
        return {
            "time per file made": bench.calls(fs, side, making, operations=FILES),
            "time per stat": bench.calls(fs, side, [["stat", path] for path in paths]),
            "time per rename": bench.calls(fs, side, [["rename", path, f"{path}.moved"] for path in paths]),
            "time per unlink": bench.calls(fs, side, [["unlink", f"{path}.moved"] for path in paths]),
        }

    bench.phases(measure, stratum="upper")


@measured("names/hardlinks", NIGHTLY)
def test_first_write_by_each_of_two_names(bench):
    """What the first write to a file of an image costs by each of two hard links, and how many inodes both take."""
    count = 40
    tree = {}
    for number in range(count):
        tree |= {f"a{number}": b"x" * 16384, f"b{number}": Hardlink(target=f"a{number}")}
    fresh = bench.fresh(bench.everywhere(tree))

    def writes(name, numbers=range(count)):
        rows = []
        for number in numbers:
            at = len(rows)
            rows += [
                ["open", f"{name}{number}", os.O_WRONLY],
                ["pwrite", [at], b"y" * 4096, 0],
                ["close", [at]],
            ]
        return rows

    bench.phases(
        lambda side: {
            "time per first write, one name": bench.calls(fresh.fs, side, writes("a"), operations=count),
            "time per first write, other name": bench.calls(fresh.fs, side, writes("b"), operations=count),
        },
        stratum="lower", before=fresh, guards=lambda: fresh.copied_up("a0"),
    )  # fmt: skip
    if not bench.storage.backing.used_inodes():
        return  # this file system does not count them
    fresh()
    taken = {}
    for side in ("baseline", "arm"):
        # the directories above it are copied up with the first one
        fresh.fs.timed(writes("a", [0]), directory=bench.directory(side))
        with bench.storage.growth() as growth:
            for name in "ab":
                fresh.fs.timed(writes(name, range(1, count)), directory=bench.directory(side))
        taken[side] = growth.inodes / (count - 1)
    bench.count("inodes that a file of two names takes", taken["arm"], "inodes", taken["baseline"], stratum="lower")
