"""The twin: a fake of a container on overlay2, without an engine and without root, to test the suite's own checks.

    python -m roadworthy.mutants --twin

A pytest plugin that puts the real agent into a chroot of a user namespace, on kernel overlayfs over a tmpfs, and the
real faults into its system calls. Its results are about the checks, never about a driver: checks that look from outside
of a container, or that need an engine, other users or device nodes, cannot run here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pickle
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.exchange import AgentFault, CallHung, Exchange
from roadworthy.calls.process import Process
from roadworthy.calls.toolbox import Toolbox, toolbox
from roadworthy.deadline import wait_until
from roadworthy.declaring.checks import Declared
from roadworthy.declaring.features import COPY_UP, LAYERS, WHITEOUTS
from roadworthy.drivers.overlay2 import Overlay2
from roadworthy.lane.image import sorted_trees
from roadworthy.lane.lanes import Lane
from roadworthy.lane.stand import Stand
from roadworthy.machines.host import Host
from roadworthy.mutants import PACKAGES
from roadworthy.mutants.catalogue import Mutant, find
from roadworthy.mutants.run import MutantRun, check_of, last_line
from roadworthy.programs import ENVIRONMENT, tied
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.run.session import SESSION, Session
from roadworthy.verdict.deviations import Facts, parameters
from roadworthy.versions import version

NO_ENGINE = "the twin has no engine"


class Fake(Overlay2):
    """A fake of overlay2: overlayfs over a tmpfs in a user namespace, without an engine."""

    name = "twin"
    features = LAYERS | WHITEOUTS | COPY_UP


class SocketPipe:
    """An exchange's pipe over a connection to the agent."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.settimeout(30)

    def fileno(self) -> int:
        return self._connection.fileno()

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def receive(self) -> bytes:
        return self._connection.recv(1 << 16)

    def complaints(self) -> str:
        return ""

    def close(self) -> None:
        self._connection.close()


class FakeContainer:
    """An agent in the twin's chroot."""

    def __init__(self, stand: TwinStand) -> None:
        self._stand = stand
        self._exchange: Exchange | None = None

    def process(self, directory: str, evidence: Evidence, name: str = "A") -> Process:
        """Start a process in the chroot, with the working directory `directory`."""
        if self._exchange is None:
            talk = Exchange(pipe=None)  # type: ignore[arg-type]
            talk.pipe = SocketPipe(self._stand.asked({"agent": self._stand.toolbox.agent()}))
            self._exchange = talk
        return Process(self._exchange, directory, evidence, name)

    def remove(self) -> None:
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None


class TwinStand(Stand):
    """What the fixtures need of a lane, as far as the twin has it."""

    renewable = False

    def __init__(self, lane: Lane, checks: Sequence[Declared], stack: contextlib.ExitStack, mutant: Mutant | None):
        self.lane, self.keep, self.lost, self.seconds, self.round = lane, False, None, {}, 1
        self._host, self._tools = Host(), toolbox()
        self._shared: dict[frozenset[str], FakeContainer] = {}
        made = tempfile.TemporaryDirectory(prefix="roadworthy-twin-")
        self.directory = Path(stack.enter_context(made))
        (self.directory / "toolbox").symlink_to(self._tools.directory)
        words = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._log = self.directory / "log"
        # The modules of this process, even if only a variable names its virtual environment.
        modules = os.pathsep.join([str(PACKAGES), *filter(None, sys.path)])
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                tied([*words, "--", sys.executable, "-P", "-B", "-m", "roadworthy.mutants.twin_init",
                      str(self.directory)]),
                stdin=subprocess.PIPE, stdout=log, stderr=log, env={**ENVIRONMENT, "PYTHONPATH": modules},
                start_new_session=True,
            )  # fmt: skip
        stack.callback(self._end)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin:
            pickle.dump(sorted_trees(checks, native=False), self._process.stdin)
        wait_until(lambda: self._standing or self._process.poll() is not None, 30, "the twin to stand")
        if not self._standing:
            raise Precondition(f"the twin needs user namespaces and overlayfs in them: {last_line(self._log)}")
        self._lacking = set(json.loads((self.directory / "lacking").read_text()))
        self.renew(mutant)

    @property
    def _standing(self) -> bool:
        return (self.directory / "door").exists()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait(20)

    def asked(self, what: dict[str, Any]) -> socket.socket:
        """Send a request to the twin, and return the connection. Raises AgentFault with what went wrong."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(30)
        connection.connect(str(self.directory / "door"))
        connection.sendall(json.dumps(what).encode() + b"\n")
        said = b""
        while not said.endswith(b"\n") and (piece := connection.recv(1)):
            said += piece
        if said != b"ok\n":
            connection.close()
            raise AgentFault(f"the twin: {said.decode(errors='replace').strip() or last_line(self._log)}")
        return connection

    def renew(self, mutant: Mutant | None) -> None:
        """Start again with an empty upper layer, as another mutant."""
        self.remove_containers()
        self.asked({"renew": mutant.name if mutant else "", "calls": mutant.calls if mutant else ()}).close()

    # --- what fixtures ask

    def container(self, capabilities: frozenset[str] = frozenset()) -> Any:
        return self._shared.setdefault(capabilities, FakeContainer(self))

    def replace_container(self, capabilities: frozenset[str]) -> None:
        if gone := self._shared.pop(capabilities, None):
            gone.remove()

    def remove_containers(self) -> None:
        for capabilities in list(self._shared):
            self.replace_container(capabilities)

    @property
    def machine(self) -> Host:
        return self._host

    @property
    def toolbox(self) -> Toolbox:
        return self._tools

    @property
    def reference(self) -> None:
        """None, because trees of a fake are not compared."""

    def compare_trees(self, compared: bool = True) -> None:
        """Do nothing."""

    def watched(self, restarts: bool = False) -> None:
        """Nothing: the twin has no engine."""

    def recovered(
        self, broken: BaseException | None, capabilities: frozenset[str], trouble: str = ""
    ) -> BaseException | None:
        if isinstance(broken, AgentFault | CallHung):
            self.replace_container(capabilities)
        return broken

    def refuse_holes(self, check: Declared) -> None:
        if check.slug in self._lacking:
            raise Unsupported("the twin cannot make the check's tree: other owners, devices or attributes of root's")

    def containers(self, check: Declared, evidence: Evidence) -> Any:
        raise Unsupported(NO_ENGINE)

    def storage(self, check: Declared) -> Any:
        raise Unsupported("the twin cannot be seen from outside its container")

    @property
    def engine(self) -> Any:
        raise Unsupported(NO_ENGINE)

    @property
    def native(self) -> bool:
        return False

    @property
    def features(self) -> Any:
        return Fake.features

    def deviation_facts(self, provenance: str) -> Facts:
        """The facts of overlay2, because the twin runs on the kernel's overlayfs, too."""
        return Facts(
            driver="overlay2", built_on="overlayfs", backing="tmpfs", engine="twin", engine_version=version("0"),
            kernel_version=version(self.machine.upstream), provenance=provenance,
            parameters=parameters(self.machine.module_parameters("overlay")),
        )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        return {
            "engine": {"version": "none", "api": "none"}, "driver": {"name": "twin", "status": {}},
            "kernel": self.machine.facts(), "fake": (__doc__ or "").partition("\n")[0],
        }  # fmt: skip


class TwinRun(MutantRun):
    """The mutant of a run on the twin."""

    stand: TwinStand | None = None

    def become(self, name: str) -> None:
        self.mutant = find(name)
        if self.stand is not None:
            self.stand.renew(self.mutant)

    def hits(self) -> Counter[str]:
        path = self.stand.directory / "hits" if self.stand is not None else None
        lines = path.read_text(errors="surrogateescape").splitlines() if path and path.exists() else []
        return Counter(check_of(line.split("\t")[0]) for line in lines)

    def trouble(self) -> str:
        log = self.stand.directory / "supervisor.log" if self.stand is not None else None
        said = last_line(log) if log is not None and log.exists() and log.stat().st_size else ""
        return f"the supervisor of mutant {self.mutant.name} died: {said}" if said else ""

    def sabotage(self, stand: Stand) -> None:
        """Do nothing, because `become` has started again."""


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    run = config.stash[SESSION]
    run.lanes = [dataclasses.replace(lane, driver=Fake()) for lane in run.lanes]
    if name := config.getoption("mutant"):
        run.faults = TwinRun(name)


@pytest.hookimpl(tryfirst=True)
def pytest_roadworthy_lane_up(run: Session, lane: Lane, held: contextlib.ExitStack) -> TwinStand:
    """Bring up a twin instead of the lane."""
    faults = run.faults if isinstance(run.faults, TwinRun) else None
    stand = TwinStand(lane, run.checks(lane), held, faults.mutant if faults else None)
    if faults is not None:
        faults.stand = stand
    return stand
