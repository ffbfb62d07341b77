"""A capsule inside a guest: the place of one daemon there. Several daemons of one lane share the guest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from roadworthy.calls.exchange import AgentFault, CallHung
from roadworthy.calls.toolbox import Toolbox
from roadworthy.deadline import wait_until
from roadworthy.guests.guest import Guest, GuestProgram
from roadworthy.guests.path import GuestPath
from roadworthy.machines.place import Place, PlacePath
from roadworthy.reasons import Unsupported

#: Where the toolbox's disk is mounted in a guest.
TOOLBOX = "/opt/toolbox"

#: The first process of a capsule. It says its number in the guest, as the old /proc shows it: not every kernel has the
#: list of a process' children. Then it waits, and reaps nothing: what its children leave ends with it.
FIRST = """
read -r pid rest </proc/self/stat || exit
mount -t proc -o nosuid,nodev,noexec proc /proc || exit
echo "$pid" >"$1"
while :; do sleep 3600 & wait $!; done
"""


class GuestCapsule:
    """Process and mount namespaces in a guest. Its disks are fresh ones of the guest, taken until `close`."""

    def __init__(self, guest: Guest, number: int) -> None:
        self.runtime = Path(f"/run/roadworthy/{number}")
        self.scale = guest.scale
        self._guest = guest
        self._disks: list[str] = []
        self._afterwards: list[Sequence[str]] = []
        guest.path(self.runtime).mkdir(parents=True)
        mark = self.runtime / "first"
        words = ["unshare", "--pid", "--mount", "--fork", "--kill-child=KILL", "--propagation", "private",
                 "sh", "-c", FIRST, "sh", str(mark)]  # fmt: skip
        self._outer: GuestProgram = guest.start(words, guest.path(self.runtime / "capsule.log"))
        begun = guest.path(mark)
        wait_until(
            lambda: begun.exists() and begun.read_text().endswith("\n"), 20 * guest.scale,
            "a capsule in the guest to begin",
        )  # fmt: skip
        self.pid = int(begun.read_text())

    def enter(self, argv: Sequence[str]) -> list[str]:
        """The argument list that runs `argv` inside."""
        return ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--root", "--wd=/", "--", *map(str, argv)]

    def run(self, argv: Sequence[str], seconds: float = 60) -> str:
        """Run a program inside to its end, and return its standard output. Raises ProgramFailed."""
        return self._guest.run(self.enter(argv), seconds)

    def start(self, argv: Sequence[str], log: str | Path) -> GuestProgram:
        """Start a program inside and leave it running, its output appended to `log`, a path of the place's."""
        return self._guest.start(self.enter(argv), self.path(log))

    def path(self, inside: str | Path) -> GuestPath:
        """An absolute path inside, as the controller reaches it."""
        return self._guest.path(f"/proc/{self.pid}/root{inside}")

    def inside(self, path: PlacePath) -> str:
        """The name inside of a path that `path` returned."""
        return str(path).removeprefix(f"/proc/{self.pid}/root")

    def mounts(self) -> list[str]:
        """The mount table, lines of mountinfo, see proc_pid_mountinfo(5)."""
        return self._guest.path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()

    def disk(self, size: int) -> str:
        """Take a free block device of the guest, without contents, of `size` bytes. Raises GuestFailed."""
        self._disks.append(self._guest.take_disk(size))
        return self._guest.device(self._disks[-1])

    def after_power_cut(self, device: str) -> tuple[Place, str]:
        """Raise Unsupported."""
        raise Unsupported("a disk of a virtual machine is not copied while the machine runs")

    #: No disk of a guest writes down what it is told.
    write_log: Path | None = None

    def again(self, image: Path) -> tuple[Place, str]:
        """Raise Unsupported."""
        raise Unsupported("a disk of a virtual machine does not get another content while the machine runs")

    def settled(self, device: str) -> None:
        """Do nothing, because the guest keeps its disks."""

    def afterwards(self, argv: Sequence[str]) -> None:
        """Run a program in the guest when everything inside has ended, the last registered one first."""
        self._afterwards.append(argv)

    def reach(self, socket: Path) -> Path:
        """Forward a unix socket inside to one of this host, which only its user may open, and return the latter."""
        return self._guest.forward(PurePosixPath(socket))

    def toolbox(self, tools: Toolbox) -> str:
        """The mount point of the toolbox's disk."""
        return TOOLBOX

    def close(self) -> None:
        """End everything inside, clean up after it, and return the disks; nothing is left if the guest is gone."""
        try:
            self._guest.run(["sh", "-c", f"kill -KILL {self.pid} || true"])
            wait_until(lambda: self._outer.poll() is not None, 30 * self.scale, "a capsule in the guest to end")
            while self._afterwards:
                self._guest.run(self._afterwards.pop(), 120)
        except (AgentFault, CallHung):
            return
        while self._disks:
            self._guest.give_disk(self._disks.pop())
