"""The controller's side of a mutant run: it makes daemons faulty, counts the changes, and knows when it is void."""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import roadworthy.mutants.lies  # noqa: F401 - registers the lies
from roadworthy.deadline import wait_until
from roadworthy.declaring.places import CHECKS, VOLUME
from roadworthy.lane.stand import Stand
from roadworthy.machines.capsule import Capsule
from roadworthy.machines.place import Place
from roadworthy.machines.write_log import Entry
from roadworthy.mutants import PACKAGES
from roadworthy.mutants.catalogue import Mutant, UnknownMutant, find, register_added
from roadworthy.mutants.disks import DISKS
from roadworthy.mutants.lie import LIES, LyingEngine
from roadworthy.mutants.sabotage import SABOTEURS
from roadworthy.mutants.supervisor import dismiss
from roadworthy.programs import ENVIRONMENT
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.upkeep.reaper import start_time

RUNTIME = Path(__file__).with_name("runtime.py")


@dataclass(frozen=True)
class Armed:
    """A capsule whose daemon uses our runtime. Process ids are reused; `started` distinguishes it from a later one."""

    capsule: Capsule
    started: int | None

    @property
    def stands(self) -> bool:
        """Whether the capsule still exists."""
        return self.started is not None and start_time(self.capsule.pid) == self.started

    def hits(self) -> Counter[str]:
        """How often its supervisor has changed something, by the name of the check's directory."""
        path = self.capsule.runtime / "hits"
        lines = path.read_text(errors="surrogateescape").splitlines() if path.exists() else []
        return Counter(check_of(line.split("\t")[0]) for line in lines)


@dataclass(frozen=True)
class Supervisor:
    """A started supervisor, the capsule that it dies with, and the daemon's runtime directory that it writes to."""

    process: subprocess.Popen[bytes]
    armed: Armed
    runtime: Path

    @property
    def died(self) -> bool:
        """Whether it ended before its capsule did."""
        return self.process.poll() is not None and self.armed.stands


class MutantRun:
    """The faults of a pytest run (see roadworthy/lane/faults.py): one mutant or, in a series, one after another.

    Supervisors, sockets and files live in the daemons' runtime directories.
    """

    any = True

    def __init__(self, name: str) -> None:
        """Raises UnknownMutant."""
        self.mutant: Mutant = find(name)
        #: The directory of the check that is running.
        self.checking = ""
        #: Whether a lane is up: a lie about the daemon itself begins when the lane has been confirmed.
        self.standing = False
        self._supervisors: list[Supervisor] = []
        self._armed: list[Armed] = []
        self._trouble = ""
        self._counted: Counter[str] = Counter()

    def become(self, name: str) -> None:
        """Become another mutant. The containers of the previous one have to be removed before."""
        self.mutant = find(name)
        self.standing = False
        self._trouble = ""
        self._counted.clear()
        for supervisor in self._supervisors:
            if supervisor.process.poll() is None:
                with contextlib.suppress(ConnectionError, FileNotFoundError):  # it is ending with its capsule
                    dismiss(str(supervisor.runtime / "n"))
                wait_until(lambda ended=supervisor: ended.process.poll() is not None, 20, "a supervisor to end")  # type: ignore[misc]
        self._supervisors.clear()
        self._armed = [armed for armed in self._armed if armed.stands]
        for armed in self._armed:
            self._equip(armed)

    @property
    def trees(self) -> bool:
        return self.mutant.compared

    def arm(self, place: Place) -> list[str]:
        """Start a supervisor for a daemon that is about to start, and return further arguments of the daemon.

        The runtime is the daemon's default one, so that containers which a check makes are faulty as well.
        """
        if not isinstance(place, Capsule):
            raise Unsupported("mutants run on this host's kernel only")
        # A daemon that goes on after a power cut has the directory of a place that has ended.
        for ended in [one for one in self._armed if one.capsule.runtime == place.runtime]:
            self._counted.update(ended.hits())
            self._armed.remove(ended)
        armed = Armed(place, start_time(place.pid))
        self._armed.append(armed)
        wrapper = place.runtime / "mutant"
        # The package's directory or its file may not be executable, so a copy lies with the daemon.
        wrapper.write_bytes(RUNTIME.read_bytes())
        wrapper.chmod(0o700)
        self._equip(armed)
        return ["--add-runtime", f"mutant={wrapper}", "--default-runtime", "mutant"]

    def _equip(self, armed: Armed) -> None:
        """Set the runtime of a capsule's daemon to this mutant."""
        runtime = armed.capsule.runtime
        runc = shutil.which("runc", path=ENVIRONMENT["PATH"])
        if platform.machine() != "x86_64" or runc is None:
            raise Precondition("a mutant run needs a 64-bit x86 machine and runc")
        listener, hits = runtime / "n", runtime / "hits"
        listener.unlink(missing_ok=True)
        hits.unlink(missing_ok=True)
        settings = {"runc": runc, "calls": self.mutant.calls, "listener": str(listener), "mutant": self.mutant.name}
        if self.lie is not None:
            settings |= self.lie.runtime
        (runtime / "mutant.json").write_text(json.dumps(settings))
        if self.mutant.calls:
            log = runtime / "supervisor.log"
            words = ["env", f"PYTHONPATH={PACKAGES}", sys.executable, "-P", "-B", "-m", "roadworthy.mutants.supervisor"]
            started = armed.capsule.start([*words, str(listener), str(hits), self.mutant.name], log)
            self._supervisors.append(Supervisor(started, armed, runtime))
            wait_until(lambda: listener.exists() or started.poll() is not None, 20, "the mutant's supervisor to listen")
            if started.poll() is not None:
                raise RuntimeError(f"the mutant's supervisor did not start: {last_line(log)}")

    def interposer(self) -> LyingEngine:
        """The proxy between a daemon that is about to start and its client."""
        return LyingEngine(self)

    def sabotage(self, stand: Stand) -> None:
        """Edit the image's layers, after it was loaded and before a container uses it."""
        self.standing = True
        if self.mutant.kind == "saboteur":
            self._counted.update(SABOTEURS[self.mutant.name](stand))

    def begin(self, slug: str) -> None:
        """Note that the check whose directory is `slug` begins."""
        self.checking = slug

    def count(self) -> None:
        """Count a change for the check that is running."""
        self._counted[self.checking] += 1

    def hits(self) -> Counter[str]:
        """How often something was changed, by the name of the check's directory."""
        found = Counter(self._counted)
        for armed in self._armed:
            found.update(armed.hits())
        return found

    def told(self, entries: Sequence[Entry], begin: int) -> Sequence[Entry]:
        """What a faulty disk makes of its log; a disk of any other mutant is sound."""
        if self.mutant.kind != "disk":
            return entries
        found = DISKS[self.mutant.name](entries, begin)
        self._counted[self.checking] += sum(told != kept for told, kept in zip(entries, found, strict=True))
        return found

    def trouble(self) -> str:
        """Why verdicts of this run cannot be trusted from now on, or an empty string.

        Calls of a container without its supervisor fail with ENOSYS, and libraries then try older calls, so that its
        programs continue.
        """
        for supervisor in self._supervisors:
            if not self._trouble and supervisor.died:
                said = last_line(supervisor.runtime / "supervisor.log")
                self._trouble = f"the supervisor of mutant {self.mutant.name} died: {said}"
        return self._trouble

    def conclusion(self) -> str:
        """Why the whole run is an error, or an empty string: the mutant was never reached, or its supervisor died."""
        trouble = self.trouble()
        if trouble:
            return trouble
        reachable = self.mutant.calls or self.mutant.kind != "identity"
        if reachable and not self.hits():
            return f"mutant {self.mutant.name}: not reached: no check exercised the fault"
        return ""

    def header(self) -> list[str]:
        return [f"  MUTANT {self.mutant.name}: {self.mutant.fault}"]

    def summary(self, reporter: Any) -> None:
        """Write after the results that they are about a faulty driver."""
        void = self.conclusion()
        what = {"saboteur": "edited {} files", "engine": "changed {} answers", "disk": "changed {} writes"}.get(
            self.mutant.kind, "changed {} calls"
        )  # fmt: skip
        said = f"MUTANT RUN: {self.mutant.name} ({self.mutant.fault}), {what.format(self.hits().total())}"
        reporter.write_line(said, yellow=True, bold=True)
        if void:
            reporter.write_line(f"ERROR: {void}", red=True, bold=True)

    def facts(self) -> dict[str, Any]:
        """Facts about the mutant, for the bundle."""
        hits = self.hits()
        said = {
            "name": self.mutant.name,
            "fault": self.mutant.fault,
            "families": list(self.mutant.families),
            "hits": hits.total(),
            "hits by check": dict(sorted(hits.items())),
            "trouble": self.conclusion(),
        }
        return {"mutant": said}

    @property
    def lie(self) -> Any:
        """The lie of a mutant of kind `engine`, or None."""
        return LIES.get(self.mutant.name) if self.mutant.kind == "engine" else None


def mutant_run(name: str) -> MutantRun:
    """The faults that `--mutant=NAME` names. Raises UsageError for an unknown name."""
    try:
        register_added()
        return MutantRun(name)
    except UnknownMutant as reason:
        raise pytest.UsageError(f"roadworthy: --mutant: {reason}") from None


def check_of(directory: str) -> str:
    """The name of the check's directory that a process worked in, in the image or on the volume."""
    return directory.removeprefix(VOLUME).removeprefix(f"/{CHECKS}/").split("/")[0]


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"
