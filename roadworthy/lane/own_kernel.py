"""A kernel that only one lane uses: what a check does to all of it ends with the run."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager

from roadworthy.engines.containers import Container
from roadworthy.machines.machine import Machine
from roadworthy.machines.place import Place
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Precondition, first_line


class LoopDevice:
    """A loop device, read and written past the page cache's back by programs of the machine."""

    def __init__(self, place: Place, name: str) -> None:
        self._place = place
        self._name = name

    def read(self, count: int) -> bytes:
        """The first bytes of the device."""
        said = self._place.run(["sh", "-c", 'head --bytes="$1" "$2" | base64', "sh", str(count), self._name])
        return base64.b64decode(said)

    def write(self, data: bytes) -> None:
        """Write to the device's beginning, and sync it."""
        script = 'printf %s "$1" | base64 -d | dd of="$2" conv=fsync,notrunc status=none'
        self._place.run(["sh", "-c", script, "sh", base64.b64encode(data).decode(), self._name])


class OwnKernel:
    """The kernel below a lane, if it ends with the run. Raises Precondition for any other."""

    def __init__(self, machine: Machine, place: Place) -> None:
        if not machine.own_kernel("").met:
            raise Precondition("acts on the whole machine: run it in a virtual machine, as with --kernel=6.1")
        self._machine = machine
        self._place = place

    def __repr__(self) -> str:
        return f"<kernel {self._machine.release}>"

    def drop_caches(self) -> None:
        """Make the kernel forget cached pages, names and inodes, see proc_sys_vm(5)."""
        self._place.run(["sh", "-c", "sync; echo 3 >/proc/sys/vm/drop_caches"])

    def swapping(self, container: Container, path: str) -> str:
        """Make a file of a container swap space, use it, and stop: "success", or swapon(8)'s reason."""
        file = self._file(container, path)
        self._place.run(["mkswap", file])
        try:
            self._place.run(["swapon", file])
        except ProgramFailed as refusal:
            return first_line(refusal).rpartition(": ")[2]
        self._place.run(["swapoff", file])
        return "success"

    @contextmanager
    def loop_device(self, container: Container, path: str) -> Iterator[LoopDevice]:
        """Yield a loop device on a file of a container while the block runs."""
        name = self._place.run(["losetup", "--find", "--show", self._file(container, path)]).strip()
        try:
            yield LoopDevice(self._place, name)
        finally:
            self._place.run(["losetup", "--detach", name])

    def _file(self, container: Container, path: str) -> str:
        return self._place.inside(container.proc / "root" / path.lstrip("/"))
