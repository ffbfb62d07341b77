"""Scripts of `roadworthy repro` show recorded breaks on this host, and no difference where a promise is kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from private_daemon import private_daemon

from roadworthy.command.repro import Chosen, calls_of, script_of
from roadworthy.drivers import DRIVERS
from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.matrix import build

pytestmark = pytest.mark.real
#: A real run of six drivers, the reference among them; see tests/command/asked.py.
RUN = Path(__file__).parents[1] / "command/recorded/drivers"


@pytest.fixture(scope="module")
def matrix():
    return build([read_bundle(RUN)])


def ran(matrix, tmp_path, driver, check, by_engine=False, environment=None):
    """Run the script of a check on a driver: its exit status and what it prints."""
    chosen = Chosen(check, DRIVERS[driver], DRIVERS[driver].backings[0], calls_of(check, [], matrix), "a reason")
    (tmp_path / "script").write_text(script_of(chosen, by_engine))
    before = Path("/proc/self/mountinfo").read_text()
    done = subprocess.run(
        ["sh", tmp_path / "script"], capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "TMPDIR": str(tmp_path), **(environment or {})},
    )  # fmt: skip
    assert Path("/proc/self/mountinfo").read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["script"], "it leaves nothing"
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("driver", "check", "said"),
    [
        ("overlay2", "rename/merged-dir", '+A: rename("old", "new") = EXDEV'),
        ("overlay2", "rename/self-hardlink-noop[lower]", "+    1 names: b"),
        ("overlay2", "copyup/chmod-copies-data", "+space taken: 8 MiB"),
        ("overlay2", "mmap/ro-shared-map-sees-write[lower]", "+    3 bytes: old"),
        ("overlay2", "unlink/open-lower-fd-nlink[lower]", "4 bytes, 1 links"),
        ("overlay2", "whiteout/user-mknod-0-0", "+A: mknod("),
        ("containerd:overlayfs", "rename/lower-empty-dir", '+A: rename("old", "new") = EXDEV'),
        ("fuse-overlayfs", "rename/lower-empty-dir", '+A: rename("old", "new") = EXDEV'),
        ("fuse-overlayfs", "open/o-tmpfile[lower]", '+A: open("dir", O_RDWR|O_TMPFILE) = ENOTSUP'),
    ],
)
def test_a_break_is_shown(matrix, tmp_path, driver, check, said):
    """By mounting the layers, without an engine."""
    status, printed = ran(matrix, tmp_path, driver, check)
    assert (status, said in printed) == (1, True), printed


@pytest.mark.parametrize(
    "check", ["rename/self-hardlink-noop[upper]", "open/o-tmpfile[upper]", "open/o-tmpfile[lower]"]
)
def test_where_the_promise_is_kept_nothing_differs(matrix, tmp_path, check):
    """The control: on overlay2 these checks pass."""
    status, printed = ran(matrix, tmp_path, "overlay2", check)
    assert (status, "as a plain directory does" in printed) == (0, True), printed


@pytest.mark.parametrize(
    ("driver", "check", "status", "said"),
    [
        ("overlay2", "rename/merged-dir", 1, '+A: rename("old", "new") = EXDEV'),
        ("overlay", "rename/self-hardlink-noop[lower]", 1, "+    1 names: b"),
        ("vfs", "rename/merged-dir", 0, "vfs answers here as a plain directory does"),
        ("btrfs", "rename/self-hardlink-noop[lower]", 0, "btrfs answers here as a plain directory does"),
    ],
)
def test_an_engine_is_asked(matrix, tmp_path, driver, check, status, said):
    """Through its command, and nothing of the script stays on it."""
    with private_daemon(driver) as engine:
        asking = {"DOCKER_HOST": f"unix://{engine.socket}"}
        ended, printed = ran(matrix, tmp_path, driver, check, by_engine=True, environment=asking)
        assert (ended, said in printed) == (status, True), printed
        assert engine.client.images.list(all=True) == []
        assert engine.client.containers.list(all=True) == []
        assert engine.client.volumes.list() == []


def test_an_engine_with_another_driver_is_not_asked(matrix, tmp_path):
    """The script says what the engine runs, and its status is that of what cannot be tried."""
    with private_daemon("vfs") as engine:
        asking = {"DOCKER_HOST": f"unix://{engine.socket}"}
        ended, printed = ran(matrix, tmp_path, "overlay2", "rename/merged-dir", by_engine=True, environment=asking)
    assert (ended, "docker runs the storage driver vfs, and this is about overlay2" in printed) == (2, True), printed


def test_without_a_bundle_the_check_is_run_for_its_calls(tmp_path):
    """From an empty directory, the command makes a script that shows the break."""
    words = [sys.executable, "-m", "roadworthy.command.cli", "repro", "overlay2/rename/lower-empty-dir"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "script").write_text(done.stdout)
    shown = subprocess.run(["sh", tmp_path / "script"], capture_output=True, text=True, check=False, timeout=120)
    assert (shown.returncode, '+A: rename("old", "new") = EXDEV' in shown.stdout) == (1, True), shown.stderr
