"""The suite itself: its numbers equal those of manual measurements, and its verdicts are those of the work."""

import os
import random

import pytest

from roadworthy import LAYERS, NIGHTLY, PLAIN_FILES, SMOKE, WEEKLY, Directory, measured, needs

#: The number of reads in a measurement, and the bytes of each.
READS, PAGE = 100, 4096
#: Files for each kind of call of the null driver, in a wide directory and in a deep one, and the seed that deals them.
FILES, SEED = 24, 2016
PLACES = {"wide": "", "deep": "a/b/c/d/"}
KINDS = ("stat", "open", "read", "first write", "chmod", "utimens", "link", "rename", "unlink")


@pytest.mark.parametrize("workload", ["null-4k", "randread-4k"])
@measured("suite/wrapper", WEEKLY)
def test_a_job_through_the_suite(bench, workload):
    """What fio measures when the suite starts it, against an equal job that `docker exec` starts by hand."""
    bench.fio.by_hand(workload)


def work_and_more(bench, stratum, more, arm):
    """Take rows of O_DIRECT reads of one file on the volume; the arm makes `more` reads without reporting them."""
    fs = bench.process(bench.container(bench.everywhere({"file": bench.filler(READS * PAGE)})))

    def measure(side):
        reads = READS + (more if side == "arm" else 0)
        pages = [["pread_aligned", [0], PAGE, PAGE * (7 * at % READS)] for at in range(reads)]
        rows = [["open", "file", os.O_RDONLY | os.O_DIRECT], *pages, ["close", [0]]]
        return bench.calls(fs, "baseline", rows, slice(1, -1), operations=READS, cold=READS * PAGE)

    return bench.paired(measure, metric="time per read", stratum=stratum, names=("the work", arm))


@measured("suite/slowed", WEEKLY)
def test_a_fifth_more_work_is_slower(bench):
    """What work costs if the arm does a fifth more than it reports: nine of ten tries have to say slower.

    If a try misses once in a hundred, 996 of a thousand runs pass; if it misses every third time, 104 do.
    """
    found = [work_and_more(bench, f"try-{turn}", READS // 5, "a fifth more") for turn in range(1, 11)]
    missed = [f"{record.stratum} {record.verdict}" for record in found if record.verdict != "slower"]
    assert len(missed) <= 1, f"not told slower: {missed}"


@measured("suite/alike", WEEKLY)
def test_the_same_work_is_neither(bench):
    """What equal work costs on both sides: of twenty tries, nineteen have to say neither slower nor faster.

    If a try errs once in a hundred, 983 of a thousand runs pass; if it errs every fifth time, 69 do.
    """
    found = [work_and_more(bench, f"try-{turn}", 0, "the same work") for turn in range(1, 21)]
    neither = ("equivalent", "inconclusive")
    told = [f"{record.stratum} {record.verdict}" for record in found if record.verdict not in neither]
    assert len(told) <= 1, f"told apart, or not measured: {told}"


def dealt(place):
    """The names of all files in a place that kinds of calls get."""
    return [f"{place}{number:03}" for number in range(len(KINDS) * FILES)]


def tree_of_kinds():
    """Files for all kinds of calls in each place, and a tree for programs."""
    directories = ["a", "a/b", "a/b/c", "a/b/c/d", "tree", *(f"tree/{number}" for number in range(10))]
    files = {name: b"x" * PAGE for place in PLACES.values() for name in dealt(place)}
    walked = {f"tree/{number % 10}/{number}": b"here is no needle\n" * 50 for number in range(200)}
    return {**dict.fromkeys(directories, Directory()), **files, **walked}


class Deal:
    """Which files a kind of call gets, in a random order. Every row deals anew, all its sides get equal hands.

    An inode's neighbours in its block of the inode table and in memory make a call cheaper or dearer. Who made the
    files, cp(1) or the daemon, decides on neighbours; where a kind always had the same files, one of twenty-four chmods
    could cost 2 % more on one side than on another.
    """

    def __init__(self):
        self._dice = random.Random(SEED)
        self._hands = {}

    def again(self):
        """Deal all files of each place to the kinds."""
        for place in PLACES.values():
            mixed = self.order(dealt(place))
            for at, kind in enumerate(KINDS):
                self._hands[place, kind] = mixed[at * FILES : (at + 1) * FILES]

    def hand(self, place, kind):
        """The names of the files of a kind in a place."""
        return self._hands.get((place, kind)) or [f"{place}{kind} {number}" for number in range(FILES)]

    def order(self, things):
        """These things in a random order."""
        return self._dice.sample(things, len(things))


def looked_at(bench, fs, reach, deal):
    """Look at every file once, on all sides, because whoever made a file left it in the processor's caches."""
    for side in deal.order(("baseline", "again", "arm")):
        names = deal.order([name for place in PLACES.values() for name in dealt(place)])
        fs.timed([["stat", reach(side, name)] for name in names], 300, bench.directory(side))


def kinds_of_calls(bench, fs, side, place, reach, deal):
    """Measure each kind of call; `reach` makes the path of a name on a side."""

    def names(kind):
        return [reach(side, name) for name in deal.hand(PLACES[place], kind)]

    def opened(kind, flags, *call):
        """Measure opening, calling and closing each file."""
        rows = []
        for path in names(kind):
            at = len(rows)
            rows += [["open", path, flags], *([[call[0], [at], *call[1:]]] if call else []), ["close", [at]]]
        return bench.calls(fs, side, rows, operations=FILES)

    def each(kind, *after, call=""):
        return bench.calls(fs, side, [[call or kind, path, *after] for path in names(kind)])

    def moved(kind, call):
        return bench.calls(fs, side, [[call, path, f"{path} again"] for path in names(kind)])

    found = {
        "stat": each("stat"),
        "open": opened("open", os.O_RDONLY),
        "missing name": each("missing", os.F_OK, call="access"),
        "list": bench.calls(fs, side, [["listdir", reach(side, PLACES[place] or ".")]] * 4),
        "read": opened("read", os.O_RDONLY, "pread", PAGE, 0),
        "create": opened("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, "write", b"y" * PAGE),
        "chmod": each("chmod", 0o600),
        "utimens": each("utimens", 1, 1, True),
        "mkdir": each("made", call="mkdir"),
        "link": moved("link", "link"),
        "rename": moved("rename", "rename"),
        "unlink": each("unlink"),
    }
    if not bench.clones:
        found["first write"] = opened("first write", os.O_WRONLY, "pwrite", b"y" * PAGE, 0)
    return {f"{kind}, {place}": measured for kind, measured in found.items()}


def programs(bench, fs, side, reach):
    """Measure programs, and durable writes.

    The tree is copied again in the end: the next row's files would lie in the holes of the removed copy, see Fresh.
    """
    tree, copied = (reach(side, name) for name in ("tree", "copied"))
    written = [["pwrite", [0], b"z" * PAGE, 0], ["fsync", [0]]] * 4
    durable = [["open", reach(side, "durable"), os.O_WRONLY | os.O_CREAT], *written, ["close", [0]]]
    found = {
        "walk": bench.program(fs, side, *bench.tool("find", tree, "-type", "f", "-size", "0"), operations=200),
        "search": bench.program(fs, side, *bench.tool("grep", "-r", "-c", "no needle", tree), operations=200),
        "copy": bench.program(fs, side, *bench.tool("cp", "-R", tree, copied), operations=200),
        "remove": bench.program(fs, side, *bench.tool("rm", "-r", "-f", copied), operations=200),
        "durable write": bench.calls(fs, side, durable, operations=4),
    }
    fs.timed_run(*bench.tool("cp", "-R", tree, copied), directory=bench.directory(side))
    return found


def null_driver(bench, reach):
    """Measure cells in which only the benchmark itself can cause a difference; return the judgement of all of them."""
    deal = Deal()

    def prepare(fs):
        deal.again()
        looked_at(bench, fs, reach, deal)

    fresh = bench.fresh(bench.everywhere(tree_of_kinds()), prepare)

    def measure(side):
        found = programs(bench, fresh.fs, side, reach)
        for place in PLACES:
            found |= kinds_of_calls(bench, fresh.fs, side, place, reach, deal)
        return found

    return bench.null(bench.phases(measure, before=fresh))


@needs(PLAIN_FILES)
@measured("suite/null", SMOKE)
def test_the_null_driver(bench):
    """What calls and programs cost on files that bypass the driver: at most one cell in twenty differs."""
    found = null_driver(bench, lambda side, name: name)
    assert found.holds is not False, found.sentence


@needs(PLAIN_FILES | LAYERS)
@measured("suite/null-uneven", WEEKLY)
def test_an_uneven_layout_is_noticed(bench):
    """What calls and programs cost if they have a longer path on the volume: the null driver must not hold."""
    bench.uneven()
    found = null_driver(bench, lambda side, name: os.path.normpath(bench.path(side, name)))
    assert not found.holds, found.sentence


@measured("suite/label", NIGHTLY)
def test_a_label_without_meaning(bench):
    """What names cost in six equal directories, along an arbitrary label: the cost neither grows nor falls."""
    labels, depth, names = range(1, 7), 4, 60
    directories = ["warm", *(f"label{label}" for label in labels)]
    above = dict.fromkeys(directories, Directory())
    lowest = {f"{directory}/{name}": b"x" for directory in directories for name in range(names)}
    fresh = bench.fresh(bench.everywhere({**above, **lowest}, *([above] * (depth - 1))))

    def looked(side, directory):
        paths = [f"{directory}/{name}" for name in range(names)]
        half = names // 2
        opening = [["open", path, os.O_RDONLY] for path in paths[half:]]
        closing = [["close", [number]] for number in range(half)]
        return {
            "time per stat": bench.calls(fresh.fs, side, [["stat", path] for path in paths[:half]]),
            "time per open": bench.calls(fresh.fs, side, opening + closing, slice(0, half)),
            "time per list": bench.calls(fresh.fs, side, [["listdir", directory]]),
        }

    trends = bench.sweeps(
        lambda side, label: looked(side, f"label{label:g}"), labels, axis="label", axis_unit="", stratum="lower",
        before=fresh, warm=lambda side: looked(side, "warm"),
    )  # fmt: skip
    told = [f"{metric} {trend.verdict}" for metric, trend in trends.items()
            if trend and trend.verdict in ("grows", "falls")]  # fmt: skip
    assert not told, f"along a label without meaning: {', '.join(told)}"
