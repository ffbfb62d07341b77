"""Watches and file handles follow the file, also over a copy-up."""

from os import O_RDONLY, O_RDWR

import pytest

from roadworthy import Directory, capabilities, check, lower
from roadworthy.linux import (
    AT_HANDLE_FID,
    FAN_ALLOW,
    FAN_CLASS_CONTENT,
    FAN_DENY,
    FAN_MARK_ADD,
    FAN_MARK_FILESYSTEM,
    FAN_MODIFY,
    FAN_NONBLOCK,
    FAN_OPEN_PERM,
    FAN_REPORT_FID,
    IN_CREATE,
    IN_DELETE,
    IN_MODIFY,
    IN_MOVED_FROM,
    IN_MOVED_TO,
)

EVERYWHERE = ("lower", "upper", "copied-up")


@check("notify/inotify-modify-after-copyup", source="inotify(7)", provenance=(*EVERYWHERE, "volume"))
@lower(log=b"old")
def test_watch_on_a_file_sees_a_write(fs, other, observe):
    """A watch on a file reports a write by a process that opened it later."""
    watch = fs.inotify_init()
    fs.inotify_add_watch(watch, "log", IN_MODIFY)
    other.write(other.open("log", O_RDWR), b"new")
    events = fs.inotify_read(watch)
    observe("events", [hex(mask) for mask, _ in events] or "none")
    assert [mask for mask, _ in events] == [IN_MODIFY]


@check("notify/inotify-dir-child", source="inotify(7)", provenance=EVERYWHERE)
@lower({"dir": Directory(), "dir/log": b"old"})
def test_watch_on_a_directory_sees_a_write_to_its_file(fs, other, observe):
    """A watch on a directory reports a write to a file in it, with the file's name."""
    watch = fs.inotify_init()
    fs.inotify_add_watch(watch, "dir", IN_MODIFY)
    other.write(other.open("dir/log", O_RDWR), b"new")
    events = fs.inotify_read(watch)
    observe("events", events or "none")
    assert events == [(IN_MODIFY, "log")]


@check("notify/inotify-rename-delete", source="inotify(7)", provenance=EVERYWHERE)
@lower({"dir": Directory(), "dir/a": b"", "dir/b": b""})
def test_watch_on_a_directory_sees_renames_and_deletions(fs, other, observe):
    """A watch on a directory reports a rename, a deletion and a creation in it, in this order and nothing else."""
    watch = fs.inotify_init()
    fs.inotify_add_watch(watch, "dir", IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_CREATE)
    other.rename("dir/a", "dir/c")
    other.unlink("dir/b")
    other.store("dir/d", b"")
    events = fs.inotify_read(watch)
    observe("events", events or "none")
    assert events == [(IN_MOVED_FROM, "a"), (IN_MOVED_TO, "c"), (IN_DELETE, "b"), (IN_CREATE, "d")]


@check("notify/inotify-from-other-container", source="inotify(7)", provenance="volume", control=True)
@pytest.mark.slow
@lower(log=b"old")
def test_watch_on_a_volume_sees_the_write_of_another_container(containers, observe):
    """A watch on a file of a volume reports a write by another container."""
    first, second = (containers.process(containers.run(), name) for name in "AB")
    watch = first.inotify_init()
    first.inotify_add_watch(watch, "log", IN_MODIFY)
    second.write(second.open("log", O_RDWR), b"new")
    events = first.inotify_read(watch)
    observe("events", events or "none")
    assert [mask for mask, _ in events] == [IN_MODIFY]


@check("notify/fanotify-fid-inode-mark", source="fanotify_init(2), FAN_REPORT_FID", provenance=EVERYWHERE)
@capabilities("SYS_ADMIN")
@lower(log=b"old")
def test_identifying_watch_on_a_file(fs, other, observe):
    """fanotify accepts a watch on a file that asks for the file's identity, and reports a write."""
    group = fs.fanotify_init(FAN_REPORT_FID | FAN_NONBLOCK)
    observed = fs.attempt.fanotify_mark(group, FAN_MARK_ADD, FAN_MODIFY, "log")
    observe("mark", observed)
    assert observed == "success"
    other.write(other.open("log", O_RDWR), b"new")
    assert fs.fanotify_read(group) == [FAN_MODIFY]


@check("notify/fanotify-fid-fs-mark", source="fanotify_mark(2), FAN_MARK_FILESYSTEM", provenance="lower")
@capabilities("SYS_ADMIN")
@lower(log=b"old")
def test_identifying_watch_on_the_file_system(fs, observe):
    """fanotify accepts a watch on the whole file system that asks for each file's identity."""
    group = fs.fanotify_init(FAN_REPORT_FID | FAN_NONBLOCK)
    observed = fs.attempt.fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_MODIFY, ".")
    observe("mark", observed)
    assert observed == "success"


@check("notify/fanotify-perm-on-lower", source="fanotify(7), FAN_OPEN_PERM; LTP fanotify06", provenance=EVERYWHERE)
@capabilities("SYS_ADMIN")
@lower(foo=b"data")
def test_process_that_watches_a_file_decides_who_opens_it(fs, other, observe):
    """A process that watches a file for permission is asked before another opens it, and may let it or refuse it."""
    group = fs.fanotify_init(FAN_CLASS_CONTENT | FAN_NONBLOCK)
    fs.fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN_PERM, "foo")
    outcomes = []
    for decision in (FAN_ALLOW, FAN_DENY):
        opening = other.begin("open", "foo", O_RDONLY)
        asked = fs.fanotify_decide(group, decision)
        outcomes.append((asked, opening.outcome()))
    observe("opened", "; ".join(f"{outcome}, asked for {asked:#x}" for asked, outcome in outcomes))
    assert outcomes == [(FAN_OPEN_PERM, "success"), (FAN_OPEN_PERM, "EPERM")]


@check("handle/name-to-handle-at", source="name_to_handle_at(2)", provenance=EVERYWHERE)
@capabilities("SYS_ADMIN")
@lower(foo=b"data")
def test_file_has_a_handle(fs, observe):
    """name_to_handle_at(2) gives a handle of a file."""
    observed = fs.attempt.name_to_handle("foo")
    observe("name_to_handle_at", observed)
    assert observed == "success"


@check("handle/name-to-handle-at-fid", source="name_to_handle_at(2), AT_HANDLE_FID", provenance=EVERYWHERE)
@capabilities("SYS_ADMIN")
@lower(foo=b"data", bar=b"data")
def test_file_has_an_identifying_handle(fs, observe):
    """A file has a handle that identifies it, and differs from another file's."""
    observed = fs.attempt.name_to_handle("foo", AT_HANDLE_FID)
    observe("name_to_handle_at", observed)
    assert observed == "success"
    assert fs.name_to_handle("foo", AT_HANDLE_FID) != fs.name_to_handle("bar", AT_HANDLE_FID)


@check("handle/fid-stable-over-copyup", source="name_to_handle_at(2), AT_HANDLE_FID", provenance="lower")
@capabilities("SYS_ADMIN")
@lower({"foo": b"data", "dir": Directory()})
def test_identifying_handle_outlives_a_write(fs, observe):
    """A file's identifying handle is the same before and after the file is written to."""
    before = fs.name_to_handle("foo", AT_HANDLE_FID)
    fs.write(fs.open("foo", O_RDWR), b"DATA")
    observed = "same" if fs.name_to_handle("foo", AT_HANDLE_FID) == before else "another"
    observe("handle", observed)
    assert observed == "same"


@check("handle/open-by-handle", source="open_by_handle_at(2)", provenance=EVERYWHERE)
@capabilities("SYS_ADMIN", "DAC_READ_SEARCH")
@lower(foo=b"data")
def test_file_is_opened_by_its_handle(fs, observe):
    """A file is opened by its handle after it was written to and renamed."""
    observed = fs.attempt.name_to_handle("foo")
    observe("name_to_handle_at", observed)
    assert observed == "success"
    handle = fs.name_to_handle("foo")
    fs.write(fs.open("foo", O_RDWR), b"DATA")
    fs.rename("foo", "bar")
    again = fs.open_by_handle(fs.open(".", O_RDONLY), handle, O_RDONLY)
    assert fs.pread(again, 4, 0) == b"DATA"
