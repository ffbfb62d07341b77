"""Hosts that lack something, are full, or have a daemon already: what the run says, and what it leaves alone."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from roadworthy.deadline import wait_until
from roadworthy.drivers import DRIVERS
from roadworthy.engines.dockerd import Dockerd
from roadworthy.machines.capsule import Capsule
from roadworthy.reports.bundle import read_bundle
from roadworthy.supplies.packages import needs
from roadworthy.upkeep import reaper
from roadworthy.upkeep.ledger import LEDGERS, RUNTIME, Ledger

pytestmark = pytest.mark.real

CHECKS = """
@pytest.mark.parametrize("turn", range(3))
@check("sample/some")
@lower(f=b"data")
def test_some(fs, turn):
    '''It holds.'''
    assert fs.load("f") == b"data"
"""
#: Writes down which directories of the suite others may write.
OPEN = """
import os
from roadworthy.supplies.cache import cache_directory
from roadworthy.upkeep.ledger import RUNTIME, STATE

def pytest_runtest_teardown(item):
    found = [directory for top in (STATE, RUNTIME, cache_directory()) for directory, _, _ in os.walk(top)
             if os.stat(directory).st_mode & 0o022]
    with open("open", "w") as file:
        file.write("\\n".join(found))
"""
ALL = [f"sample/some[{turn}]" for turn in range(3)]


def test_without_dockerd_the_run_is_skipped_with_a_sentence(start, private_mounts):
    """Where dockerd is not installed, every check is skipped with the package to install, and the run is not green."""
    run = start(CHECKS, "-rs", before=private_mounts(f"mount --bind /dev/null {shutil.which('dockerd')}"))
    assert run.end() == 1
    assert run.verdicts() == dict.fromkeys(ALL, "skipped")
    assert set(run.reasons().values()) == {needs("dockerd")}
    assert needs("dockerd") in run.text()
    assert run.left() == []


def test_all_that_is_missing_is_said_at_once(start, private_mounts):
    """Who installs one thing is not told of the next one then."""
    paths = [shutil.which(name) for name in ("dockerd", "runc", "mkfs.ext4")]
    run = start(CHECKS, "-rs", before=private_mounts("\n".join(f"mount --bind /dev/null {path}" for path in paths)))
    assert run.end() == 1
    assert needs("dockerd", "runc", "mkfs.ext4") in run.text()


def test_an_engine_in_the_users_path_is_found(start, private_mounts, tmp_path):
    """It may lie where no distribution has it, as which(1) finds it."""
    theirs = tmp_path / "docker/bin"
    theirs.mkdir(parents=True)
    (theirs / "dockerd").touch()
    system = shutil.which("dockerd")
    script = f"mount --bind {system} {theirs}/dockerd\nmount --bind /dev/null {system}"
    run = start(CHECKS, before=private_mounts(script), environment={"PATH": f"{theirs}:{os.environ['PATH']}"})
    assert run.end() == 0, run.text()
    assert run.verdicts() == dict.fromkeys(ALL, "pass")
    assert run.left() == []


@pytest.mark.skipif(not shutil.which("fio"), reason=needs("fio"))
def test_without_fio_a_benchmark_is_skipped_with_a_sentence(start, private_mounts):
    """Its run is not green, and says what to install."""
    text = """
from roadworthy.measuring.workloads import load

@measured("data/sample", SMOKE, strata=("upper",))
def test_sample(bench, stratum):
    '''Reads.'''
    bench.fio(load("randread-4k"), stratum)
"""
    run = start(text, before=private_mounts(f"mount --bind /dev/null {shutil.which('fio')}"))
    assert run.end() == 1, run.text()
    assert f"not run: 1 benchmark: {needs('fio')}" in run.text()
    assert run.left() == []


def test_F38_without_root_the_run_is_skipped_with_a_sentence(start, without_root):
    """An unprivileged user gets a sentence, a bundle and a page, and no green run."""
    run = start(CHECKS, "-rs", before=without_root)
    assert run.end() == 1, run.text()
    assert "not run: overlay2-ext4-" in run.text()
    assert run.verdicts() == dict.fromkeys(ALL, "skipped")
    assert "run it as root, or with sudo" in run.text()
    assert read_bundle(run.bundle).troubles == ()
    assert (run.bundle / "index.html").stat().st_uid == 65534


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--"], "needs CAP_SYS_ADMIN to mount"),
        (["unshare", "--user", "--map-root-user", "--"], "this is root of a user namespace only"),
    ],
    ids=["no CAP_SYS_ADMIN", "user namespace"],
)
def test_root_that_may_not_mount_is_skipped_with_a_sentence(start, before, said):
    """Root of a container, or of a user namespace, is told what it lacks; that is no error of a lane."""
    run = start(CHECKS, "-rs", before=before)
    assert run.process.wait(60) == 1, run.text()
    assert run.verdicts() == dict.fromkeys(ALL, "skipped")
    assert said in run.text()


@pytest.mark.skipif(not shutil.which("fuse-overlayfs"), reason=needs("fuse-overlayfs"))
def test_without_the_device_of_fuse_the_run_is_skipped_with_a_sentence(start, private_mounts):
    """Where /dev/fuse cannot be used, as in most containers, that is said, and no daemon is started."""
    run = start(CHECKS, "-rs", before=private_mounts("mount --bind /dev/null /dev/fuse"), driver="fuse-overlayfs")
    assert run.end() == 1, run.text()
    assert run.verdicts() == dict.fromkeys(ALL, "skipped")
    assert "needs /dev/fuse, and cannot use it" in run.text()
    assert run.left() == []


def test_what_the_kernel_lacks_is_told_before_root_is_asked_for(start, without_root):
    """A driver without its kernel part is unsupported for an unprivileged user as for root."""
    if Path("/sys/module/dm_mod").is_dir():
        pytest.skip("this kernel has the device mapper")
    run = start(CHECKS, before=without_root, driver="devicemapper")
    assert run.end() == 1, run.text()
    assert all("needs the device mapper" in reason for reason in run.reasons().values())
    assert len(run.reasons()) == len(ALL)


#: /dev with the usual files, and with those that NODES names.
OWN_DEV = """
mkdir -p /tmp/.dev-of-$$ && mount -t tmpfs none /tmp/.dev-of-$$
for node in null zero full random urandom tty fuse kmsg ptmx NODES; do
    if [ -e /dev/$node ]; then touch /tmp/.dev-of-$$/$node; mount --bind /dev/$node /tmp/.dev-of-$$/$node; fi
done
mkdir /tmp/.dev-of-$$/pts /tmp/.dev-of-$$/shm /tmp/.dev-of-$$/mqueue
mount --move /tmp/.dev-of-$$ /dev
rmdir /tmp/.dev-of-$$
"""


def test_F27_without_loop_devices_the_run_is_skipped_with_a_sentence(start, private_mounts):
    """Where no loop device can be had, as in most containers, that is said, and no daemon is started."""
    run = start(CHECKS, "-rs", before=private_mounts(OWN_DEV.replace("NODES", "")))
    assert run.end() == 1, run.text()
    assert run.verdicts() == dict.fromkeys(ALL, "skipped")
    assert "not run: overlay2-ext4-" in run.text()
    assert "needs loop devices, and there is no /dev/loop-control: modprobe loop, or mknod" in run.text()
    assert run.left() == []


def test_F26_where_no_loop_device_is_free_the_run_is_skipped_with_a_sentence(start, private_mounts):
    """Where all devices that a container was given are taken, the run says which one it cannot use and what to do."""
    run = start(CHECKS, "-rs", before=private_mounts(OWN_DEV.replace("NODES", "loop-control")))
    assert run.end() == 1, run.text()
    assert run.verdicts() == dict.fromkeys(ALL, "skipped")
    (said,) = set(run.reasons().values())
    assert "needs a free loop device, and cannot use /dev/loop" in said
    assert "mknod /dev/loop" in said
    assert run.left() == []


def test_F23_a_full_backing_is_an_error_and_no_failure(start):
    """A container that finds its file system full says nothing about the driver; the results lie elsewhere."""
    run = start(
        """
@check("sample/fills")
def test_fills(fs):
    '''It writes more than there is.'''
    file = fs.open("big", os.O_WRONLY | os.O_CREAT)
    fs.fallocate(file, 0, 1 << 30)
""",
        conftest=(
            "import functools\nimport roadworthy.lane.bring_up as lanes\n"
            "lanes.bring_up = functools.partial(lanes.bring_up, size=256 << 20)\n"
        ),
    )
    assert run.end() == 1
    assert run.verdicts() == {"sample/fills": "error"}
    assert "ENOSPC" in run.reasons()["sample/fills"]
    assert read_bundle(run.bundle).troubles == ()
    assert run.left() == []


def test_a_backing_that_is_too_small_for_a_daemon_is_one_error(start):
    """A daemon that does not even start for want of space is one error."""
    run = start(
        CHECKS,
        conftest=(
            "import functools\nimport roadworthy.lane.bring_up as lanes\n"
            "lanes.bring_up = functools.partial(lanes.bring_up, size=1 << 20)\n"
        ),
    )
    assert run.end() == 1
    assert list(run.verdicts().values()) == ["error"]
    assert run.left() == []


def test_F08_an_engine_that_does_not_start_is_one_error_with_its_words(start):
    """A daemon that refuses its options is one error, which quotes the daemon."""
    run = start(CHECKS, "--driver-opt=overlay2.nonsense=1")
    assert run.end() == 1
    assert list(run.verdicts().values()) == ["error"]
    assert "dockerd ended with 1" in run.reasons()[ALL[0]]
    assert "nonsense" in run.reasons()[ALL[0]]
    (lane,) = [record for record in run.records() if record["type"] == "lane"]
    assert lane["state"] == "error"
    assert run.left() == []


def test_F27_a_driver_that_the_kernel_has_not_is_unsupported(start):
    """A driver without its kernel part is unsupported, with what it needs; a run that may have holes is green."""
    if Path("/sys/module/dm_mod").is_dir():
        pytest.skip("this kernel has the device mapper")
    run = start(CHECKS, "--allow-missing", driver="devicemapper")
    assert run.end() == 0
    verdicts = set(run.verdicts().values())
    assert verdicts <= {"unsupported", "skipped"}
    (reason,) = set(run.reasons().values())
    assert reason in ("needs the device mapper: this kernel has no dm_mod", "needs the device mapper: modprobe dm_mod")
    assert verdicts == {"unsupported" if "has no" in reason else "skipped"}
    assert run.left() == []


@pytest.fixture
def foreign_daemon(tmp_path):
    """A daemon that no run of ours has started: with paths of its own, in no ledger that a reaper reads."""
    place = Path(tempfile.mkdtemp(prefix="foreign-"))
    ledger = Ledger(tmp_path / "ledgers")
    capsule = Capsule(ledger, runtime=place)
    engine = None
    try:
        engine = Dockerd(capsule, None, DRIVERS["vfs"], data_root=place / "data")
        yield engine
    finally:
        if engine is not None:
            engine.stop()
        capsule.close()
        ledger.close()
        shutil.rmtree(place)


WRONG = """#!/bin/sh
# Like a daemon that does not find the driver it was told, and takes the next one.
for word; do
    shift
    case $word in overlay2) word=vfs ;; overlay2.*) word=vfs.size=0 ;; esac
    set -- "$@" "$word"
done
exec SYSTEM "$@"
"""


def test_F09_a_daemon_that_runs_another_driver_is_one_error(start, private_host):
    """A daemon that says another driver than it was told is one error, which names both; no check is asked."""
    wrong = private_host.path("/usr/local/sbin/dockerd")
    wrong.write_text(WRONG.replace("SYSTEM", shutil.which("dockerd")))
    wrong.chmod(0o755)
    run = start(CHECKS, host=private_host)
    assert run.end() == 1
    assert run.verdicts() == {ALL[0]: "error"}
    assert "dockerd runs vfs, expected overlay2" in run.reasons()[ALL[0]]
    assert run.left() == []


ANOTHER_IMAGE = """
import io
from docker.models.images import ImageCollection
from roadworthy.trees.layers import File, layer_tar, write_archive

def load(images, archive, load=ImageCollection.load):
    other = io.BytesIO()
    write_archive(other, "roadworthy:lane", [layer_tar({"f": File(content=b"other")})])
    return load(images, other.getvalue())

ImageCollection.load = load
"""


def test_F44_an_image_that_is_not_what_was_loaded_is_one_error(start):
    """A daemon that has other layers under the image's name than were sent to it is one error; no check is asked."""
    run = start(CHECKS, conftest=ANOTHER_IMAGE)
    assert run.end() == 1
    assert run.verdicts() == {ALL[0]: "error"}
    assert "dockerd has loaded layers ['sha256:" in run.reasons()[ALL[0]]
    assert run.left() == []


def test_F63_a_host_without_a_network_has_all_verdicts(start):
    """Nothing is fetched for a lane of the installed engine, and no check needs an interface."""
    run = start(CHECKS, before=["unshare", "--net", "--"])
    assert run.end() == 0, run.text()
    assert run.verdicts() == dict.fromkeys(ALL, "pass")
    assert run.left() == []


@pytest.mark.parametrize("years", [1, -1])
def test_F36_a_jump_of_the_clock_moves_no_deadline(start, years):
    """The clock on the wall may jump by a year between two checks: no call and no answer of the daemon is late."""
    jumps = f"""
import time
real = time.time, time.time_ns

def pytest_runtest_teardown(item):
    time.time = lambda: real[0]() + {years} * 31_557_600
    time.time_ns = lambda: real[1]() + {years} * 31_557_600 * 10**9
"""
    run = start(CHECKS, conftest=jumps)
    assert run.end() == 0, run.text()
    assert run.verdicts() == dict.fromkeys(ALL, "pass")
    assert run.left() == []


def test_F42_F43_a_daemon_of_the_user_is_neither_asked_nor_stopped(start, foreign_daemon):
    """A running daemon keeps its process and its containers, and DOCKER_HOST and proxies of the user play no part."""
    before = foreign_daemon.daemon_pid(), reaper.start_time(foreign_daemon.daemon_pid())
    environment = {
        "DOCKER_HOST": "tcp://192.0.2.1:1", "DOCKER_CONTEXT": "nonsense", "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/nowhere", "http_proxy": "http://192.0.2.1:1", "ALL_PROXY": "http://192.0.2.1:1",
    }  # fmt: skip
    run = start(CHECKS, environment=environment)
    assert run.end() == 0, run.text()
    assert run.verdicts() == dict.fromkeys(ALL, "pass")
    assert run.left() == []
    assert foreign_daemon.client.ping()
    assert (foreign_daemon.daemon_pid(), reaper.start_time(before[0])) == before
    assert foreign_daemon.client.images.list() == []


def test_F64_a_stubborn_user_environment_has_no_effect(start, tmp_path):
    """A strange umask, locale, time zone and a missing HOME change nothing."""
    before = ["sh", "-c", 'umask 0777; unset HOME; exec "$@"', "sh"]
    environment = {"LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu", "TMPDIR": "/nowhere", "PYTHONUTF8": "0"}
    run = start(CHECKS, before=before, environment=environment)
    assert run.end() == 0, run.text()
    assert run.verdicts() == dict.fromkeys(ALL, "pass")
    assert run.left() == []


def test_F64_nobody_else_may_write_what_a_run_makes(start, private_host, tmp_path):
    """With the widest umask, the directories of the suite are their owner's, also one that was open before."""
    (tmp_path / "state/runs").mkdir()
    (tmp_path / "state/runs").chmod(0o777)
    subprocess.run([*private_host.entered(tmp_path), "rm", "-rf", str(RUNTIME)], timeout=20, check=True)
    run = start(
        CHECKS, before=["sh", "-c", 'umask 0; exec "$@"', "sh"], conftest=OPEN, host=private_host,
        environment={"XDG_CACHE_HOME": str(tmp_path / "cache")},
    )  # fmt: skip
    assert run.end() == 0, run.text()
    assert (tmp_path / "open").read_text() == ""
    assert (tmp_path / "cache/roadworthy").is_dir()


def test_a_refused_bundle_keeps_nothing(start, tmp_path):
    """A run with --keep that does not begin leaves no ledger that only an explicit reap would remove."""
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/bundle.jsonl").touch()
    before = set(LEDGERS.glob("*.jsonl"))
    run = start(CHECKS, "--keep")
    assert run.process.wait(60) == 4, run.text()
    pids = [json.loads(path.read_text().partition("\n")[0])["pid"] for path in {*LEDGERS.glob("*.jsonl")} - before]
    assert run.process.pid not in pids


def test_a_kept_run_works_on_and_goes_when_asked(start, tmp_path):
    """With --keep the daemon answers on the printed socket after the run, and an explicit reap removes it all.

    The line with the socket is printed with -q, too.
    """
    run = start(CHECKS, "--keep", "-q")
    assert run.end() == 0, run.text()
    (line,) = [line for line in run.text().splitlines() if "kept: docker --host" in line]
    command = line.partition("kept: ")[2].partition(";")[0].split()
    try:
        assert command[:2] == ["docker", "--host"]
        said = subprocess.run([*command, "--no-trunc"], capture_output=True, text=True, timeout=30, check=True).stdout
        assert "roadworthy:lane" in said
        assert not [done for done in reaper.reap() if done.run == run.run]
        assert subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    finally:
        # Moved to a place of its own, so that no other kept run is reaped with it.
        own = tmp_path / "ledgers"
        own.mkdir()
        shutil.move(LEDGERS / f"{run.run}.jsonl", own)
        (done,) = reaper.reap(kept=True, ledgers=own)
    assert done.left == ()
    wait_until(lambda: run.left() == [], 20, "the kept daemon to go")
