"""A fleet of three nodes on local transports: this host, one behind a wrapper, and one in namespaces of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from roadworthy.programs import tied
from roadworthy.reports.bundle import read_bundle
from roadworthy.upkeep.reaper import reap

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
#: A stand-in for ssh(1), for execnet's transport of that name: it drops the options and the host, and runs the command.
SSH = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
shift
exec sh -c "$*"
"""


class Machine:
    """A stand-in for a host that can be lost: a process namespace with mounts of its own."""

    def __init__(self):
        words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", "echo up; exec sleep 900"]
        self._process = subprocess.Popen(tied(words), stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "up\n"
        (self.init,) = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        # What a lost host leaves behind is on its own disk.
        self.disk = tempfile.TemporaryDirectory(prefix="roadworthy-lost-")

    @property
    def wrapper(self):
        return f"nsenter --target {self.init} --pid --mount env TMPDIR={self.disk.name}"

    def lose(self):
        """End it as a power failure does."""
        os.kill(int(self.init), signal.SIGKILL)
        self._process.wait(20)

    def close(self):
        if self._process.poll() is None:
            self.lose()
        self._process.stdout.close()
        self.disk.cleanup()


@pytest.fixture
def machine():
    made = Machine()
    yield made
    made.close()
    for _ in reap():  # as the next run on that host would
        continue


@pytest.fixture
def fleet(tmp_path, machine):
    """Starts a run over the three nodes with these words; its process, and its bundle's directory."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ssh").write_text(SSH)
    (tmp_path / "bin/ssh").chmod(0o755)
    nodes = {"here": "local = true", "far": 'ssh = "root@far"', "lone": f'wrapper = "{machine.wrapper}"'}
    python = f'python = "{sys.executable}"'
    rows = [f'[[node]]\nname = "{name}"\n{way}\n{python}\n' for name, way in nodes.items()]
    (tmp_path / "fleet.toml").write_text("\n".join(rows))
    started = []

    def start(*words):
        environment = os.environ | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
        command = [sys.executable, "-m", "pytest", "--inventory=fleet.toml", f"--bundle={tmp_path}/bundle", *words]
        output = (tmp_path / "output").open("w+")
        process = subprocess.Popen(
            tied([*command, "-p", "no:cacheprovider"]), cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
            stdout=output, stderr=output,
        )  # fmt: skip
        started.append((process, output))
        return process

    yield start
    for process, output in started:
        if process.poll() is None:
            process.kill()
            process.wait(20)
        output.close()


CHECKS = ["--pyargs", "roadworthy.conformance.posix.test_rename", "roadworthy.conformance.posix.test_identity"]


def test_three_nodes_make_one_bundle(fleet, tmp_path):
    """Each lane ran once, on some node; the plan is whole, and no node keeps anything."""
    run = fleet(*CHECKS, "--driver=overlay2,vfs,native", "-m", "not slow", "--junitxml=junit.xml")
    assert run.wait(400) == 0, (tmp_path / "output").read_text()
    found = read_bundle(tmp_path / "bundle")
    assert found.troubles == ()
    assert [lane.driver for lane in found.plan.lanes] == ["overlay2", "vfs", "native"]
    assert sorted(record.lane.partition("-")[0] for record in found.lanes) == ["native", "overlay2", "vfs"]
    assert {record.facts["node"] for record in found.lanes} <= {"here", "far", "lone"}
    assert len({record.facts["node"] for record in found.lanes}) > 1
    assert sorted((one.lane, one.check) for one in found.results) == sorted(found.plan.cells)
    assert "commit" in found.plan.suite
    assert sorted(path.name for path in (tmp_path / "bundle").iterdir()) == ["bundle.jsonl", "index.html"]
    assert not list(tmp_path.glob("roadworthy-node-*"))
    assert (tmp_path / "junit.xml").read_text().count("<testcase ") == len(found.results)


def results_of(bundle, worker):
    path = bundle / "workers" / worker / "bundle.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n") and '"type":"result"' in line]


def until_told(run, bundle, number):
    """Wait until the node that can be lost has told this many results."""
    said = bundle.with_name("output")
    end = time.monotonic() + 300
    while len(results_of(bundle, "lone-1")) < number:
        assert run.poll() is None, said.read_text()
        assert time.monotonic() < end, said.read_text()
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(0.05)


def test_a_node_that_is_lost_costs_the_check_that_it_ran(fleet, machine, tmp_path):
    """Its other results are kept, what is left of its lane runs elsewhere, and nothing is missing.

    There are more lanes than nodes, so that each node gets one, whichever is ready first.
    """
    run = fleet(*CHECKS, "--driver=overlay2,vfs", "--backing=ext4,xfs,tmpfs", "-m", "not slow")
    until_told(run, tmp_path / "bundle", 5)
    machine.lose()
    assert run.wait(400) == 1, (tmp_path / "output").read_text()
    said = (tmp_path / "output").read_text()
    assert "node lone is lost" in said
    found = read_bundle(tmp_path / "bundle")
    assert found.troubles == (), "every cell has reported"
    wrong = [one for one in found.results if one.verdict not in ("pass", "known", "unsupported")]
    (lost,) = wrong
    assert (lost.verdict, lost.reason) == ("error", "its worker on node lone was lost while it ran")
    assert sorted((one.lane, one.check) for one in found.results) == sorted(found.plan.cells)
    (last,) = [record for record in found.lanes if record.lane == lost.lane]
    assert last.facts["node"] in ("here", "far")


def test_a_lane_that_only_the_lost_node_could_run_is_missing(fleet, machine, tmp_path):
    """The run says so and fails; what the node has told is kept."""
    (tmp_path / "fleet.toml").write_text(
        f'[[node]]\nname = "lone"\nwrapper = "{machine.wrapper}"\npython = "{sys.executable}"\n'
    )
    run = fleet(*CHECKS, "--driver=vfs", "-m", "not slow")
    until_told(run, tmp_path / "bundle", 3)
    machine.lose()
    assert run.wait(200) == 1, (tmp_path / "output").read_text()
    assert "no node is left that can run it, so that its results are missing" in (tmp_path / "output").read_text()
    found = read_bundle(tmp_path / "bundle")
    assert any("no node was left for vfs-" in trouble for trouble in found.troubles)
    assert 3 <= len(found.results) < len(found.plan.cells)
    (lane,) = found.lanes
    assert (lane.state, lane.reason) == ("error", "its node was lost, and no other can run it")
