"""Directory listings are complete, without duplicates and true, over layers and while entries change."""

from os import O_DIRECTORY, O_RDONLY, SEEK_SET

import pytest

from roadworthy import LAYERS, Device, Directory, Fifo, Symlink, Whiteout, check, layers, lower, needs
from roadworthy.linux import DT_CHR, DT_DIR, DT_FIFO, DT_LNK, DT_REG, DT_SOCK

EVERYWHERE = ("lower", "upper", "copied-up")
TYPES = {
    "file": DT_REG, "directory": DT_DIR, "symlink": DT_LNK, "fifo": DT_FIFO, "device": DT_CHR, "socket": DT_SOCK,
}  # fmt: skip
NAMES = [f"entry-{number:03}" for number in range(120)]
MANY = {"dir": Directory()} | {f"dir/{name}": b"" for name in NAMES}


@check("readdir/dtype", source="getdents(2)", provenance=("lower", "upper"))
@lower({"file": b"", "directory": Directory(), "symlink": Symlink(target="file"), "fifo": Fifo(),
        "device": Device(major=1, minor=3)})  # fmt: skip
def test_entries_tell_their_type(fs, observe):
    """A directory's entries have the types of the files that they name."""
    fs.bind("socket")
    found = {entry.name: entry.kind for entry in fs.getdents(fs.open(".", O_RDONLY | O_DIRECTORY))}
    observe("types", " ".join(f"{name}={found.get(name)}" for name in TYPES))
    assert {name: found.get(name) for name in TYPES} == TYPES


@check("readdir/dino-eq-stino", source="POSIX.1-2017, readdir()", provenance=EVERYWHERE)
@pytest.mark.parametrize("name", ["file", "sub", ".", ".."], ids=["file", "directory", "dot", "dot-dot"])
@lower({"dir": Directory(), "dir/file": b"", "dir/sub": Directory()})
def test_entries_tell_the_inode_that_stat_tells(fs, observe, name):
    """A directory entry has the inode number that stat shows for its name."""
    entries = fs.getdents(fs.open("dir", O_RDONLY | O_DIRECTORY))
    told = next(entry.ino for entry in entries if entry.name == name)
    found = fs.lstat(f"dir/{name}").ino
    others = {0, *(entry.ino for entry in entries if entry.name != name)}
    observe("inode", "same" if told == found else "none, or another name's" if told in others else "one of its own")
    assert told == found


@check("readdir/no-duplicates-merged", source="kernel overlayfs.rst, Directories")
@layers(*({"dir/common": b"", f"dir/{name}": b""} for name in "abcde"))
@needs(LAYERS)
def test_name_in_many_layers_is_listed_once(fs, observe):
    """A name that several layers have is listed once."""
    fs.store("dir/common", b"new")
    entries = fs.getdents(fs.open("dir", O_RDONLY | O_DIRECTORY))
    found = sorted(entry.name for entry in entries)
    observe("names", " ".join(found))
    assert found == [".", "..", "a", "b", "c", "common", "d", "e"]


@check("readdir/sum-of-layers", source="OCI image-spec, layer.md, Applying Changesets")
@layers({"dir/a": b"", "dir/b": b"", "dir/c": b""}, {"dir/b": Whiteout(), "dir/d": b""}, {"dir/e": b""})
def test_listing_is_the_sum_of_all_layers(fs, observe):
    """A directory lists what its layers and the container added, without what they removed."""
    fs.unlink("dir/a")
    fs.store("dir/f", b"")
    names = fs.listdir("dir")
    observe("names", " ".join(names))
    assert names == ["c", "d", "e", "f"]


@check("readdir/empty-lower-dir-merge", source="kernel overlayfs.rst, Directories")
@layers({"dir": Directory()}, {"dir": Directory()}, {"dir": Directory()})
@needs(LAYERS)
def test_directory_of_empty_layers_is_empty(fs, observe):
    """A directory that several layers have without content is empty and can be removed."""
    entries = fs.getdents(fs.open("dir", O_RDONLY | O_DIRECTORY))
    observe("entries", sorted(entry.name for entry in entries))
    assert sorted(entry.name for entry in entries) == [".", ".."]
    assert fs.attempt.rmdir("dir") == "success"


@check("readdir/large-dir", source="POSIX.1-2017, readdir()")
@layers({f"dir/{name}-low": b"" for name in NAMES * 4}, {f"dir/{name}-high": b"" for name in NAMES})
def test_directory_larger_than_one_read_is_complete(fs, observe):
    """A directory that takes several reads is listed completely, every name once."""
    directory = fs.open("dir", O_RDONLY | O_DIRECTORY)
    found = []
    while entries := fs.getdents(directory, 4096):
        found += [entry.name for entry in entries]
    observe("entries", len(found))
    assert len(found) == 2 * len(NAMES) + 2
    assert set(found) == {".", ".."} | {f"{name}-{layer}" for name in NAMES for layer in ("low", "high")}


@check("readdir/whiteouts-hidden-in-large-dir", source="POSIX.1-2017, unlink()", provenance=("lower", "upper"))
@lower(MANY)
def test_removed_entries_are_not_listed(fs, observe):
    """A directory of many entries lists those that remain, and none that was removed."""
    for name in NAMES[::2]:
        fs.unlink(f"dir/{name}")
    names = fs.listdir("dir")
    observe("entries", len(names))
    assert names == NAMES[1::2]


@check("readdir/unlink-while-iterating", source="POSIX.1-2017, readdir()", provenance=("lower", "upper"))
@lower(MANY)
def test_emptying_a_directory_while_reading_it(fs, observe):
    """Reading a directory and removing each entry finds all of them, and leaves an empty directory."""
    directory = fs.open("dir", O_RDONLY | O_DIRECTORY)
    removed = 0
    while entries := fs.getdents(directory, 512):
        for name in {entry.name for entry in entries} - {".", ".."}:
            fs.unlink(f"dir/{name}")
            removed += 1
    observe("removed", f"{removed} of {len(NAMES)}")
    assert removed == len(NAMES)
    assert fs.attempt.rmdir("dir") == "success"


@check("readdir/new-entry-visibility", source="POSIX.1-2017, rewinddir()", provenance=("lower", "upper"))
@lower({"dir": Directory(), "dir/old": b""})
def test_rewinding_shows_new_entries(fs, observe):
    """An open directory that is rewound shows an entry that was made in the meantime."""
    directory = fs.open("dir", O_RDONLY | O_DIRECTORY)
    fs.getdents(directory)
    fs.store("dir/new", b"")
    fs.lseek(directory, 0)
    found = sorted(entry.name for entry in fs.getdents(directory))
    observe("names after rewinding", " ".join(found))
    assert found == [".", "..", "new", "old"]


@check("readdir/rewind-after-copyup", source="POSIX.1-2017, rewinddir()", provenance="lower")
@lower({"dir/a": b"", "dir/b": b""})
def test_rewinding_after_a_change_of_the_directory(fs, observe):
    """An open directory that is rewound after its mode changed lists every entry once, and no removed one."""
    directory = fs.open("dir", O_RDONLY | O_DIRECTORY)
    fs.getdents(directory)
    fs.chmod("dir", 0o700)
    fs.unlink("dir/a")
    fs.lseek(directory, 0)
    found = sorted(entry.name for entry in fs.getdents(directory))
    observe("names after rewinding", " ".join(found))
    assert found == [".", "..", "b"]


@check("readdir/seekdir-same-fd", source="POSIX.1-2017, seekdir()", provenance=("lower", "upper", "copied-up"))
@lower(MANY)
def test_seeking_to_a_position_that_was_told(fs, observe):
    """Reading from an earlier position of an open directory gives the entries that followed it."""
    directory = fs.open("dir", O_RDONLY | O_DIRECTORY)
    entries = fs.getdents(directory)
    fs.getdents(directory)
    fs.lseek(directory, entries[80].position, SEEK_SET)
    found = [entry.name for entry in fs.getdents(directory)]
    observe("entries after the position", len(found))
    assert found == [entry.name for entry in entries[81:]]


@check("readdir/seekdir-merged", source="POSIX.1-2017, seekdir()")
@layers(MANY, {"dir/entry-000": b"", "dir/entry-higher": b""})
@needs(LAYERS)
def test_seeking_in_a_directory_of_several_layers(fs, observe):
    """Reading from an earlier position in a directory of several layers gives the entries that followed it."""
    directory = fs.open("dir", O_RDONLY | O_DIRECTORY)
    entries = fs.getdents(directory)
    fs.lseek(directory, entries[80].position, SEEK_SET)
    found = [entry.name for entry in fs.getdents(directory)]
    observe("entries after the position", len(found))
    assert found == [entry.name for entry in entries[81:]]


@check("readdir/seekdir-after-unlink", source="telldir(3)", provenance=("lower", "upper", "copied-up"))
@lower(MANY)
def test_position_outlives_the_removal_of_an_earlier_entry(fs, observe):
    """A position in a directory stays valid for a later reader when an entry before it is removed."""
    entries = fs.getdents(fs.open("dir", O_RDONLY | O_DIRECTORY))
    earlier = next(entry.name for entry in entries if entry.name not in (".", ".."))
    fs.unlink(f"dir/{earlier}")
    directory = fs.open("dir", O_RDONLY | O_DIRECTORY)
    fs.lseek(directory, entries[80].position, SEEK_SET)
    found = [entry.name for entry in fs.getdents(directory)]
    wanted = [entry.name for entry in entries[81:] if entry.name != earlier]
    observed = f"{len(set(wanted) - set(found))} lost, {len(set(found) - set(wanted))} repeated"
    observe("entries after the position", observed)
    assert observed == "0 lost, 0 repeated"


@check("readdir/seekdir-after-reopen", source="telldir(3)", provenance=("lower", "upper", "copied-up"))
@lower(MANY)
def test_position_is_good_for_another_descriptor(fs, observe):
    """A position in a directory that nobody changes is valid for a later reader that opens it again."""
    first = fs.open("dir", O_RDONLY | O_DIRECTORY)
    entries = fs.getdents(first)
    fs.close(first)
    directory = fs.open("dir", O_RDONLY | O_DIRECTORY)
    fs.lseek(directory, entries[80].position, SEEK_SET)
    found = [entry.name for entry in fs.getdents(directory)]
    observe("entries after the position", len(found))
    assert found == [entry.name for entry in entries[81:]]


@check("readdir/listing-goes-on", source="POSIX.1-2017, readdir()", provenance=("lower", "upper", "copied-up"))
@pytest.mark.parametrize("change", ["unlink", "create"])
@lower(MANY)
def test_listing_in_pieces_goes_on_while_entries_change(fs, other, observe, change):
    """A listing in pieces has each file that stays once, though another process removes or makes files meanwhile."""
    other.store("dir/new", b"")
    assert fs.listdir("dir") == [*NAMES, "new"]
    directory = fs.open("dir", O_RDONLY | O_DIRECTORY)
    listed, removed, piece = [], set(), 0
    while entries := fs.getdents(directory, 1024):
        found = [entry.name for entry in entries if entry.name in NAMES]
        listed += found
        if change == "create":
            for number in range(10):
                other.store(f"dir/new-{piece}-{number}", b"")
        elif found:
            other.unlink(f"dir/{found[0]}")
            removed.add(found[0])
        piece += 1
    repeated = len(listed) - len(set(listed))
    lost = len(set(NAMES) - removed - set(listed))
    observe("pieces", piece)
    observed = observe("names that stay", f"{lost} lost, {repeated} repeated")
    assert piece > 2
    assert observed == "0 lost, 0 repeated"


@check(
    "readdir/concurrent-mutation", source="POSIX.1-2017, readdir(); xfstests overlay/019", provenance=("lower", "upper")
)
@lower(MANY)
def test_listing_while_another_process_changes_the_directory(fs, other, observe):
    """A directory lists each file that stays once while another process makes and removes files in it."""
    changing = other.begin("repeat", 400, "replace_often", "dir", "dir/target", 2)
    listings = []
    for _ in range(20):
        directory = fs.open("dir", O_RDONLY | O_DIRECTORY)
        names = []
        while entries := fs.getdents(directory, 1024):
            names += [entry.name for entry in entries if entry.name in NAMES]
        fs.close(directory)
        listings.append(names)
    assert changing.answer() == {"success": 400}
    lost = sum(len(set(NAMES) - set(names)) for names in listings)
    repeated = sum(len(names) - len(set(names)) for names in listings)
    observe("wrong listings of 20", sum(sorted(names) != NAMES for names in listings))
    observed = observe("names", f"{repeated} repeated, {lost} lost")
    assert observed == "0 repeated, 0 lost"
