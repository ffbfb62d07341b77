"""The cache: made once, whole or not at all, safe from a second run and from a kill, pruned by use."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading

import pytest

from roadworthy.supplies import cache as caches
from roadworthy.supplies.cache import Cache, CacheFailed, entry_name, locked, remove_tree, size_on_disk


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def filled(text="made"):
    def fill(directory):
        (directory / "file").write_text(text)
        return {"said": text}

    return fill


def never(directory):
    raise AssertionError("this entry was there already")


def age(entry, days):
    then = entry.used - days * 86400
    os.utime(entry.path, (then, then))


def test_an_entry_is_made_once(cache):
    made = cache.entry("kind", {"a": 1, "b": [2]}, filled(), label="name")
    assert (made.path / "file").read_text() == "made"
    again = cache.entry("kind", {"b": [2], "a": 1}, never, label="name")
    assert again == made
    assert again.facts == {"said": "made"}
    assert again.recipe == {"a": 1, "b": [2]}
    assert made.path.stat().st_mode & 0o777 == 0o755


def test_another_recipe_is_another_entry(cache):
    one = cache.entry("kind", {"a": 1}, filled("one"))
    two = cache.entry("kind", {"a": 2}, filled("two"))
    assert one.path != two.path
    assert cache.find("kind", {"a": 1}) == one
    assert cache.find("kind", {"a": 3}) is None


def test_a_name_is_its_label_and_the_digest_of_the_recipe():
    assert entry_name({"a": 1}, "docker-20.10").startswith("docker-20.10-")
    assert entry_name({"a": 1}, "x").removeprefix("x-") == entry_name({"a": 1})


def test_a_failed_build_leaves_nothing_and_can_be_tried_again(cache):
    def broken(directory):
        (directory / "half").touch()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        cache.entry("kind", {"a": 1}, broken)
    assert cache.entries() == cache.leftovers() == []
    assert cache.entry("kind", {"a": 1}, filled()).facts == {"said": "made"}


def test_two_runs_make_it_once(cache):
    begun, go_on = threading.Event(), threading.Event()
    calls = []

    def slow(directory):
        calls.append(directory)
        begun.set()
        assert go_on.wait(10)
        return {}

    found = []
    first = threading.Thread(target=lambda: found.append(cache.entry("kind", {}, slow)))
    first.start()
    assert begun.wait(10)
    second = threading.Thread(target=lambda: found.append(cache.entry("kind", {}, never)))
    second.start()
    assert cache.find("kind", {}) is None, "half an entry was seen"
    go_on.set()
    first.join(10)
    second.join(10)
    assert len(found) == 2
    assert found[0] == found[1]
    assert len(calls) == 1


def test_waiting_for_another_run_has_an_end(cache):
    lock = cache.directory / "kind" / f".lock-{entry_name({})}"
    with (
        locked(lock, fcntl.LOCK_EX, 0, "nobody"),
        pytest.raises(TimeoutError, match=r"waited 0\.05 s for another run to finish"),
    ):
        cache.entry("kind", {}, never, seconds=0.05)


KILLED = """
import os, signal, sys
from pathlib import Path
from roadworthy.supplies.cache import Cache

def fill(directory):
    (directory / "half").write_text("x" * 10000)
    os.kill(os.getpid(), signal.SIGKILL)

Cache(Path(sys.argv[1])).entry("kind", {}, fill, label="name")
"""


def test_what_a_killed_build_left_goes_with_the_next(cache):
    done = subprocess.run([sys.executable, "-c", KILLED, cache.directory], timeout=30, check=False)
    assert done.returncode == -9
    assert len(cache.leftovers()) == 1
    assert cache.entries() == []
    cache.entry("kind", {}, filled(), label="name")
    assert cache.leftovers() == []


def test_prune_removes_what_a_killed_build_left_but_not_what_is_being_made(cache):
    subprocess.run([sys.executable, "-c", KILLED, cache.directory], timeout=30, check=False)

    def fill(directory):
        pruned = list(cache.prune())
        assert [bool(one.kept) for one in sorted(pruned, key=lambda one: one.path.name)] == [True, False]
        return {}

    cache.entry("kind", {"a": 1}, fill, label="a-second")
    assert cache.leftovers() == []


def test_prune_goes_by_last_use(cache):
    old = cache.entry("kind", {"a": "old"}, filled())
    new = cache.entry("kind", {"a": "new"}, filled())
    age(old, 10)
    age(new, 10)
    cache.entry("kind", {"a": "new"}, never)
    assert [one.path for one in cache.prune(unused_for=5 * 86400)] == [old.path]
    assert cache.entries() == [new]
    assert cache.entry("kind", {"a": "old"}, filled("anew")).facts == {"said": "anew"}


def test_prune_of_one_kind_leaves_the_others(cache):
    cache.entry("one", {}, filled())
    kept = cache.entry("two", {}, filled())
    assert cache.kinds() == ["one", "two"]
    assert len(list(cache.prune("one", unused_for=0))) == 1
    assert cache.entries() == [kept]
    assert cache.kinds() == ["two"]


def test_what_is_held_stays(cache):
    entry = cache.entry("kind", {}, filled())
    with entry.held():
        (pruned,) = cache.prune(unused_for=0)
        assert pruned.kept == "a run is using it or making it"
        assert entry.path.is_dir()
    (pruned,) = cache.prune(unused_for=0)
    assert not pruned.kept
    with pytest.raises(CacheFailed, match="was removed"), entry.held():
        pass


def test_two_may_hold_the_same(cache):
    entry = cache.entry("kind", {}, filled())
    with entry.held(), entry.held(0):
        pass


def test_an_entry_without_a_readable_record_is_made_anew(cache):
    entry = cache.entry("kind", {}, filled())
    (entry.path / caches.RECORD).write_text("{")
    assert cache.find("kind", {}) is None
    assert cache.entry("kind", {}, filled("anew")).facts == {"said": "anew"}


def test_the_place_may_vanish(cache):
    entry = cache.entry("kind", {}, filled())
    remove_tree(cache.directory)
    assert cache.entries() == cache.kinds() == cache.leftovers() == []
    assert cache.entry("kind", {}, filled()).path == entry.path


def test_other_things_beside_the_kinds_are_left_alone(cache):
    (cache.directory / "other-1234/bin").mkdir(parents=True)
    (cache.directory / "file").touch()
    assert cache.entries() == []
    assert list(cache.prune(unused_for=0)) == []
    assert (cache.directory / "other-1234/bin").is_dir()


def test_a_stage_says_what_is_made_and_only_then(cache):
    said = []

    @contextlib.contextmanager
    def stage(name):
        said.append(name)
        yield

    cache.entry("kind", {}, filled(), label="name", stage=stage)
    cache.entry("kind", {}, never, label="name", stage=stage)
    assert said == ["making kind name"]


def test_nothing_is_removed_through_a_mount(tmp_path, monkeypatch):
    victim = tmp_path / "entry with space"
    (victim / "mnt").mkdir(parents=True)
    table = tmp_path / "mountinfo"
    escaped = str(victim / "mnt").replace(" ", "\\040")
    table.write_text(f"22 1 8:1 / / rw - ext4 /dev/root rw\n23 22 8:1 /home {escaped} rw - ext4 /dev/root rw\n")
    monkeypatch.setattr(caches, "MOUNTS", table)
    with pytest.raises(CacheFailed, match=r"mnt is mounted; unmount it"):
        remove_tree(victim)
    assert victim.is_dir()


def test_links_are_not_followed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "going").mkdir()
    (tmp_path / "going/link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "going")
    assert (tmp_path / "kept").is_dir()
    assert not (tmp_path / "going").exists()


def test_size_counts_no_holes_and_a_hard_link_once(tmp_path):
    (tmp_path / "data").write_bytes(b"x" * 65536)
    before = size_on_disk(tmp_path)
    os.link(tmp_path / "data", tmp_path / "again")
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1 << 30)
    assert before >= 65536
    assert size_on_disk(tmp_path) - before < 65536


def test_a_record_says_what_it_took(cache):
    entry = cache.entry("kind", {}, filled())
    said = json.loads((entry.path / caches.RECORD).read_text())
    assert sorted(said) == ["facts", "made", "recipe", "seconds", "size"]
    assert entry.size > 0
