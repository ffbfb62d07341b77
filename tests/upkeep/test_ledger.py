"""The ledger: written before the act, locked while its owner lives, readable however it ended."""

import json
import os
import re
import subprocess
import sys

import pytest

from roadworthy.upkeep import ledger as ledgers
from roadworthy.upkeep.ledger import Item, Ledger, read
from roadworthy.upkeep.reaper import dead_runs, owned


@pytest.fixture
def ledger(tmp_path):
    """A ledger of this process."""
    made = Ledger(tmp_path)
    yield made
    made.close()


def test_an_intention_is_on_disk_before_the_act(ledger):
    """A line is in the file as soon as `intend` returns."""
    item = ledger.intend("image", path="/x.img")
    assert item == Item("image", {"path": "/x.img"})
    assert read(ledger.path).items == (item,)


def test_items_come_in_the_order_in_which_they_were_made(ledger):
    """Reading gives back what was intended, the first first."""
    for number in range(3):
        ledger.intend("directory", path=f"/{number}")
    assert [item.identity["path"] for item in read(ledger.path).items] == ["/0", "/1", "/2"]


def test_a_ledger_is_private(ledger, tmp_path):
    """Nobody else may read or write a ledger."""
    assert ledger.path.stat().st_mode & 0o777 == 0o600


def test_every_run_has_its_own_ledger(tmp_path):
    """Two runs at one moment have two ids and two files, and the file is named after the run."""
    first, second = Ledger(tmp_path), Ledger(tmp_path)
    assert first.run != second.run
    assert {path.stem for path in tmp_path.iterdir()} == {first.run, second.run}
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", first.run)
    first.close()
    second.close()


def test_a_living_owner_holds_its_ledger(ledger, tmp_path):
    """While the owner lives, its ledger belongs to no dead run."""
    with owned(ledger.path) as ours:
        assert not ours
    assert dead_runs(tmp_path) == []


def test_a_closed_ledger_is_a_dead_run(ledger, tmp_path):
    """A ledger whose owner is gone can be owned, by one at a time."""
    other = Ledger(tmp_path)
    other.intend("image", path="/x.img")
    other.close()
    with owned(other.path) as ours, owned(other.path) as second:
        assert ours
        assert not second
    (found,) = dead_runs(tmp_path)
    assert (found.run, len(found.items), found.kept) == (other.run, 1, False)


def test_F31_a_killed_owner_lets_go(tmp_path):
    """SIGKILL of the owner frees its ledger, and what it had intended is in it."""
    text = (
        "import pathlib, sys; from roadworthy.upkeep.ledger import Ledger; import os, signal;"
        "ledger = Ledger(pathlib.Path(sys.argv[1])); ledger.intend('image', path='/x.img'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", text, tmp_path], check=False).returncode == -9
    (found,) = dead_runs(tmp_path)
    assert found.items == (Item("image", {"path": "/x.img"}),)


def test_a_ledger_that_a_reaper_took_before_it_was_locked_is_made_again(tmp_path, monkeypatch):
    """A reaper that finds the new file before its lock takes it for a dead run's; the run then starts another one."""
    import fcntl

    lock, taken = fcntl.flock, []

    def reaped_first(descriptor, operation):
        if not taken:
            taken.extend(tmp_path.glob("*.jsonl"))
            taken[0].unlink()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", reaped_first)
    made = Ledger(tmp_path)
    made.intend("image", path="/x.img")
    assert made.path.exists()
    assert made.path.stem == made.run
    assert len(read(made.path).items) == 1
    made.close()


def test_a_ledger_that_vanished_is_not_ours(tmp_path):
    """A ledger that another reaper has finished is nobody's."""
    with owned(tmp_path / "gone.jsonl") as ours:
        assert not ours


def test_a_ledger_that_vanishes_while_it_is_opened_is_not_ours(tmp_path, monkeypatch):
    """A ledger that another reaper removes between opening and locking is nobody's."""
    import fcntl

    path = tmp_path / "run.jsonl"
    path.write_text("")
    lock = fcntl.flock

    def removed_first(descriptor, operation):
        path.unlink()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", removed_first)
    with owned(path) as ours:
        assert not ours


@pytest.mark.parametrize(
    "torn",
    [
        b'{"kind": "image", "iden',
        b"{",
        b"\xff\xfe\xfd",
        b"\0\0\0\0",
        b"null",
        b"5",
        b"[]",
        b'"kind"',
        b'{"kind": "image"}',
    ],
    ids=range(9),
)
def test_a_torn_line_is_dropped(tmp_path, torn):
    """A line that is not a whole entry announced something that was not made, and the others still count."""
    path = tmp_path / "run.jsonl"
    whole = json.dumps({"kind": "directory", "identity": {"path": "/a"}}).encode()
    path.write_bytes(b'{"run": "run", "pid": 1}\n' + whole + b"\n" + torn)
    assert read(path).items == (Item("directory", {"path": "/a"}),)


def test_a_line_for_which_there_is_no_space_spoils_none_after_it(tmp_path, monkeypatch):
    """A write that the file system cuts short is an error, and the next line is whole."""
    ledger, write = Ledger(tmp_path), os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
    with pytest.raises(OSError, match="No space left"):
        ledger.intend("image", path="/a.img")
    monkeypatch.undo()
    ledger.intend("image", path="/b.img")
    assert [item.identity["path"] for item in read(ledger.path).items] == ["/b.img"]
    ledger.close()


def test_a_kept_run_says_so(ledger):
    """A run whose user wants its things to stay is marked."""
    assert not read(ledger.path).kept
    ledger.keep()
    assert read(ledger.path).kept


def test_the_header_names_the_owner(ledger):
    """The first line has the run and its process, for whoever looks into the file."""
    header = json.loads(ledger.path.read_text().splitlines()[0])
    assert (header["run"], header["pid"]) == (ledger.run, os.getpid())


@pytest.mark.parametrize("call", ["flock", "write", "fsync"])
def test_a_ledger_that_cannot_be_begun_leaves_no_file(tmp_path, monkeypatch, call):
    """A file without a header would be reaped as a dead run's."""

    def fails(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(ledgers.fcntl if call == "flock" else ledgers.os, call, fails)
    with pytest.raises(OSError, match="Input/output error"):
        Ledger(tmp_path)
    assert list(tmp_path.iterdir()) == []
