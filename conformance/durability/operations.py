"""The operations that the power is cut in. Each is ready at its first yield, and acknowledged at each later one."""

import itertools
from os import O_APPEND, O_RDONLY, O_RDWR, O_SYNC, O_WRONLY

from roadworthy import File, operation
from roadworthy.linux import MAP_SHARED, PROT_READ, PROT_WRITE

#: What an image brings: 200 files as a package has them, with owners and modes.
FILES = {
    f"d{number % 10}/f{number}": File(b"content %d\n" % number * 40, mode=0o750, uid=number) for number in range(200)
}
LARGE = b"image" * 50_000


def synced(fs, *paths):
    """fsync(2) of files and directories."""
    for path in paths:
        descriptor = fs.open(path, O_RDONLY)
        fs.fsync(descriptor)
        fs.close(descriptor)


# --- what makes images


@operation("load", repeats=True, usual=4)
def load(store):
    """docker load of an image with 200 files."""
    archive, name = store.containers.archive(FILES, name="roadworthy:cut")
    yield None
    store.containers.load(archive, name)
    yield store.image(name)


@operation("import", repeats=True)
def import_tree(store):
    """docker import of a file system with 200 files."""
    archive = store.exported({"old": b"image", **FILES})
    yield None
    yield store.image(store.imported(archive))


@operation("pull", repeats=True)
def pull(store):
    """docker pull of an image with 200 files from a registry on loopback."""
    name = store.pushed(FILES)
    yield None
    store.pull(name)
    yield store.image(name)


@operation("build")
def build(store):
    """docker build of an image whose second layer has 200 files."""
    base = store.containers.image({"old": b"image"})
    yield None
    yield store.image(store.build(base, FILES))


@operation("commit", usual=3)
def commit(store):
    """docker commit of a container to which 200 files were copied."""
    made = store.created({"old": b"image"})
    made.copy_in(store.place, FILES)
    yield None
    yield store.image(store.containers.commit(made))


@operation("tag")
def tag(store):
    """docker tag of an image that lies on the disk."""
    name = store.containers.image(FILES)
    yield None
    yield store.image(store.tagged(name))


# --- what makes and removes containers, images and volumes


@operation("create")
def create(store):
    """docker create of a container."""
    name = store.containers.image(FILES)
    yield None
    yield store.container(store.containers.create(name))


@operation("start")
def start(store):
    """docker start of a container, in which a file is written and synced then."""
    made = store.created({"old": b"image"})
    yield None
    fs = store.process(made.start())
    fs.store("new", b"written")
    synced(fs, "new", ".")
    yield store.file(made, "new", b"written", None, b"")


@operation("rm")
def remove_container(store):
    """docker rm of a container."""
    made = store.containers.create(store.containers.image(FILES))
    gone = store.removal(store.container(made))
    yield None
    made.remove()
    yield gone


@operation("rmi")
def remove_image(store):
    """docker rmi of an image."""
    gone = store.removal(store.image(name := store.containers.image(FILES)))
    yield None
    store.client.images.remove(name)
    yield gone


@operation("prune")
def prune(store):
    """docker container prune and docker image prune of what no container uses."""
    image = store.removal(store.image(name := store.containers.image(FILES)))
    container = store.removal(store.container(store.containers.create(name)))
    yield None
    store.client.containers.prune()
    yield container
    store.client.images.prune(filters={"dangling": False})
    yield image


@operation("volume")
def volume(store):
    """docker volume create, and a file that a container writes to the volume and syncs."""
    yield None
    name = store.containers.volume()
    fs = store.process(store.created({"old": b"image"}, volumes={name: {"bind": "/data", "mode": "rw"}}).start())
    fs.store("/data/new", b"written")
    synced(fs, "/data/new", "/data")
    yield store.volume_file(name, "new", b"written", None, b"")


# --- what becomes of a daemon


@operation("stop")
def stop(store):
    """A gentle stop of the daemon and its start, with an image that was loaded just before."""
    archive, name = store.containers.archive(FILES, name="roadworthy:cut")
    yield None
    store.containers.load(archive, name)
    store.stand.engine.restart()
    yield store.image(name)


@operation("kill")
def kill(store):
    """SIGKILL of the daemon and its start, with an image that was loaded just before."""
    archive, name = store.containers.archive(FILES, name="roadworthy:cut")
    yield None
    store.containers.load(archive, name)
    store.stand.engine.restart(kill=True)
    yield store.image(name)


@operation("upgrade")
def upgrade(store):
    """The daemon's upgrade to the newest series of its kind, with an image that was loaded just before."""
    archive, name = store.containers.archive(FILES, name="roadworthy:cut")
    to_newest = store.newer_engine()
    yield None
    store.containers.load(archive, name)
    to_newest()
    yield store.image(name)


# --- what a container syncs


@operation("fsync")
def fsync(store):
    """A new file, its fsync and that of its directory."""
    fs = store.process(made := store.laid_out({"old": b"image"}))
    yield None
    fs.store("new", LARGE)
    synced(fs, "new", ".")
    yield store.file(made, "new", LARGE, None, b"")


@operation("fdatasync")
def fdatasync(store):
    """A write into a file that the container had made, and its fdatasync."""
    fs = store.process(made := store.laid_out({"old": b"image"}))
    fs.store("f", b"before")
    synced(fs, "f", ".")
    yield None
    fs.write(descriptor := fs.open("f", O_WRONLY | O_APPEND), b" and after")
    fs.fdatasync(descriptor)
    yield store.file(made, "f", b"before and after", b"before")


@operation("o-sync")
def o_sync(store):
    """A write through a descriptor that was opened with O_SYNC."""
    fs = store.process(made := store.laid_out({"old": b"image"}))
    fs.store("f", b"before")
    synced(fs, "f", ".")
    yield None
    fs.write(fs.open("f", O_WRONLY | O_APPEND | O_SYNC), b" and after")
    yield store.file(made, "f", b"before and after", b"before")


@operation("msync")
def msync(store):
    """A store into a shared mapping of a file, and its msync."""
    fs = store.process(made := store.laid_out({"old": b"image"}))
    fs.store("f", b"before")
    synced(fs, "f", ".")
    mapped = fs.mmap(fs.open("f", O_RDWR), 4096, PROT_READ | PROT_WRITE, MAP_SHARED)
    yield None
    fs.poke(mapped, b"after.")
    fs.msync(mapped, 4096)
    yield store.file(made, "f", b"after.", b"before")


@operation("copy-up", usual=3)
def copy_up(store):
    """The first write to a file of the image, and its fsync."""
    fs = store.process(made := store.laid_out({"f": LARGE}))
    yield None
    fs.write(descriptor := fs.open("f", O_WRONLY | O_APPEND), b"written")
    fs.fsync(descriptor)
    yield store.file(made, "f", LARGE + b"written", LARGE)


@operation("chmod")
def copy_up_of_mode(store):
    """The first chmod of a file of the image, and its fsync."""
    fs = store.process(made := store.laid_out({"f": LARGE}))
    yield None
    fs.chmod("f", 0o600)
    synced(fs, "f")
    yield store.file(made, "f", LARGE, LARGE, mode=0o600)


@operation("replace")
def replace(store):
    """A file of the image that a synced one replaces by rename, and the fsync of its directory."""
    fs = store.process(made := store.laid_out({"f": LARGE}))
    yield None
    fs.store("made", LARGE[::-1])
    synced(fs, "made")
    fs.rename("made", "f")
    synced(fs, ".")
    yield store.file(made, "f", LARGE[::-1], LARGE)


@operation("whiteout")
def whiteout(store):
    """The removal of a file of the image, and the fsync of its directory."""
    fs = store.process(made := store.laid_out({"d/f": b"image", "d/kept": b"image"}))
    yield None
    fs.unlink("d/f")
    synced(fs, "d")
    yield store.file(made, "d/f", None, b"image")


@operation("opaque")
def opaque(store):
    """A directory of the image that is removed and made again, and the fsync of both directories."""
    fs = store.process(made := store.laid_out({"d/f": b"image"}))
    yield None
    fs.unlink("d/f")
    fs.rmdir("d")
    fs.mkdir("d")
    fs.store("d/new", b"written")
    synced(fs, "d/new", "d", ".")
    yield store.file(made, "d/f", None, b"image")
    yield store.file(made, "d/new", b"written", None, b"")


@operation("sqlite")
def sqlite(store):
    """A transaction of SQLite in a database of the image."""
    made = store.laid_out({"f": b"image"})
    fs, command = store.process(made), store.program("sqlite3", "database")
    fs.run(*command, "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1);")
    synced(fs, "database", ".")
    yield None
    # With FULL, SQLite does not sync the directory after it has removed its journal, which is the commit.
    assert fs.run(*command, "PRAGMA synchronous = EXTRA; INSERT INTO t VALUES (2);") == (0, "")
    asked = store.program("sqlite3", "database", "PRAGMA integrity_check; SELECT sum(n) FROM t;")
    yield store.output(made, "rows", asked, "ok\n3\n", "ok\n1\n")


@operation("postgres")
def postgres(store):
    """A transaction of PostgreSQL on a cluster that the container has."""
    made = store.laid_out({"old": b"image"})
    root, fs = (store.process(made) for _ in "12")
    root.mkdir("cluster", 0o700)
    root.chown("cluster", 1000, 1000)
    fs.become(1000)
    words = ("--auth=trust", "--data-checksums", "--username=user", "--no-locale", "--encoding=UTF8")
    assert fs.run(*store.program("initdb", "--pgdata=cluster", *words))[0] == 0
    begin = f"pg_ctl -D cluster -w -s -l cluster/log -o '-k {store.place}/cluster -c listen_addresses=' start"
    ask = f"psql -h {store.place}/cluster -XAtq postgres -c"
    shell = store.program("sh", "-c")
    assert fs.run(*shell, f"{begin} && {ask} 'CREATE TABLE t AS SELECT 1 AS n'") == (0, "")
    yield None
    assert fs.run(*shell, f"{ask} 'INSERT INTO t VALUES (2)'") == (0, "")
    # The lock file names a process of namespaces that have ended; another one may have its number now.
    asked = [*shell, f"rm -f cluster/postmaster.pid; {begin} && {ask} 'SELECT sum(n) FROM t'"]
    yield store.output(made, "rows", asked, "3\n", "1\n", user=1000)


# --- bounded sequences, as CrashMonkey's ACE makes them: "Finding Crash-Consistency Bugs with Bounded Black-Box Crash
# Testing", OSDI 2018


def attempted(fs, call, *arguments):
    """Make a call that may be refused, as the rename of a directory of the image is on some drivers."""
    getattr(fs.attempt, call)(*arguments)


CHANGES = {
    "create": lambda fs: fs.store("new", b"written"),
    "write": lambda fs: attempted(fs, "store", "f", b"written over"),
    "truncate": lambda fs: attempted(fs, "truncate", "f", 3),
    "rename": lambda fs: attempted(fs, "rename", "f", "moved"),
    "link": lambda fs: attempted(fs, "link", "f", "linked"),
    "unlink": lambda fs: attempted(fs, "unlink", "f"),
    "rename-dir": lambda fs: attempted(fs, "rename", "dir", "moved-dir"),
    "unlink-below": lambda fs: attempted(fs, "unlink", "dir/g"),
}


def sequences(length, store):
    """Make every sequence of so many changes in a directory of its own, and sync all that is in it."""
    every = {",".join(names): names for names in itertools.product(CHANGES, repeat=length)}
    made = store.laid_out({f"{place}/{name}": b"image" * 100 for place in every for name in ("f", "dir/g")})
    yield None
    for place, names in every.items():
        fs = store.process(made)
        fs.chdir(f"{store.place}/{place}")
        for name in names:
            CHANGES[name](fs)
        there = fs.listdir()
        below = [f"{name}/g" for name in there if name.endswith("dir") and "g" in fs.listdir(name)]
        synced(fs, *there, *below, ".")
        fs.leave()
        yield store.directory(made, place)


@operation("sequences-1")
def one_change(store):
    """Each of eight changes in a directory of the image, and its fsync."""
    yield from sequences(1, store)


@operation("sequences-2")
def two_changes(store):
    """All 64 sequences of two of eight changes in a directory of the image, and their fsync."""
    yield from sequences(2, store)


@operation("sequences-3")
def three_changes(store):
    """All 512 sequences of three of eight changes in a directory of the image, and their fsync."""
    yield from sequences(3, store)


ON_IMAGES = (
    load, import_tree, pull, build, commit, tag, create, remove_container, remove_image, prune, stop, kill,
    upgrade,
)  # fmt: skip
ON_FILES = (
    start, volume, fsync, fdatasync, o_sync, msync, copy_up, copy_up_of_mode, replace, whiteout, opaque, sqlite,
    postgres,
)  # fmt: skip
SEQUENCES = (one_change, two_changes, three_changes)
ALL = (*ON_IMAGES, *ON_FILES, *SEQUENCES)
REPEATED = tuple(one for one in ALL if one.repeats)
