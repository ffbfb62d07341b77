"""rename(2) gives a file or directory another name, atomically, wherever it comes from."""

from os import O_RDONLY, O_RDWR
from stat import S_IFCHR, S_ISLNK

from roadworthy import LAYERS, Directory, File, Hardlink, Symlink, check, looked, lower, needs
from roadworthy.linux import RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT

POSIX = "POSIX.1-2017, rename()"


@check("rename/lower-file", source=POSIX, provenance=("lower", "lower-deep", "upper", "copied-up", "volume"))
@lower(old=b"data")
def test_file(fs, observe):
    """A file can be renamed, and then has only its new name."""
    outcome = fs.attempt.rename("old", "new")
    observe("rename", outcome)
    assert outcome == "success"
    assert fs.load("new") == b"data"
    assert fs.attempt.stat("old") == "ENOENT"


@check("rename/lower-empty-dir", source=POSIX)
@lower({"old": Directory()})
def test_empty_directory(fs, observe):
    """An empty directory can be renamed."""
    outcome = fs.attempt.rename("old", "new")
    observe("rename", outcome)
    assert outcome == "success"
    assert fs.listdir() == ["new"]


@check("rename/lower-populated-dir", source=POSIX, provenance=("lower", "lower-deep"))
@lower({"old/in/file": b"data"})
def test_directory_with_files(fs, observe):
    """A directory with files in it can be renamed."""
    outcome = fs.attempt.rename("old", "new")
    observe("rename", outcome)
    assert outcome == "success"
    assert fs.load("new/in/file") == b"data"


@check("rename/merged-dir", source=POSIX)
@lower({"old/from-image": b"1"})
def test_directory_with_old_and_new_files(fs, observe):
    """A directory with old and new files in it can be renamed."""
    fs.store("old/from-container", b"2")
    outcome = fs.attempt.rename("old", "new")
    observe("rename", outcome)
    assert outcome == "success"
    assert fs.listdir("new") == ["from-container", "from-image"]
    assert (fs.load("new/from-image"), fs.load("new/from-container")) == (b"1", b"2")


@check("rename/upper-dir", source=POSIX, provenance="upper")
@lower({"old": Directory(), "old/file": b"data"})
def test_new_directory(fs, observe):
    """A directory that was made in the container can be renamed."""
    outcome = fs.attempt.rename("old", "new")
    observe("rename", outcome)
    assert outcome == "success"
    assert fs.load("new/file") == b"data"


@check("rename/mv-cli-fallback", source="POSIX.1-2017, mv")
@lower(
    {
        "old": Directory(mode=0o750),
        "old/file": File(b"data", mode=0o640, uid=1000, gid=1000),
        "old/twin": Hardlink(target="old/file"),
        "old/link": Symlink(target="file"),
    }
)
def test_mv_of_a_directory(fs, toolbox, observe):
    """mv(1) moves a directory whole: contents, modes, owners, times, symbolic and hard links."""
    status, said = fs.run(*toolbox.command("mv", "old", "new"))
    observe("mv", said.strip() or f"exit status {status}")
    assert status == 0
    assert fs.listdir() == ["new"]
    assert fs.load("new/file") == b"data"
    file = fs.stat("new/file")
    assert (file.permissions, file.uid, file.gid, file.mtime_ns) == (0o640, 1000, 1000, 10**18)
    assert fs.stat("new").permissions == 0o750
    assert fs.readlink("new/link") == "file"
    twin = fs.stat("new/twin")
    observe("hard link", "one file" if twin.identity == file.identity else "two files")
    assert twin.identity == file.identity


@check("rename/exchange-lower-files", source="rename(2), RENAME_EXCHANGE", provenance=("lower", "upper", "copied-up"))
@lower(left=b"left", right=b"right")
def test_exchange_of_files(fs, observe):
    """Two files can exchange their names."""
    outcome = fs.attempt.renameat2("left", "right", RENAME_EXCHANGE)
    observe("exchange", outcome)
    assert outcome == "success"
    assert (fs.load("left"), fs.load("right")) == (b"right", b"left")


@check("rename/exchange-lower-dirs", source="rename(2), RENAME_EXCHANGE")
@lower({"old/from-image": b""})
def test_exchange_of_an_old_and_a_new_directory(fs, observe):
    """An old directory and a new one can exchange their names."""
    fs.mkdir("new")
    outcome = fs.attempt.renameat2("old", "new", RENAME_EXCHANGE)
    observe("exchange", outcome)
    assert outcome == "success"
    assert fs.listdir("new") == ["from-image"]
    assert fs.listdir("old") == []


@check("rename/exchange-file-with-lower-dir", source="rename(2), RENAME_EXCHANGE")
@lower({"old/from-image": b"within"})
def test_exchange_of_a_new_file_and_an_old_directory(fs, observe):
    """A new file and an old directory can exchange their names, and the directory keeps what is in it."""
    fs.store("new", b"file")
    outcome = fs.attempt.renameat2("new", "old", RENAME_EXCHANGE)
    observe("exchange", outcome)
    assert outcome == "success"
    assert fs.load("old") == b"file"
    found = observe("file in the directory", fs.attempt.load("new/from-image"))
    assert found == "success", f"the file in the directory cannot be read: {found}"
    assert fs.load("new/from-image") == b"within"
    assert fs.listdir("new") == ["from-image"]


@check("rename/noreplace", source="rename(2), RENAME_NOREPLACE", provenance=("lower", "upper", "copied-up"))
@lower(target=b"old")
def test_no_replacement_of_what_exists(fs, observe):
    """A rename with RENAME_NOREPLACE is refused with EEXIST if the new name is taken."""
    fs.store("incoming", b"new")
    outcome = fs.attempt.renameat2("incoming", "target", RENAME_NOREPLACE)
    observe("rename", outcome)
    assert outcome == "EEXIST"
    assert fs.load("target") == b"old"


@check("rename/noreplace-over-whiteout", source="rename(2), RENAME_NOREPLACE")
@lower(target=b"old")
def test_no_replacement_where_a_file_was_removed(fs, observe):
    """A rename with RENAME_NOREPLACE succeeds if the file of the new name was removed."""
    fs.unlink("target")
    fs.store("incoming", b"new")
    outcome = fs.attempt.renameat2("incoming", "target", RENAME_NOREPLACE)
    observe("rename", outcome)
    assert outcome == "success"
    assert fs.load("target") == b"new"


@check("rename/user-whiteout-flag", source="rename(2), RENAME_WHITEOUT", provenance=("lower", "upper"))
@lower(old=b"data")
def test_rename_that_leaves_a_whiteout(fs, observe):
    """A process that may make device nodes can leave a whiteout, the device 0:0, under the old name of a file."""
    outcome = fs.attempt.renameat2("old", "new", RENAME_WHITEOUT)
    observe("rename", outcome)
    assert outcome == "success"
    assert fs.load("new") == b"data"
    assert (fs.stat("old").kind, fs.stat("old").rdev) == (S_IFCHR, 0)


@check("rename/bind-mounted-target", source="rename(2), EBUSY", control=True)
def test_replacing_a_mount_point(fs, observe):
    """A name on which a file is mounted, as /etc/hosts in a container, cannot be replaced: EBUSY."""
    assert any(line.split()[4] == "/etc/hosts" for line in fs.load("/proc/self/mountinfo").decode().splitlines())
    fs.store("/etc/bind-mounted-target", b"")
    outcome = fs.attempt.rename("/etc/bind-mounted-target", "/etc/hosts")
    observe("rename over a mount", outcome)
    assert outcome == "EBUSY"


@check("rename/across-volume", source=f"{POSIX}, EXDEV", control=True)
@needs(LAYERS)
@lower(old=b"data")
def test_rename_into_a_volume(fs, observe):
    """A volume is another file system: a rename into it is refused with EXDEV, and nothing moves."""
    outcome = fs.attempt.rename("old", "/volume/across-volume")
    observe("rename into a volume", outcome)
    assert outcome == "EXDEV"
    assert fs.load("old") == b"data"


@check("rename/file-over-lower-file", source=POSIX, provenance=("lower", "lower-deep", "copied-up"))
@lower(target=b"old")
def test_file_replaces_a_file(fs, observe):
    """A new file that is renamed over an old one takes its place."""
    fs.store("incoming", b"new")
    incoming = fs.stat("incoming").ino
    fs.rename("incoming", "target")
    content = observe("content", fs.load("target"))
    assert content == b"new"
    assert fs.stat("target").ino == incoming
    assert "incoming" not in fs.listdir()


@check("rename/file-over-whiteout", source=POSIX, provenance=("lower", "lower-deep"))
@lower(target=b"old")
def test_file_takes_a_removed_name(fs, observe):
    """A file can take the name of a removed one."""
    fs.unlink("target")
    fs.store("incoming", b"new")
    fs.rename("incoming", "target")
    content = observe("content", fs.load("target"))
    assert content == b"new"
    names = fs.listdir()
    assert names.count("target") == 1
    assert "incoming" not in names


@check("rename/dir-over-empty-lower-dir", source=POSIX)
@lower({"target": Directory()})
def test_directory_replaces_an_empty_one(fs, observe):
    """A new directory that is renamed over an empty old one takes its place."""
    fs.mkdir("incoming")
    fs.store("incoming/file", b"")
    outcome = fs.attempt.rename("incoming", "target")
    observe("rename", outcome)
    assert outcome == "success"
    assert fs.listdir("target") == ["file"]


@check("rename/dir-over-nonempty-lower-dir", source=f"{POSIX}, ENOTEMPTY")
@lower({"target/old": b""})
def test_directory_does_not_replace_a_full_one(fs, observe):
    """A directory cannot be renamed over one with something in it."""
    fs.mkdir("incoming")
    outcome = fs.attempt.rename("incoming", "target")
    observe("rename", outcome)
    assert outcome in ("ENOTEMPTY", "EEXIST")
    assert fs.listdir("target") == ["old"]


@check("rename/dir-over-dir-emptied-by-whiteouts", source=POSIX)
@lower({"target/a": b"", "target/b": b""})
def test_directory_replaces_an_emptied_one(fs, observe):
    """A new directory that is renamed over an emptied old one takes its place, and nothing comes back."""
    fs.unlink("target/a")
    fs.unlink("target/b")
    fs.mkdir("incoming")
    outcome = fs.attempt.rename("incoming", "target")
    observe("rename", outcome)
    assert outcome == "success"
    assert fs.listdir("target") == []


@check("rename/file-over-dir-and-back", source=f"{POSIX}, EISDIR and ENOTDIR")
@lower({"file": b"", "directory": Directory()})
def test_files_and_directories_do_not_replace_each_other(fs, observe):
    """A file cannot be renamed over a directory (EISDIR), nor a directory over a file (ENOTDIR)."""
    fs.store("new-file", b"")
    fs.mkdir("new-directory")
    outcomes = fs.attempt.rename("new-file", "directory"), fs.attempt.rename("new-directory", "file")
    observe("over a directory, over a file", ", ".join(outcomes))
    assert outcomes == ("EISDIR", "ENOTDIR")


@check("rename/self-hardlink-noop", source=POSIX, provenance=("lower", "upper"))
@lower({"a": b"data", "b": Hardlink(target="a")})
def test_rename_to_another_name_of_the_same_file(fs, observe):
    """Renaming a file to another name that it has already does nothing: both names remain."""
    fs.rename("a", "b")
    names = fs.listdir()
    observe("names left", " ".join(names))
    assert names == ["a", "b"]


@check("rename/into-own-subdir", source=f"{POSIX}, EINVAL")
@lower({"d/inner": Directory()})
def test_directory_cannot_move_into_itself(fs, observe):
    """A directory cannot be moved into itself: EINVAL."""
    outcome = fs.attempt.rename("d", "d/inner/d")
    observe("rename", outcome)
    assert outcome == "EINVAL"


@check("rename/open-fd-survives", source=POSIX, provenance=("lower", "upper"))
@lower(old=b"data")
def test_descriptors_follow_a_renamed_file(fs, observe):
    """A descriptor still means the file after a rename: what is written by it or by the new name, the other shows."""
    reader = fs.open("old", O_RDONLY)
    fs.rename("old", "new")
    writer = fs.open("new", O_RDWR)
    fs.pwrite(writer, b"DATA", 0)
    seen = observe("read through the old descriptor", fs.pread(reader, 4, 0))
    assert seen == b"DATA"
    assert fs.fstat(reader).identity == fs.stat("new").identity
    fs.rename("new", "newer")
    fs.pwrite(writer, b"more", 4)
    assert fs.load("newer") == b"DATAmore"


@check("rename/then-recreate-old-name", source=POSIX, provenance=("lower", "lower-deep"))
@lower(old=b"first")
def test_old_name_is_free_again(fs, observe):
    """The old name of a renamed file can be used for another file, and the two are independent."""
    fs.rename("old", "new")
    fs.store("old", b"second")
    contents = fs.load("new"), fs.load("old")
    observe("contents", b", ".join(contents))
    assert contents == (b"first", b"second")
    assert fs.stat("new").ino != fs.stat("old").ino


@check("rename/mass-rotate", source=POSIX, provenance=("lower", "lower-deep"))
@lower({"log": b"0", "log.1": b"1", "log.2": b"2", "log.3": b"3"})
def test_log_rotation(fs, observe):
    """Rotating logs by rename moves each content on by one name and drops the last."""
    fs.rename("log.2", "log.3")
    fs.rename("log.1", "log.2")
    fs.rename("log", "log.1")
    fs.store("log", b"new")
    contents = [fs.load(name) for name in ("log", "log.1", "log.2", "log.3")]
    observe("contents", b" ".join(contents))
    assert contents == [b"new", b"0", b"1", b"2"]


@check("rename/symlink", source=POSIX, provenance=("lower", "upper"))
@lower({"file": b"data", "old": Symlink(target="file")})
def test_symbolic_link(fs, observe):
    """Renaming a symbolic link renames the link, not what it points to."""
    fs.rename("old", "new")
    names = fs.listdir()
    observe("names", " ".join(names))
    assert S_ISLNK(fs.lstat("new").mode)
    assert fs.readlink("new") == "file"
    assert names == ["file", "new"]


@check("rename/atomic-replace-visible", source=f"{POSIX}: a link named new shall remain visible throughout")
@lower(target=b"old.old.")
def test_replacement_leaves_no_gap(fs, other, observe):
    """A process that opens a file while rename replaces it always finds the old file or a new one, and whole."""
    looking = other.begin("look_often", "target", 0.2)
    fs.replace_often("target", 200)
    looks, missing, torn = looking.answer()
    observe("missing, torn", f"{missing}, {torn} of {looks} looks")
    looked(looks, 10)
    assert missing == 0
    assert torn == 0


@check("rename/parent-sticky-eacces", source=f"{POSIX}, EPERM or EACCES", provenance=("lower", "upper"))
@lower({"shared": Directory(mode=0o1777), "shared/theirs": File(b"data", uid=1000)})
def test_sticky_directory_protects_names(fs, observe):
    """In a sticky directory nobody may rename another user's file."""
    fs.become(2000)
    outcome = fs.attempt.rename("shared/theirs", "shared/mine")
    observe("rename", outcome)
    assert outcome in ("EPERM", "EACCES")


@check("rename/directory-over-removed-file", source=f"{POSIX}: the link named old shall be removed",
       provenance=("lower", "upper"))  # fmt: skip
@lower(old=b"of the image")
def test_removed_file_stays_removed_when_a_directory_leaves_its_name(fs, observe):
    """A file that was removed stays removed when a directory that took its name is renamed away."""
    fs.unlink("old")
    fs.mkdir("old")
    fs.rename("old", "new")
    outcome = fs.attempt.lstat("old")
    observe("old name", outcome)
    assert outcome == "ENOENT"
