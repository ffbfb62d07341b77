"""Scripts are such as shells read and compilers take, whatever the check, and two plain places answer them alike."""

import itertools
import shutil
import subprocess

import pytest

from roadworthy.declaring.checks import PROVENANCES
from roadworthy.declaring.known import checks_known
from roadworthy.drivers import DRIVERS
from roadworthy.reports.records import Call
from roadworthy.repro.calls import NoScript, made
from roadworthy.repro.program import source
from roadworthy.repro.reproducer import reproducer
from roadworthy.trees.layers import Directory, File, Hardlink, Opaque, SparseFile, Symlink, Whiteout

CALLS = [
    Call("A", "open('f', O_RDONLY)", "3"),
    Call("A", "mmap(3, 4096, 1, 1)", "139726906200064"),
    Call("A", "load(3 bytes)", "b'old'"),
    Call("B", "open('f', O_RDWR)", "3"),
    Call("B", "pwrite(3, b'new\\x00\"?', 0)", "5"),
    Call("A", "pread(3, 5, 0)", "b'new'"),
    Call("A", "munmap(139726906200064, 4096)", "None"),
    Call("A", "rename('d', 'e')", "None"),
    Call("A", "open('/proc/self/fd/3', O_RDONLY)", "4"),
    Call("A", "fchmod(4, 0600)", "None"),
    Call("A", "linkat('/proc/self/fd/4', 'named', 1024)", "None"),
    Call("A", "stat('e/in')", "[1]"),
    Call("A", "lstat('nowhere')", "ENOENT"),
    Call("A", "fstat(3)", "[1]"),
    Call("A", "stat('/c/family.case/f')", "[1]"),
    Call("A", "statx('f', STATX_BTIME)", "[1, 2]"),
    Call("A", "listdir('e')", "['in']"),
    Call("A", "load('e/in')", "b''"),
    Call("A", "store('g', b'more', 420)", "None"),
    Call("A", "utimens('g', 5, 6, True)", "None"),
    Call("A", "futimens(3, 5, 6)", "None"),
    Call("A", "renameat2('g', 'h', RENAME_NOREPLACE)", "None"),
    Call("A", "symlink('h', 's')", "None"),
    Call("A", "readlink('s')", "'h'"),
    Call("A", "truncate('h', 2)", "None"),
    Call("A", "unlink('h')", "None"),
    Call("A", "mkdir('x', 02755)", "None"),
    Call("A", "rmdir('x')", "None"),
    Call("A", "lseek(3, 0, 0)", "0"),
    Call("A", "fsync(3)", "None"),
    Call("A", "listxattr('f', True)", "[]"),
    Call("A", "getxattr('f', 'user.none', True)", "ENODATA"),
    Call("A", "fcntl(3, 0, 0)", "9"),
    Call("A", "close(9)", "None"),
]
TREES = [
    {"f": File(content=b"old"), "d": Directory(mode=0o2750), "d/in": File(content=b"ab" * 9000), "gone": File()},
    {"gone": Whiteout(), "d2": Opaque(), "d2/s": Symlink(target="in"), "l": Hardlink(target="m"), "m": File(mode=0o400),
     "hole": SparseFile(size=70000, tail=b"end"), "random": File(content=bytes(range(256)) * 31 + b"x")},
]  # fmt: skip


@pytest.fixture
def compiled(tmp_path):
    """The program of CALLS on TREES, as a file that can be run."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs cc: apt-get install gcc")
    text, layers = source(TREES, "lower", made(CALLS, 0), "/c/family.case", measured=False)
    assert layers == 2
    (tmp_path / "r.c").write_text(text)
    words = [compiler, "-Wall", "-Wno-unused", "-D_GNU_SOURCE", "-o", tmp_path / "r", tmp_path / "r.c"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return tmp_path / "r"


def run(program, word, place):
    place.mkdir(exist_ok=True)
    done = subprocess.run([program, word], cwd=place, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_two_plain_places_answer_alike(compiled, tmp_path):
    """Nothing that differs from run to run is printed, and layers that are made one by one come to the same tree."""
    first = run(compiled, "plain", tmp_path / "one")
    run(compiled, "1", tmp_path / "two")
    run(compiled, "2", tmp_path / "two")
    assert run(compiled, "calls", tmp_path / "two") == first
    assert 'A: rename("d", "e") = ok' in first
    assert 'A: lstat("nowhere") = ENOENT' in first
    assert "3 bytes: old" in first
    assert "5 bytes: new\\x00" + '"' in first
    assert "1 names: in" in first
    assert "file 1" in first


def every(driver):
    """A script for every check of the suite whose trees C can make, with a few calls in place of its own."""
    for known in checks_known().values():
        case = f"[{known.provenances[0]}]" if len(known.provenances) > 1 else ""
        with_calls = [Call("A", "stat('f')", "[1]")]
        try:
            yield reproducer(known, known.identity + case, DRIVERS[driver], "ext4", "a 'reason'", with_calls, 0)
        except NoScript:
            continue


@pytest.mark.parametrize("driver", ["overlay2", "fuse-overlayfs", "btrfs", "podman:overlay"])
def test_shells_read_every_script(driver, tmp_path):
    """No promise, reason or tree of a check breaks the shell's syntax."""
    found = list(every(driver))
    assert len(found) > 200
    path = tmp_path / "all"
    path.write_text("\n".join(found))
    done = subprocess.run(["sh", "-n", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_hostile_bundle_runs_nothing(tmp_path):
    """Neither a case's name nor a reason from a bundle is a command."""
    marker = tmp_path / "made"
    evil = f"x'; touch {marker}; '$(touch {marker})\n`touch {marker}`\nEND_OF_C\ntouch {marker}\n"
    known = checks_known()["rename/merged-dir"]
    calls = [Call("A", f"stat({evil!r})", "ENOENT")]
    text = reproducer(known, f"rename/merged-dir[{evil}]", DRIVERS["overlay2"], "ext4", evil, calls, 0)
    (tmp_path / "script").write_text(text)
    checked = subprocess.run([shutil.which("sh"), "-n", tmp_path / "script"], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    # The shell's own words, with everything quoted taken out: the head, up to the program, and the comparison.
    done = subprocess.run(
        [shutil.which("sh"), tmp_path / "script"], env={"PATH": ""}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, "it cannot be tried without programs"
    assert not marker.exists()
    assert [line for line in text.splitlines() if line.startswith(("touch", "`", "$("))] == []


@pytest.mark.parametrize("provenance", PROVENANCES)
def test_a_provenance_is_made(provenance):
    """Objects of the image are made in layers, those of the container before the calls; a volume has no layers."""
    known = checks_known()["open/o-tmpfile"]
    calls = [Call("A", "stat('f')", "[1]")]
    asked = (known, f"open/o-tmpfile[{provenance}]", DRIVERS["overlay2"], "ext4", "", calls, 0)
    if provenance == "volume":
        with pytest.raises(NoScript, match="no layers"):
            reproducer(*asked)
        return
    text = reproducer(*asked)
    made_before = text.partition("static void calls(void)")[2].partition("tick();")[0]
    layers = len(list(itertools.takewhile(lambda number: f"layer_{number}(" in text, itertools.count(1))))
    assert layers == {"upper": 0, "lower-deep": 2}.get(provenance, 1)
    assert bool(made_before.strip(" {\n")) is (provenance in ("upper", "copied-up"))


@pytest.mark.parametrize(
    ("check", "said"),
    [("copyup/chown-layer-size", "through the engine"), ("grid/runs-or-refuses", "daemons of its own")],
)  # fmt: skip
def test_what_is_not_in_system_calls_has_no_script(check, said):
    """The reason is said."""
    with pytest.raises(NoScript, match=said):
        reproducer(checks_known()[check], check, DRIVERS["overlay2"], "ext4", "", CALLS, 0)
