"""Databases and logs of the image that are copied up while somebody has them open."""

from os import O_RDONLY, O_WRONLY

import pytest

from roadworthy import check, lower, sqlite_database

pytestmark = pytest.mark.slow

DATABASE = sqlite_database("CREATE TABLE t (n INTEGER); " + "".join(f"INSERT INTO t VALUES ({n});" for n in range(50)))
PAGES = sqlite_database(
    "CREATE TABLE t (n INTEGER, pad TEXT); "
    + "".join(f"INSERT INTO t VALUES ({n}, hex(zeroblob(1000)));" for n in range(100))
)


class Dialogue:
    """A sqlite3(1) that has the database open, and answers when asked."""

    def __init__(self, process, asker, software, *options):
        self._asker = asker
        for pipe in ("questions", "answers"):
            asker.mkfifo(pipe)
        command = software.command("sh", "-c", 'exec sqlite3 -batch "$@" < questions', "sh", *options, "database")
        self._running = process.begin("run", command, 65536)
        self._pipe = asker.open("questions", O_WRONLY)

    def ask(self, text):
        """Run SQL statements and return what they print."""
        self._asker.write(self._pipe, f".once answers\n{text}\n".encode())
        return self._asker.load("answers").decode().strip()

    def end(self):
        """End the program; return its exit status and its error output."""
        self._asker.close(self._pipe)
        return self._running.answer()


@check("app/sqlite-open-over-copyup", source="SQLite documentation, File Locking And Concurrency")
@lower(database=DATABASE)
def test_sqlite_reader_sees_what_is_written_after_it_opened(fs, other, software, observe):
    """A process that has a database of the image open read-only sees what another one commits later."""
    reader = Dialogue(other, fs, software, "-readonly")
    before = reader.ask("SELECT count(*) FROM t;")
    assert fs.run(*software.command("sqlite3", "database", "INSERT INTO t VALUES (50);")) == (0, "")
    after = reader.ask("SELECT count(*) FROM t;")
    observe("rows before and after", f"{before}, {after}")
    assert reader.end() == [0, b""]
    assert (before, after) == ("50", "51")


@check("app/sqlite-locks-over-copyup", source="SQLite documentation, File Locking And Concurrency")
@lower(database=DATABASE)
def test_sqlite_writer_respects_a_reader_of_the_image(fs, other, software, observe):
    """A process that reads a database of the image in a transaction keeps another one from committing."""
    reader = Dialogue(other, fs, software, "-readonly")
    reader.ask("BEGIN; SELECT count(*) FROM t;")
    _, said = fs.run(*software.command("sqlite3", "database", "INSERT INTO t VALUES (50);"))
    observe("the writer", said.strip() or "committed")
    assert "database is locked" in said
    assert reader.ask("COMMIT; SELECT count(*) FROM t;") == "50"
    assert fs.run(*software.command("sqlite3", "database", "INSERT INTO t VALUES (50);")) == (0, "")
    assert reader.ask("SELECT count(*) FROM t;") == "51"
    assert reader.end() == [0, b""]


@check(
    "app/sqlite-wal",
    source="SQLite documentation, Write-Ahead Logging; containers/fuse-overlayfs issue 475",
)
@lower(database=PAGES)
def test_sqlite_write_ahead_log_beside_a_database_of_the_image(fs, other, software, observe):
    """A reader and a writer share a database of the image through a write-ahead log, and it stays whole."""
    writer = software.command("sqlite3", "database")
    assert fs.run(*writer, "PRAGMA journal_mode = wal;") == (0, "wal\n")
    reader = Dialogue(other, fs, software)
    counts = []
    for number in range(5):
        counts.append(reader.ask("SELECT count(*) FROM t;"))
        assert fs.run(*writer, f"INSERT INTO t SELECT n, hex(zeroblob(1000)) FROM t LIMIT {10 + number};") == (0, "")
    observe("rows as the reader saw them", " ".join(counts))
    assert counts == ["100", "110", "121", "133", "146"]
    assert reader.end() == [0, b""]
    assert fs.run(*writer, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA integrity_check;") == (0, "0|0|0\nok\n")


@check("conc/sqlite-two-processes", source="SQLite documentation, File Locking And Concurrency")
@lower(database=DATABASE)
def test_two_sqlite_writers_lose_nothing(fs, other, software, observe):
    """Two processes that insert into a database of the image at once lose no row, and it stays whole."""
    script = "".join(f"INSERT INTO t VALUES ({n});" for n in range(25))
    command = software.command("sqlite3", "-cmd", ".timeout 60000", "database", script)
    running = [process.begin("run", command, 65536) for process in (fs, other)]
    assert [writer.answer(100) for writer in running] == [[0, b""], [0, b""]]
    found = fs.run(*software.command("sqlite3", "database", "SELECT count(*) FROM t; PRAGMA integrity_check;"))
    observe("rows and integrity", " ".join(found[1].split()))
    assert found == (0, "100\nok\n")


@check("app/postgres-image-data", source="PostgreSQL documentation, pg_ctl, pg_checksums")
@lower(prepared=b"")
def test_postgres_runs_on_a_cluster_of_the_image(containers, software, observe):
    """PostgreSQL runs on a cluster that the image has, changes it, and finds it whole after a crash and a restart."""
    live = containers.run()
    root, fs = (containers.process(live) for _ in "12")
    root.mkdir("cluster", 0o700)
    root.chown("cluster", 1000, 1000)
    fs.become(1000)
    made = fs.run(*software.command("initdb", "--pgdata=cluster", "--no-sync", "--auth=trust", "--data-checksums",
                                    "--username=user", "--no-locale", "--encoding=UTF8"))  # fmt: skip
    assert made[0] == 0, made[1]
    live.stop()
    fs = containers.process(containers.run(containers.commit(live)))
    fs.become(1000)
    place = f"{fs.directory}/cluster"
    control = software.command("pg_ctl", "--pgdata=cluster", "--wait", "--silent", "--log=cluster/log",
                               f"--options=-k {place} -c listen_addresses= -c shared_buffers=4MB")  # fmt: skip
    sql = software.command(
        "psql", f"--host={place}", "--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "postgres"
    )
    fill = "CREATE TABLE t AS SELECT n, repeat('x', 500) AS pad FROM generate_series(1, 2000) n"
    assert fs.run(*control, "start") == (0, "")
    for statement in (fill, "UPDATE t SET pad = 'y' WHERE n % 2 = 0"):
        assert fs.run(*sql, f"--command={statement}") == (0, "")
    for mode in ("immediate", "fast"):
        assert fs.run(*control, f"--mode={mode}", "restart") == (0, "")
        counted = fs.run(*sql, "--command=SELECT count(*), count(*) FILTER (WHERE pad = 'y') FROM t")
        observe(f"rows after a restart, {mode}", counted[1].strip())
        assert counted == (0, "2000|1000\n")
    assert fs.run(*control, "--mode=fast", "stop") == (0, "")
    checked = fs.run(*software.command("pg_checksums", "--check", "--pgdata=cluster"))
    assert checked[0] == 0, checked[1]


@check("app/tail-follow", source="tail(1), --follow; moby/moby issues 11705 and 31587")
@lower({"log": b"first\n"})
@pytest.mark.parametrize("by", ["descriptor", "name"])
def test_tail_follows_a_log_of_the_image(fs, other, software, observe, by):
    """tail -f of a log of the image shows a line that another process appends later."""
    fs.mkfifo("shown")
    follow = f"exec timeout 30 tail --follow={by} --sleep-interval=0.1 --lines=+1 log > shown"
    other.begin("run", software.command("sh", "-c", follow), 65536)
    shown = fs.open("shown", O_RDONLY)
    lines = [fs.read(shown, 100)]
    writer = fs.open("log", O_WRONLY | 0o2000)
    fs.write(writer, b"second\n")
    lines.append(fs.read(shown, 100))
    observe("shown", " ".join(line.decode().strip() for line in lines))
    assert lines == [b"first\n", b"second\n"]
