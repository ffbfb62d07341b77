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
from roadworthy.programs import run
from roadworthy.reasons import Unsupported
from roadworthy.upkeep.ledger import Ledger

#: Where the toolbox's disk is mounted in a guest.
TOOLBOX = "/opt/toolbox"
#: Bytes of a sector, in which the kernel counts partitions.
SECTOR = 512

#: The first process of a capsule. It says its number in the guest, as the old /proc shows it: not every kernel has the
#: list of a process' children. Then it waits, and reaps nothing: what its children leave ends with it.
FIRST = """
read -r pid rest </proc/self/stat || exit
mount -t proc -o nosuid,nodev,noexec proc /proc || exit
echo "$pid" >"$1"
while :; do sleep 3600 & wait $!; done
"""


class GuestCapsule:
    """Process and mount namespaces in a guest. Its disks are fresh ones of the guest, taken until `close`.

    `image` is the name of a file of this host for what a disk of it holds. If it is `logged`, its devices lie on one
    disk, one after another, so that one log tells the order of what was written to them.
    """

    def __init__(self, guest: Guest, number: int, image: Path, ledger: Ledger, logged: bool = False) -> None:
        self.runtime = Path(f"/run/roadworthy/{number}")
        self.scale = guest.scale
        self._guest = guest
        self._number = number
        self._image = image
        self._ledger = ledger
        self._logged = logged
        #: The sizes of its devices.
        self._sizes: tuple[int, ...] = ()
        self._disks: list[str] = []
        #: Files of this host that hold the contents of its disks.
        self._images: list[Path] = []
        self._afterwards: list[Sequence[str]] = []
        guest.path(self.runtime).mkdir(parents=True, exist_ok=True)
        mark = self.runtime / "first"
        guest.path(mark).unlink(missing_ok=True)
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

    def disks(self, *sizes: int) -> list[str]:
        """Take free block devices of the guest, without contents. Raises GuestFailed."""
        self._sizes = sizes
        if self._logged:
            self._ledger.intend("image", path=str(self._image))
            with self._image.open("xb") as file:
                file.truncate(sum(sizes))
            self._log.touch()
            self._images.append(self._image)
            self._disks.append(self._guest.take_logged_disk(self._image, self._log))
        else:
            for size in sizes:
                self._disks.append(self._guest.take_disk(size))
        return self._devices()

    def _devices(self) -> list[str]:
        """Its block devices: disks of the guest, or the parts of its only disk."""
        disks = [self._guest.device(serial) for serial in self._disks]
        if len(disks) == len(self._sizes):
            return disks
        (disk,) = disks
        at, devices = 0, []
        for number, size in enumerate(self._sizes, 1):
            # Only the kernel knows of these partitions, so that the log and its copies have nothing but the devices.
            self._guest.run(["addpart", disk, str(number), str(at // SECTOR), str(size // SECTOR)])
            at += size
            devices.append(f"{disk}{number}")
        return devices

    def change_root(self, tree: Path) -> None:
        """Raise Unsupported: a tree of this host cannot be seen in the guest."""
        raise Unsupported(
            "the engine of a virtual machine lies on its root disk, and another engine needs another boot"
        )

    def after_power_cut(self) -> tuple[Place, list[str]]:
        """End everything inside, and return a capsule with its directories, and devices with copies of its own."""
        images = [self._image.with_suffix(f".cut{number}.img") for number in range(len(self._disks))]
        for image in images:
            self._ledger.intend("image", path=str(image))
        with self._guest.halted():  # at one moment of all disks
            for serial, image in zip(self._disks, images, strict=True):
                run(["cp", "--sparse=always", "--reflink=auto", str(self._guest.content(serial)), str(image)], 120)
        self.close()
        return self._with(images)

    @property
    def write_log(self) -> Path | None:
        """The file on this host in which its disk writes down what it is told; None if it does not."""
        return self._log if self._logged else None

    @property
    def _log(self) -> Path:
        return self._image.with_suffix(".log")

    def again(self, image: Path) -> tuple[Place, list[str]]:
        """Return a capsule with its directories, once it has ended, and its devices with the content of `image`."""
        return self._with([image])

    def _with(self, images: Sequence[Path]) -> tuple[Place, list[str]]:
        """A capsule with the directories of this one, whose disks have the contents of these files."""
        capsule = GuestCapsule(self._guest, self._number, self._image, self._ledger)
        try:
            capsule._sizes, capsule._images = self._sizes, list(images)
            for image in images:
                capsule._disks.append(self._guest.take_disk_with(image))
            return capsule, capsule._devices()
        except BaseException:
            capsule.close()
            raise

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
            if self._outer.poll() is None:
                self._guest.run(["sh", "-c", f"kill -KILL {self.pid} || true"])
            wait_until(lambda: self._outer.poll() is not None, 30 * self.scale, "a capsule in the guest to end")
            while self._afterwards:
                self._guest.run(self._afterwards.pop(), 120)
        except (AgentFault, CallHung):
            return
        while self._disks:
            self._guest.give_disk(self._disks.pop())
        while self._images:
            self._images.pop().unlink(missing_ok=True)
