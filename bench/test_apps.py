"""Application workloads: the cost of a driver in the mix of calls that programs make, against the volume.

`upper` uses files that the container made, `lower` files of an image, in a fresh container for every row; the copies on
the volume are made anew too, which is not measured. Programs come from the toolbox, or from Debian's packages if the
toolbox lacks them. Times include the start of a program on both sides.
"""

import base64
import io
import os
import random
import tarfile

from roadworthy import (
    LAYERS,
    NIGHTLY,
    SMOKE,
    WEEKLY,
    Directory,
    debian_package,
    installed_package,
    measured,
    needs,
    sqlite_database,
)

TRANSACTIONS = 40
#: A table of fixed size, whose rows are updated.
DATABASE = sqlite_database(
    "CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER, note TEXT);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
    " INSERT INTO account SELECT i, 0, hex(zeroblob(40)) FROM n;"
)


def text(dice, size):
    """Random letters, which compress badly."""
    return base64.b64encode(dice.randbytes(size))[:size]


def sizes(dice, count):
    """File sizes like those of sources: many small ones, a few of a hundred KiB."""
    return [min(200_000, int(dice.lognormvariate(8, 1.2))) + 1 for _ in range(count)]


# --- databases


def transactions(bench, fs, side, journal):
    """Run statements, each as a transaction that is on the device before the next one begins."""
    begin = f"PRAGMA journal_mode={journal}; PRAGMA synchronous=FULL;"
    updates = [
        f"UPDATE account SET amount = amount + 1 WHERE id = {1 + turn * 377 % 1000};" for turn in range(TRANSACTIONS)
    ]
    statements = begin + " ".join(updates)
    sqlite = bench.tool("sqlite3", "-batch", "-bail", "ledger.db", statements)
    return bench.program(fs, side, *sqlite, operations=TRANSACTIONS)


def sqlite_in_upper(bench, journal):
    fs = bench.process(bench.container(bench.everywhere({})))
    for side in ("baseline", "again", "arm"):
        fs.store(bench.path(side, "ledger.db"), DATABASE)
    bench.settle()
    bench.paired(
        lambda side: transactions(bench, fs, side, journal),
        metric="time per transaction", stratum="upper",
    )  # fmt: skip


@measured("apps/sqlite", SMOKE)
def test_sqlite_transactions(bench):
    """What a transaction of SQLite costs with a rollback journal, and how many flushes it takes."""
    sqlite_in_upper(bench, "DELETE")


@measured("apps/sqlite-wal", NIGHTLY)
def test_sqlite_transactions_with_a_log(bench):
    """What a transaction of SQLite costs with a write-ahead log, and how many flushes it takes."""
    sqlite_in_upper(bench, "WAL")


@measured("apps/sqlite-image", NIGHTLY)
def test_sqlite_transactions_on_a_database_of_the_image(bench):
    """What a transaction of SQLite costs among the first forty on a database of the image."""
    fresh = bench.fresh(bench.everywhere({"ledger.db": DATABASE}))
    bench.paired(
        lambda side: transactions(bench, fresh.fs, side, "DELETE"),
        metric="time per transaction", stratum="lower", before=fresh, guards=lambda: fresh.copied_up("ledger.db"),
    )  # fmt: skip


@measured("apps/database", NIGHTLY)
def test_database_like_files(bench):
    """What a commit to a log, and reads and writes of table pages, cost while they run at the same time."""
    bench.fio.together(
        {"time per commit": "database-log-8k", "time per page": "database-data-8k"}, stratum="upper",
    )  # fmt: skip


# --- trees of files


def archive(count):
    """A tar of `count` files in directories of twenty; one file has the word that the search looks for."""
    dice, buffer = random.Random(count), io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in source_files(dice, count).items():
            made = tarfile.TarInfo(path)
            made.size = len(content)
            tar.addfile(made, io.BytesIO(content))
    return buffer.getvalue()


def source_files(dice, count):
    files = {f"d{number // 20}/f{number}": text(dice, size) for number, size in enumerate(sizes(dice, count))}
    return {**files, "d0/f0": b"here is the needle\n"}


def unpack(bench):
    return bench.tool("tar", "-x", "-f", f"{bench.volume}/archive/tree.tar", "-C", "tree")


def walk_search_remove(bench, fs, side, count):
    return {
        "time per file walked": bench.program(
            fs, side, *bench.tool("find", "tree", "-type", "f", "-size", "0"), operations=count
        ),
        "time per file searched": bench.program(
            fs, side, *bench.tool("grep", "-r", "-l", "needle", "tree"), operations=count
        ),
        "time per file removed": bench.program(fs, side, *bench.tool("rm", "-r", "-f", "tree"), operations=count),
    }


def untar_walk_remove(bench, count):
    fs = bench.process(bench.container(bench.everywhere({})))
    bench.lay_out("archive", {"tree.tar": archive(count)})

    def measure(side):
        fs.mkdir(bench.path(side, "tree"))
        unpacked = {"time per file unpacked": bench.program(fs, side, *unpack(bench), operations=count)}
        return unpacked | walk_search_remove(bench, fs, side, count)

    bench.phases(measure, stratum="upper")


@measured("apps/untar-walk-remove", SMOKE)
def test_unpacking_walking_and_removing_a_tree(bench):
    """What unpacking, walking, searching and removing a tree of a thousand files costs."""
    untar_walk_remove(bench, 1000)


@measured("apps/untar-walk-remove-large", WEEKLY)
def test_unpacking_walking_and_removing_a_large_tree(bench):
    """What unpacking, walking, searching and removing a tree of ten thousand files costs."""
    untar_walk_remove(bench, 10000)


@measured("apps/walk-remove-image", NIGHTLY)
def test_walking_and_removing_a_tree_of_the_image(bench):
    """What walking, searching and removing a tree of a thousand files of the image costs."""
    count = 1000
    files = source_files(random.Random(count), count)
    directories = {"tree": Directory(), **{f"tree/d{number}": Directory() for number in range(count // 20)}}
    tree = directories | {f"tree/{path}": content for path, content in files.items()}
    fresh = bench.fresh(bench.everywhere(tree))
    bench.phases(
        lambda side: walk_search_remove(bench, fresh.fs, side, count),
        stratum="lower", before=fresh,
    )  # fmt: skip


@measured("apps/replay", NIGHTLY)
def test_replay_of_a_commit(bench):
    """What a call costs in a replay of a git commit in a repository of the image."""
    trace = bench.trace("git-commit")
    files = {f"tree/{path}": value for path, value in trace.tree(bench.filler).items()}
    fresh = bench.fresh(bench.everywhere({"tree": Directory(), **files}))
    bench.paired(
        lambda side: bench.replay(fresh.fs, side, trace, "tree"), metric="time per call",
        stratum="lower", before=fresh, guards=lambda: fresh.copied_up(f"tree/{trace.changed}"),
        workload={"promise": trace.promise, "recorded": trace.recorded},
    )  # fmt: skip


# --- services


@needs(LAYERS)
@measured("apps/ready", NIGHTLY)
def test_service_is_ready(bench):
    """How long a container takes from its start to its service's first answer, by what the service reads first."""
    image, deep = bench.service(1, 40)
    services = {kind: (image, kind) for kind in bench.service_kinds} | {"below 40 layers": (deep, "alone")}
    bench.phases(
        lambda side: {
            f"time until it answers, {name}": bench.until_answer(side, *service) for name, service in services.items()
        },
        unit="ms", before=bench.settle, names=bench.against("the service on a volume"),
    )  # fmt: skip


# --- building and installing


@measured("apps/compile", NIGHTLY)
def test_compiling_sources_of_the_image(bench):
    """What compiling a unit of a project in the image costs, for all units and then for the changed ones."""
    packages, modules, changed = 10, 12, 6
    body = "\n".join(
        f"def f{n}(a, b=({n}, 'x')):\n    return [a + i * {n} for i in range(b[0]) if i % 3]\n" for n in range(40)
    )
    sources = [f"project/p{package}/m{module}.py" for package in range(packages) for module in range(modules)]
    tree = {"project": Directory(), **{f"project/p{package}": Directory() for package in range(packages)}}
    tree |= {path: f"NAME = {path!r}\n{body}".encode() for path in sources}

    fresh = bench.fresh(bench.everywhere(tree))
    compiler = bench.software("python3.11", "-I", "-m", "compileall", "-q")

    def measure(side):
        touched = []
        for path in sources[:: len(sources) // changed]:
            at = len(touched)
            touched += [["open", path, os.O_WRONLY | os.O_APPEND], ["write", [at], b"# changed\n"],
                        ["close", [at]]]  # fmt: skip
        return {
            "time per unit, all": bench.program(fresh.fs, side, *compiler, "project", operations=len(sources)),
            "time per edit of a source": bench.calls(fresh.fs, side, touched, operations=changed),
            "time per unit, changed ones": bench.program(fresh.fs, side, *compiler, "project", operations=changed),
        }

    bench.phases(measure, stratum="lower", before=fresh, guards=lambda: fresh.copied_up(sources[0]))


@measured("apps/packages", NIGHTLY)
def test_upgrading_files_as_package_managers_do(bench):
    """What replacing a file of the image costs by write, fsync and rename, and how many flushes it takes."""
    dice = random.Random(6)
    files = {f"f{number}": text(dice, min(size, 30_000)) for number, size in enumerate(sizes(dice, 60))}
    fresh = bench.fresh(bench.everywhere(files))

    def upgrade(side):
        rows = []
        for name, content in files.items():
            at = len(rows)
            rows += [["open", f"{name}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL], ["write", [at], content[::-1]],
                     ["fsync", [at]], ["close", [at]], ["rename", f"{name}.new", name]]  # fmt: skip
        return bench.calls(fresh.fs, side, rows, operations=len(files), settled=True)

    bench.paired(
        upgrade, metric="time per file replaced", stratum="lower", before=fresh, guards=lambda: fresh.copied_up("f0")
    )


@measured("apps/dpkg", NIGHTLY)
def test_dpkg_upgrades_a_package_of_the_image(bench):
    """What an upgrade by dpkg costs, for a package of two hundred files in the image."""
    dice = random.Random(7)
    versions = {version: {f"usr/share/demo/f{number}": text(dice, size) for number, size in enumerate(sizes(dice, 200))}
                for version in ("1.0", "2.0")}  # fmt: skip
    installed = {f"root/{path}": content for path, content in installed_package("demo", "1.0", versions["1.0"]).items()}
    parents = {"/".join(path.split("/")[:depth]) for path in installed for depth in range(1, path.count("/") + 1)}
    bench.lay_out("debs", {"2.0.deb": debian_package("demo", "2.0", versions["2.0"])})

    def upgrade(side):
        # dpkg changes its directory, so that the path must be absolute
        root = f"--root={bench.path(side, 'root')}"
        return bench.software("dpkg", root, "--install", f"{bench.volume}/debs/2.0.deb")

    fresh = bench.fresh(bench.everywhere({**dict.fromkeys(sorted(parents), Directory()), **installed}))
    bench.paired(
        lambda side: bench.program(fresh.fs, side, *upgrade(side), operations=200),
        metric="time per file upgraded", stratum="lower", before=fresh,
    )  # fmt: skip
