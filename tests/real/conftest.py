"""Real runs of the suite, as processes of their own, and what is left of them on this host."""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from private_host import PrivateHost

from roadworthy.deadline import wait_until
from roadworthy.programs import ENVIRONMENT, tied
from roadworthy.supplies.cache import cache_directory
from roadworthy.supplies.packages import needs
from roadworthy.upkeep.ledger import LEDGERS, RUNTIME, STATE
from roadworthy.upkeep.ledger import read as read_ledger
from roadworthy.upkeep.reaper import cgroup_mounts, start_time

ROOT = Path(__file__).parents[2]


def pytest_runtest_setup(item):
    if os.geteuid() != 0:
        pytest.skip("needs root to mount and to start a daemon: run it as root, or with sudo")
    for program in ("dockerd", "runc", "mkfs.ext4"):
        if not shutil.which(program, path=ENVIRONMENT["PATH"]):
            pytest.skip(needs(program))


class Run:
    """One run of pytest with the plugin, as a child of this process."""

    def __init__(self, directory, command, environment, host=None):
        """With `host`, a view of this host, the run is in it."""
        self.state = host.path(STATE) if host else STATE
        self.runtime = host.path(RUNTIME) if host else RUNTIME
        self.ledgers = self.state / LEDGERS.relative_to(STATE)
        self.bundle = directory / "bundle"
        self.output = directory / "output"
        self.run = ""
        self.capsules = []
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    @property
    def own(self):
        """The run's directory of what is on the disk."""
        return self.state / "runs" / (self.run or "-")

    def text(self):
        return self.output.read_text(errors="replace")

    def records(self):
        """The bundle's whole lines so far."""
        path = self.bundle / "bundle.jsonl"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def results(self):
        return [record for record in self.records() if record["type"] == "result"]

    def verdicts(self):
        return {result["check"]: result["verdict"] for result in self.results()}

    def reasons(self):
        return {result["check"]: result["reason"] for result in self.results()}

    def ledger(self):
        """What the run has in its ledger so far; remembered, because a reaper may take it."""
        for path in [self.ledgers / f"{self.run}.jsonl"] if self.run else sorted(self.ledgers.glob("*.jsonl")):
            try:
                first = path.read_text().partition("\n")[0]
                found = read_ledger(path).items
            except FileNotFoundError:
                continue
            if first and json.loads(first)["pid"] == self.process.pid:
                self.run = path.stem
                self.capsules = [item.identity for item in found if item.kind == "capsule"]
                return found
        return ()

    def log(self):
        """What the run's first daemon has logged so far."""
        path = self.runtime / self.run / "1/log"
        return path.read_text(errors="replace") if self.run and path.exists() else ""

    def until(self, moment, seconds=60):
        """Watch the run until `moment()`; it must come before the run ends."""
        end = time.monotonic() + seconds
        ended = os.pidfd_open(self.process.pid)
        try:
            while not moment():
                assert time.monotonic() < end, f"the moment did not come:\n{self.text()}"
                # Looks often, and wakes when the run ends.
                assert not select.select([ended], [], [], 0.001)[0] or moment(), f"the run ended first:\n{self.text()}"
        finally:
            os.close(ended)

    def end(self, seconds=90):
        """Wait for the end; the exit status."""
        self.until_known()
        return self.process.wait(seconds)

    def until_known(self):
        """Learn the run's id, or that it ends without a ledger."""
        wait_until(lambda: bool(self.ledger()) or self.process.poll() is not None, 60, "the run's ledger")

    def left(self):
        """What is still on this host of this run, by identity: nothing of other runs is looked at."""
        if not self.run:
            return []
        ours = (self.ledgers / f"{self.run}.jsonl", self.state / "runs" / self.run, self.runtime / self.run)
        found = [str(path) for path in ours]
        found += [str(mount / f"roadworthy-{self.run}") for mount in cgroup_mounts()]
        return [path for path in found if os.path.exists(path)] + self.alive()

    def alive(self):
        """What of this run holds kernel objects: processes, mounts, loop devices."""
        found = [f"mount {line}" for line in Path("/proc/self/mountinfo").read_text().splitlines() if self.run in line]
        for block in Path("/sys/block").glob("loop*"):
            try:
                if self.run in (block / "loop/backing_file").read_text():
                    found.append(f"loop device {block.name}")
            except OSError:
                continue
        for process in Path("/proc").glob("[0-9]*"):
            try:
                of_run = self.run in (process / "cmdline").read_text() or self.run in (process / "cgroup").read_text()
            except OSError:
                continue
            if of_run:
                found.append(f"process {process.name}")
        return found + [f"capsule {one['pid']}" for one in self.capsules if start_time(one["pid"]) == one["started"]]


@pytest.fixture
def start(tmp_path):
    """Start a run on one test file; a run that is still there at the end of the test is killed."""
    runs = []

    def start(
        text, *options, conftest="", before=(), driver="overlay2", environment=None, host=None, directory=tmp_path
    ):  # fmt: skip
        (directory / "test_sample.py").write_text(f"import os\nimport pytest\nfrom roadworthy import *\n{text}")
        (directory / "conftest.py").write_text(conftest)
        (directory / "pytest.ini").write_text("[pytest]\n")
        command = [
            # A shell's background jobs ignore some signals, and so would all below them.
            "env", *(f"--default-signal={name}" for name in ("INT", "QUIT", "HUP")),
            *(host.entered(directory) if host else ()), *before,
            sys.executable, "-B", "-m", "pytest", f"--driver={driver}", f"--bundle={directory / 'bundle'}",
            "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *options,
        ]  # fmt: skip
        runs.append(Run(directory, tied(command), {**os.environ, **(environment or {})}, host))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait(10)


@pytest.fixture
def private_host(tmp_path):
    """A view of this host in which every file that is made or removed can be seen.

    What the suite keeps in its state directory lies in `state` of the test's own.
    """
    (tmp_path / "state").mkdir()
    shared = {STATE: tmp_path / "state", tmp_path: tmp_path, ROOT: ROOT}
    if cache_directory().is_dir():
        shared[cache_directory()] = cache_directory()
    host = PrivateHost(tmp_path / "layers", shared)
    yield host
    host.close()


@pytest.fixture
def without_root(tmp_path):
    """Words before a command that make it an unprivileged user's, who may write in the test's directory."""
    for place in (tmp_path, *tmp_path.parents[:2]):
        place.chmod(0o755)
    tmp_path.chmod(0o777)
    # The interpreter may lie in a home that others cannot enter, so the right to search directories stays.
    search = [f"--{kind}=-all,+dac_read_search" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *search, "--"]


def in_private_mounts(script, *words):
    """Words before a command that run it in mounts of its own, after a shell script has changed them."""
    return ["unshare", "--mount", "--propagation=private", "--", "sh", "-ec", f'{script}\nexec "$@"', "sh", *words]


@pytest.fixture
def private_mounts():
    """Run a command in a mount namespace that a shell script has prepared."""
    return in_private_mounts
