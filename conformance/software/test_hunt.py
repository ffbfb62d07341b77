"""A hunt for silent corruption: random work on files of the image, looked at over and over; --minutes makes it long."""

from collections.abc import Callable

import pytest

from roadworthy import LAYERS, check, lower, needs, sqlite_database

pytestmark = pytest.mark.slow

MIB = 1 << 20
KIB = 1 << 10
#: Less than the files of a long hunt take, so that the kernel has to write pages back and to read them again.
MEMORY = "64m"


class Over:
    """One round: containers of an image, and of what is committed of it, in each of which something is done.

    Each thing that is done is looked at thrice: at once, without caches, and after a stop and a start.
    """

    def __init__(self, containers, image, look: Callable[..., str], empty_caches: Callable[..., None]):
        self.containers, self.look, self.empty_caches = containers, look, empty_caches
        self.live = containers.run(image, mem_limit=MEMORY)
        self.made = [self.live]

    def do(self, work: Callable[..., str | None]) -> str:
        """Do some work, and return what it or a look at it finds wrong; empty if nothing is."""
        fs, other = (self.containers.process(self.live, name) for name in "AB")
        if wrong := work(fs):
            return f"at work, {wrong}"
        if wrong := self.look(other):
            return f"at once, {wrong}"
        self.empty_caches(fs)
        if wrong := self.look(other):
            return f"without caches, {wrong}"
        self.live.stop().start()
        if wrong := self.look(self.containers.process(self.live)):
            return f"after a stop and a start, {wrong}"
        return ""

    def commit(self) -> str:
        """Go on in a container of what is committed, and return what a look there finds wrong."""
        image = self.containers.commit(self.live.stop())
        self.live = self.containers.run(image, mem_limit=MEMORY)
        self.made += [image, self.live]
        wrong = self.look(self.containers.process(self.live))
        return wrong and f"after a commit, {wrong}"

    def whole(self, work: Callable[..., str | None]) -> str:
        """Work, commit, and work in what was committed; return the first thing that is wrong, and clean up."""
        wrong = self.do(work) or self.commit() or self.do(work)
        self.containers.discard(*reversed(self.made))
        return wrong


@check("hunt/overwritten-files", source="POSIX.1-2017, pwrite(), mmap(); containers/fuse-overlayfs issue 475")
@needs(LAYERS)
def test_overwritten_files_hold_what_was_written(containers, hunt, observe):
    """Files of the image hold what was written over them in small pieces, whoever looks, and whenever."""
    sizes = hunt.size((3 * MIB, MIB), (64 * MIB, 24 * MIB, 8 * MIB, 4 * MIB))
    pieces = hunt.size(100, 1000)
    wrong = ""
    names = [f"f{number}" for number in range(len(sizes))]
    image = containers.image({name: hunt.content(name, size) for name, size in zip(names, sizes, strict=True)})
    for dice in hunt.rounds():
        files = [hunt.file(name, size) for name, size in zip(names, sizes, strict=True)]

        def work(fs, files=files, dice=dice):
            for file in files:
                hunt.overwrite(file, fs, dice, pieces, mapped=False)
                hunt.overwrite(file, fs, dice, pieces, mapped=True)

        def look(fs, files=files):
            return next(filter(None, (file.difference(fs) for file in files)), "")

        wrong = Over(containers, image, look, lambda fs: hunt.empty_caches(fs, *names)).whole(work)
        if wrong:
            break
    observe("hunted", hunt)
    observe("differences", wrong or "none")
    assert wrong == ""


#: What a row holds follows from its number and its version.
PAD = "replace(hex(zeroblob(200)), '00', printf('%02d', ({n} + {version}) % 90))"


class Table:
    """The rows of a database, by their numbers, as random transactions leave them."""

    def __init__(self, rows, dice):
        self.versions, self.dice, self.next = dict.fromkeys(range(rows), 0), dice, rows

    def transaction(self):
        """Statements that change, remove and add some rows, in one transaction."""
        version = self.dice.randrange(1, 1000)
        changed = self.dice.sample(sorted(self.versions), 12)
        gone, changed = changed[:3], changed[3:]
        for n in gone:
            del self.versions[n]
        self.versions |= dict.fromkeys(changed, version)
        added = range(self.next, self.next + 3)
        self.next += 3
        self.versions |= dict.fromkeys(added, version)
        rows = ", ".join(f"({n}, {version}, {PAD.format(n=n, version=version)})" for n in added)
        update = f"UPDATE t SET version = {version}, pad = {PAD.format(n='n', version=version)}"
        return (
            f"BEGIN; {update} WHERE n IN ({', '.join(map(str, changed))}); "
            f"DELETE FROM t WHERE n IN ({', '.join(map(str, gone))}); INSERT INTO t VALUES {rows}; COMMIT;"
        )

    @property
    def expected(self):
        """What QUESTION has to print."""
        products = sum(n * version for n, version in self.versions.items())
        return f"ok\n{len(self.versions)}|{sum(self.versions.values())}|{products}\n0\n"


QUESTION = (
    "PRAGMA integrity_check; SELECT count(*), sum(version), sum(n * version) FROM t; "
    f"SELECT count(*) FROM t WHERE pad <> {PAD.format(n='n', version='version')};"
)


@check("hunt/sqlite", source="SQLite documentation, Atomic Commit; containers/fuse-overlayfs issue 475")
@needs(LAYERS)
def test_database_holds_what_was_committed(containers, software, hunt, observe):
    """A SQLite database of the image stays whole under random transactions, and holds what they have committed."""
    rows = hunt.size(2_000, 180_000)
    filled = f"WITH RECURSIVE c(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM c WHERE n < {rows - 1}) "
    image = containers.image({"database": sqlite_database(
        "CREATE TABLE t (n INTEGER PRIMARY KEY, version INTEGER, pad TEXT); CREATE INDEX i ON t (version, n); "
        f"{filled} INSERT INTO t SELECT n, 0, {PAD.format(n='n', version=0)} FROM c;"
    )})  # fmt: skip
    wrong = ""
    for dice in hunt.rounds():
        table = Table(rows, dice)
        journal, mapped = dice.choice(("wal", "delete")), dice.choice((0, 1 << 28))
        synced = dice.choice(("off", "normal"))
        settings = f"PRAGMA journal_mode = {journal}; PRAGMA mmap_size = {mapped}; PRAGMA cache_size = 50; "
        settings += f"PRAGMA synchronous = {synced}; "

        def work(fs, table=table, settings=settings):
            for _ in range(hunt.size(2, 5)):
                script = settings + " ".join(table.transaction() for _ in range(20))
                code, said = fs.run(*software.command("sqlite3", "database", script))
                if code:
                    return f"sqlite3 says {' '.join(said.split())}"
            return ""

        def look(fs, table=table):
            seen = fs.begin("run", software.command("sqlite3", "database", QUESTION), KIB).answer(300)
            shown = seen[1].decode(errors="replace")
            return "" if (seen[0], shown) == (0, table.expected) else f"sqlite3 says {' '.join(shown.split())}"

        wrong = Over(containers, image, look, lambda fs: hunt.empty_caches(fs, "database")).whole(work)
        if wrong:
            break
    observe("hunted", hunt)
    observe("the database", wrong or "whole")
    assert wrong == ""


PACKAGES = [f"p{number}" for number in range(8)]
#: Packages with long descriptions, whose headers take many pages of the database.
PART = """
%package -n {name}
Summary: specimen
%description -n {name}
{text}
%files -n {name}
/{name}
"""
SPEC = """
Name: hunted
Version: {version}
Release: 1
Summary: specimen
License: none
BuildArch: noarch
%description
%install
for name in {names}; do mkdir -p %{{buildroot}}/$name; echo {version} > %{{buildroot}}/$name/f; done
"""


def spec(version):
    """A spec of which rpmbuild makes all packages in one version."""
    parts = [PART.format(name=name, text=f"{name} {version} specimen\n" * 2500) for name in PACKAGES]
    return (SPEC.format(version=version, names=" ".join(PACKAGES)) + "".join(parts)).encode()


class Installed:
    """The packages of an rpm database, as random installations and removals leave them."""

    def __init__(self, software, root, dice):
        self.software, self.root, self.dice = software, root, dice
        self.versions = dict.fromkeys(PACKAGES[:4], 1)

    def rpm(self, fs, *words):
        """Run rpm on the database; returns its exit status and what it says."""
        return fs.run(*self.software.command("rpm", "--force-debian", f"--root={self.root}", *words))

    def step(self, fs):
        """Install, upgrade or go back to a version of some packages, or remove some; what fails at that, or ""."""
        some = self.dice.sample(PACKAGES, self.dice.randrange(1, 5))
        there = [name for name in some if name in self.versions]
        if there and self.dice.random() < 0.4:
            code, said = self.rpm(fs, "--erase", *there)
            self.versions = {name: version for name, version in self.versions.items() if name not in there}
        else:
            version = self.dice.choice((1, 2))
            files = [f"{fs.directory}/RPMS/noarch/{name}-{version}-1.noarch.rpm" for name in some]
            code, said = self.rpm(fs, "--upgrade", "--oldpackage", "--replacepkgs", "--noorder", *files)
            self.versions |= dict.fromkeys(some, version)
        return f"rpm says {' '.join(said.split())}" if code else ""

    def difference(self, fs):
        """What the database, or the files of the packages, say else than they have to; empty if nothing."""
        code, said = fs.run(*self.software.command("rpmdb", f"--root={self.root}", "--verifydb"))
        if code or said:
            return f"rpmdb --verifydb says {said.strip()}"
        expected = sorted(f"{name}-{version}-1.noarch" for name, version in self.versions.items())
        code, said = self.rpm(fs, "--query", "--all")
        if code or sorted(said.split()) != expected:
            return f"rpm --query --all says {' '.join(sorted(said.split()))}, and not {' '.join(expected)}"
        code, said = self.rpm(fs, "--verify", "--all") if expected else (0, "")
        return f"rpm --verify says {said.strip()}" if code or said else ""


@check("hunt/rpm-database", source="rpm(8), rpmdb(8); containers/fuse-overlayfs issue 475")
@needs(LAYERS)
@lower({f"SPECS/{version}.spec": spec(version) for version in (1, 2)})
def test_package_database_holds_what_was_installed(containers, software, hunt, observe):
    """An rpm database of the image stays whole while packages come, change and go, and names those that are there."""
    live = containers.run()
    fs = containers.process(live)
    build = [f"--define=_topdir {fs.directory}", "--define=__os_install_post %{nil}", "--quiet", "-bb"]
    for version in (1, 2):
        code, said = fs.run(*software.command("rpmbuild", *build, f"SPECS/{version}.spec"))
        assert code == 0, said
    root = f"{fs.directory}/root"
    fs.mkdir("root")
    files = [f"{fs.directory}/RPMS/noarch/{name}-1-1.noarch.rpm" for name in PACKAGES[:4]]
    assert Installed(software, root, None).rpm(fs, "--install", *files) == (0, "")
    image = containers.commit(live.stop())
    wrong = ""
    for dice in hunt.rounds():
        packages = Installed(software, root, dice)

        def work(fs, packages=packages):
            return next(filter(None, (packages.step(fs) for _ in range(hunt.size(6, 20)))), "")

        wrong = Over(containers, image, packages.difference, lambda fs: hunt.empty_caches(fs)).whole(work)
        if wrong:
            break
    observe("hunted", hunt)
    observe("the database", wrong or "whole")
    assert wrong == ""
