"""Traces: what a file of one may say, the calls that follow, and how one is recorded."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from roadworthy.command.cli import main
from roadworthy.measuring.recording import Recorder, record
from roadworthy.measuring.traces import TRACES, load_trace
from roadworthy.measuring.workloads import WorkloadError
from roadworthy.supplies.packages import needs
from roadworthy.trees.layers import Directory, File

ROOT = Path(__file__).parents[2]
GOOD = '''
promise = "changes a file"
recorded = "a program"
changed = "d/f"
directories = ["d"]
calls = """
open d/f 2 1
pwrite 1 3 10
fsync 1
close 1
missing d/g
rename d/f d/g
list_
"""
[files]
"d/f" = 100
'''.replace("list_", "stat d/g")


@pytest.fixture
def written(tmp_path):
    def written(text):
        (tmp_path / "t.toml").write_text(text)
        return load_trace("t", tmp_path)

    return written


def test_a_trace_becomes_a_tree_and_rows_of_calls(written):
    """Paths lie where the tree does, an opened file is the answer of the row that opened it, contents are ours."""
    trace = written(GOOD)
    assert trace.tree(lambda size: File(bytes(size))) == {"d": Directory(), "d/f": File(bytes(100))}
    assert trace.rows("/c", b"abcdef") == [
        ["open", "/c/d/f", 2, 0o644], ["pwrite", [0], b"abc", 10], ["fsync", [0]], ["close", [0]],
        ["access", "/c/d/g", 0], ["rename", "/c/d/f", "/c/d/g"], ["stat", "/c/d/g"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("stat d/g", "stta d/g", "call 7: 'stta' is no call; did you mean 'stat'"),
        ("stat d/g", "stat", "call 7: stat takes 1 words, and here are 0"),
        ("stat d/g", "stat /etc/passwd", "'/etc/passwd' is no path below"),
        ("stat d/g", "stat d/../../g", "is no path below"),
        ("stat d/g", "read 1 10", "call 7: 1 is not open"),
        ("pwrite 1 3 10", "pwrite 1 3000000 10", "3000000 bytes are more than"),
        ("pwrite 1 3 10", "pwrite 1 -3 10", "'-3' is no number"),
        ('changed = "d/f"', 'changed = "d/g"', "is one of the files"),
        ('"d/f" = 100', '"d/f" = "100"', "is a whole number"),
        ('"d/f" = 100', '"../f" = 100\n"d/f" = 100', "is no path below"),
        ("recorded", "recorder", "unknown key 'recorder'; did you mean 'recorded'"),
        ('recorded = "a program"', "", "has no recorded"),
        ("directories", "directories [", "t.toml: "),
    ],
)
def test_what_cannot_be_replayed_is_refused(written, old, new, said):
    """With the file, the line and the nearest right word."""
    assert old in GOOD
    with pytest.raises(WorkloadError, match=r"t\.toml") as refusal:
        written(GOOD.replace(old, new, 1))
    assert said in str(refusal.value)


def test_a_trace_that_is_not_there_is_named_with_those_that_are():
    """The nearest first."""
    with pytest.raises(WorkloadError, match="did you mean 'git-commit'"):
        load_trace("git-comit")


@pytest.mark.parametrize("name", sorted(path.stem for path in TRACES.glob("*.toml")))
def test_every_trace_is_sound_and_used(name):
    """A trace that no benchmark replays is not kept; a small one is kept readable."""
    assert load_trace(name).calls
    assert (TRACES / f"{name}.toml").stat().st_size < 100_000
    assert any(f'"{name}"' in path.read_text() for path in (ROOT / "bench").glob("*.py"))


def test_lines_of_strace_become_those_of_a_trace(tmp_path):
    """Only what lies below the directory, with numbers of our own for files; what failed is a name that was missing."""
    text = f'''
7 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3
7 read(3, ""..., 832) = 832
7 close(3) = 0
7 openat(AT_FDCWD, "a/f", O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0666) = 3
7 newfstatat(3, "", {{st_mode=S_IFREG|0644, st_size=0, ...}}, AT_EMPTY_PATH) = 0
7 write(3, ""..., 4096) = 100
8 read(3, ""..., 10) = 10
7 pread64(3, ""..., 4096, 512) = 20
7 lseek(3, 0, SEEK_END) = 100
7 close(3) = 0
7 newfstatat(AT_FDCWD, "{tmp_path}/a/f", {{st_mode=S_IFREG|0644, st_size=100, ...}}, AT_SYMLINK_NOFOLLOW) = 0
7 openat(AT_FDCWD, "a/g", O_RDONLY) = -1 ENOENT (No such file or directory)
7 mkdir("a/g", 0777) = -1 EEXIST (File exists)
7 rename("a/f", "a/h") = 0
7 unlinkat(AT_FDCWD, "a", AT_REMOVEDIR) = 0
7 +++ exited with 0 +++
'''
    assert list(Recorder(tmp_path).lines(text)) == [
        "open a/f 194 1", "fstat 1", "write 1 100", "pread 1 4096 512", "lseek 1 100 0", "close 1", "lstat a/f",
        "missing a/g", "rename a/f a/h", "rmdir a",
    ]  # fmt: skip


@pytest.fixture
def strace():
    if not shutil.which("strace"):
        pytest.skip(needs("strace"))


@pytest.mark.usefixtures("strace")
def test_a_recording_can_be_replayed(tmp_path, written):
    """What `roadworthy bench record` prints is a trace of what the program did, and of the tree as it was before."""
    directory = tmp_path / "tree"
    (directory / "d").mkdir(parents=True)
    (directory / "d/f").write_bytes(bytes(10))
    shell = ["/bin/sh", "-c", "echo text >>d/f; rm -f d/missing; mkdir new; mv d/f new/f"]
    done = CliRunner().invoke(main, ["bench", "record", str(directory), *shell])
    assert done.exit_code == 0, done.output
    trace = written(done.output)
    assert (trace.directories, dict(trace.files), trace.changed) == (("d",), {"d/f": 10}, "d/f")
    calls = [words[0] for words in trace.calls]
    assert calls.index("open") < calls.index("mkdir") < calls.index("rename")
    assert ("rename", "d/f", "new/f") in trace.calls


@pytest.mark.usefixtures("strace")
def test_a_program_that_fails_is_no_recording(tmp_path):
    """Its last words are told, in one line."""
    done = CliRunner().invoke(main, ["bench", "record", str(tmp_path), "/bin/sh", "-c", "echo why >&2; exit 3"])
    assert (done.exit_code, done.output) == (1, "Error: /bin/sh ended with 3: why\n")
    assert CliRunner().invoke(main, ["bench", "record", str(tmp_path / "nowhere"), "true"]).exit_code == 4
    assert record.__doc__
