"""A capsule inside a guest: the place of one daemon there. Several daemons of one lane share the guest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from roadworthy.calls.exchange import AgentFault, CallHung
from roadworthy.calls.toolbox import Toolbox
from roadworthy.deadline import wait_until
from roadworthy.guests.guest import Guest, GuestProgram
from roadworthy.guests.path import GuestPath
from roadworthy.machines.place import PlacePath

#: Where the toolbox's disk is mounted in a guest.
TOOLBOX = "/opt/toolbox"


class GuestCapsule:
    """Process and mount namespaces in a guest. Its disks are some of the guest's fresh ones, taken until `close`."""

    def __init__(self, guest: Guest, number: int) -> None:
        self.runtime = Path(f"/run/roadworthy/{number}")
        self.scale = guest.scale
        self._guest = guest
        self._disks: list[str] = []
        self._afterwards: list[Sequence[str]] = []
        guest.path(self.runtime).mkdir(parents=True)
        mark = self.runtime / "first"
        # Its first process waits, and reaps nothing: what its children leave is gone with it.
        words = ["unshare", "--pid", "--mount", "--fork", "--kill-child=KILL", "--mount-proc", "--propagation",
                 "private", "sh", "-c", ': >"$1"; while :; do sleep 3600 & wait $!; done', "sh",
                 str(mark)]  # fmt: skip
        self._outer: GuestProgram = guest.start(words, guest.path(self.runtime / "capsule.log"))
        wait_until(guest.path(mark).exists, 20 * guest.scale, "a capsule in the guest to begin")
        children = guest.path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()
        self.pid = int(children[0])

    def enter(self, argv: Sequence[str]) -> list[str]:
        """The argument list that runs `argv` inside."""
        return ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--root", "--wd=/", "--", *map(str, argv)]

    def run(self, argv: Sequence[str], seconds: float = 60) -> str:
        """Run a program inside to its end; its standard output. Raises ProgramFailed."""
        return self._guest.run(self.enter(argv), seconds)

    def start(self, argv: Sequence[str], log: str | Path) -> GuestProgram:
        """Start a program inside and leave it running, its output appended to `log`, a path of the place's."""
        return self._guest.start(self.enter(argv), self.path(log))

    def path(self, inside: str | Path) -> GuestPath:
        """An absolute path inside, as the controller reaches it."""
        return self._guest.path(f"/proc/{self.pid}/root{inside}")

    def inside(self, path: PlacePath) -> str:
        """What `path` answered, as the place sees it again."""
        return str(path).removeprefix(f"/proc/{self.pid}/root")

    def mounts(self) -> list[str]:
        """The mount table, lines of mountinfo, see proc_pid_mountinfo(5)."""
        return self._guest.path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()

    def disk(self, size: int) -> str:
        """A block device of the guest that nobody uses, without contents, of `size` bytes."""
        self._disks.append(self._guest.take_disk(size))
        return self._guest.device(self._disks[-1])

    def settled(self, device: str) -> None:
        """A disk of a guest is not to be let go."""

    def afterwards(self, argv: Sequence[str]) -> None:
        """Run a program in the guest when everything inside has ended, the one named last first."""
        self._afterwards.append(argv)

    def reach(self, socket: Path) -> Path:
        """A unix socket inside, forwarded to one of this host that only its user may open."""
        return self._guest.forward(PurePosixPath(socket))

    def toolbox(self, tools: Toolbox) -> str:
        """Where the toolbox's disk is mounted."""
        return TOOLBOX

    def close(self) -> None:
        """End everything inside, clear up after it, and give the disks back. A guest that is gone took all along."""
        try:
            self._guest.run(["sh", "-c", f"kill -KILL {self.pid} || true"])
            wait_until(lambda: self._outer.poll() is not None, 30 * self.scale, "a capsule in the guest to end")
            while self._afterwards:
                self._guest.run(self._afterwards.pop(), 120)
        except (AgentFault, CallHung):
            return
        while self._disks:
            self._guest.give_disk(self._disks.pop())
