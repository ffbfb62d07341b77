"""`roadworthy cut`: what it lists of a log, the disk that it makes, and what it says of a mistake."""

import errno
import os

import pytest
import written_log
from click.testing import CliRunner
from written_log import BLOCK

from roadworthy.command.cli import main

USAGE = 4


@pytest.fixture
def log(tmp_path):
    """A log of a load, with what it is of beside it."""
    return written_log.load(tmp_path / "load.log")


def run(*words):
    done = CliRunner().invoke(main, ["cut", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def refused(*words):
    """What the command says of a mistake; it has to end with the status of one."""
    done = run(*words)
    assert done.exit_code == USAGE, done.output
    return done.output


def blocks(image):
    """The first byte of each block of an image."""
    data = image.read_bytes()
    assert len(data) == 8 * BLOCK
    return [data[at : at + 1] for at in range(0, 4 * BLOCK, BLOCK)]


def test_flushes_are_listed_with_the_calls_between_them(log):
    """Each flush says what was written since the one before, and what was answered and acknowledged until the next."""
    assert run(log).output.splitlines() == [
        "load on overlay2-ext4-docker20.10-linux6.1: docker load of an image.",
        "ext4 on 32 KiB; 4 flushes, 0 to 3, in entries 2 to 8",
        "flush   0  entry      2  the operation begins",
        "flush   1  entry      4  1 write, 4 KiB",
        "           POST /images/load  200",
        "flush   2  entry      6  1 write, 4 KiB",
        "           GET /images/i/json  200",
        "           acknowledged: the image",
        "flush   3  entry      8  2 writes, 8 KiB",
    ]


@pytest.mark.parametrize(
    ("flush", "found"),
    [(0, [b"a", b"\0", b"\0", b"\0"]), (1, [b"a", b"b", b"\0", b"\0"]), (2, [b"a", b"b", b"c", b"\0"]),
     (3, [b"a", b"e", b"c", b"d"])],
)  # fmt: skip
def test_the_disk_at_a_flush_has_what_was_written_before(log, tmp_path, flush, found):
    """All writes up to that flush, those before the operation included, and none after it."""
    done = run(log, f"--flush={flush}", f"--out={tmp_path / 'disk'}")
    assert done.exit_code == 0, done.output
    assert blocks(tmp_path / "disk") == found
    assert f"mount -o loop {tmp_path / 'disk'} DIR" in done.output


def test_a_part_is_drawn_again_from_its_seed(log, tmp_path):
    """The disk at a flush with some of the later writes is that of the search: one seed, one disk."""
    made = {}
    for seed in range(6):
        for again in "ab":
            words = [f"--flush=2 --part={seed}".split(), [f"--out={tmp_path / f'{seed}{again}'}"]]
            assert run(log, *words[0], *words[1]).exit_code == 0
        one, other = (blocks(tmp_path / f"{seed}{again}") for again in "ab")
        assert one == other
        made[tuple(one)] = seed
    assert len(made) > 1, "the seed makes no difference"
    assert all(found[:1] + found[2:3] == (b"a", b"c") for found in made), "the flushed blocks are there in any case"


def test_an_image_that_exists_is_not_overwritten(log, tmp_path):
    """Whatever it is."""
    (tmp_path / "disk").write_text("mine")
    assert "exists and is not overwritten" in refused(log, "--flush=1", f"--out={tmp_path / 'disk'}")
    assert (tmp_path / "disk").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--flush=4", "--out=x"], "no flush 4; name one of 0 to 3"), (["--flush=-1", "--out=x"], "one of 0 to 3"),
     (["--flush=1"], "name the file for the disk with --out"), (["--out=x"], "a flush with --flush, one of 0 to 3"),
     (["--part=1"], "name a flush with --flush"), (["--flush=1", "--out=/nowhere/x"], "/nowhere/x cannot be written")],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)  # fmt: skip
def test_a_mistake_says_what_would_be_right(log, words, said):
    """The sentence has the range, or the option that is missing."""
    assert said in " ".join(refused(log, *words).split())


def test_what_is_no_log_is_refused(tmp_path):
    """A file that begins in another way, that ends too early, or whose numbers cannot be those of a log."""
    other = tmp_path / "other.log"
    other.write_bytes(b"no log at all" * 100)
    assert "is no log of writes" in refused(other)
    other.write_bytes(b"")
    assert "has no superblock" in refused(other)
    assert "sectors of 0 bytes" in refused(written_log.log(other, sector=0))
    whole = written_log.load(tmp_path / "load.log").read_bytes()
    (tmp_path / "load.log").write_bytes(whole[:-1])
    assert "ends within entry 7 of 8" in refused(tmp_path / "load.log")


def test_a_log_without_what_it_is_of_is_refused(log, tmp_path):
    """The file beside it is named; one that does not belong to the log is refused, too."""
    log.with_suffix(".json").unlink()
    assert "load.json: No such file or directory" in refused(log)
    written_log.captured(log, 2, 9)
    assert "has 8 entries, but its operation ends at 9" in refused(log)
    written_log.captured(log, 5, 2)
    assert "the operation begins at 5 and ends at 2" in refused(log)
    log.with_suffix(".json").write_text("{}")
    assert "not what `pytest --cuts --keep-logs` writes beside a log" in refused(log)


@pytest.mark.parametrize("block", [8, 1 << 51])
def test_an_entry_beyond_the_disk_is_refused(log, block):
    """No disk was told that."""
    written_log.log(log, (written_log.WRITE, block, b"x"), *[(written_log.FLUSHED,)] * 7)
    assert "entry 0 lies beyond the disk of 32768 bytes" in refused(log)


def test_a_disk_that_cannot_be_made_leaves_nothing(log, tmp_path, monkeypatch):
    """If the file system is full the begun image is gone."""

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    said = refused(log, "--flush=1", f"--out={tmp_path / 'disk'}")
    assert "disk cannot be written: No space left on device" in said
    assert not (tmp_path / "disk").exists()


def test_hostile_words_are_shown_and_not_obeyed(log):
    """Terminal escapes from the file beside a log do not reach the terminal."""
    written_log.captured(log, 2, 8, does="\x1b]0;owned\x07\x1b[31mred")
    assert "\x1b" not in run(log).output
    assert "red" in run(log).output


def test_help_teaches():
    """With an example of each step, and what a flush is."""
    said = run("--help").output
    for words in ("--keep-logs", "load.log --flush=12 --out=disk.img", "mount -o loop disk.img /mnt", "any part"):
        assert words in said
