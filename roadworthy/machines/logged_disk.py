"""A disk that writes down what it is told: every write, flush and discard, in order, in a log beside it.

QEMU's storage daemon has a block driver for it, blklogwrites, and exports the disk as a file through FUSE; a loop
device lies on that file. So it needs no device-mapper. The loop device is buffered: with direct I/O the export of QEMU
7.2 returns wrong data. A flush reaches the log after every write that the loop device has answered, because each of
them has reached the export by then: FUSE caches no writes there.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from roadworthy.deadline import wait_until
from roadworthy.machines.capsule import Capsule
from roadworthy.machines.loop_device import LoopDevice
from roadworthy.programs import ENVIRONMENT, ProgramFailed
from roadworthy.reasons import Precondition
from roadworthy.supplies.packages import needs
from roadworthy.upkeep.site import Site

SERVER = "qemu-storage-daemon"


class LoggedDisk:
    """A running disk. `device` is its loop device on this host, `log` the file of its log."""

    def __init__(self, site: Site, size: int) -> None:
        """Make a disk of `size` bytes without contents. Raises Precondition, ProgramFailed, TimeoutError."""
        if shutil.which(SERVER, path=ENVIRONMENT["PATH"]) is None:
            raise Precondition(needs(SERVER))
        image, runtime = site.next()
        self.log = image.with_suffix(".log")
        self.size = size
        site.ledger.intend("image", path=str(image))
        with image.open("xb") as file:
            file.truncate(size)
        self.log.touch()
        #: The disk has namespaces of its own, because it outlives the daemon's and sees this host's programs.
        self._capsule = Capsule(site.ledger, runtime=runtime)
        try:
            self._loop = self._exported(image, runtime)
        except BaseException:
            self._capsule.close()
            raise
        self.device = self._loop.path

    def _exported(self, image: Path, runtime: Path) -> LoopDevice:
        export, said = runtime / "disk", runtime / "log"
        export.touch()
        served = self._capsule.start(
            [
                SERVER,
                "--blockdev", f"driver=file,node-name=content,filename={image},discard=unmap",
                "--blockdev", f"driver=file,node-name=log,filename={self.log}",
                "--blockdev", "driver=blklogwrites,node-name=disk,file=content,log=log,log-super-update-interval=1",
                "--export", f"type=fuse,id=disk,node-name=disk,mountpoint={export},writable=on,allow-other=off",
            ],
            said,
        )  # fmt: skip

        def shown() -> bool:
            if served.poll() is not None:
                raise ProgramFailed(f"{SERVER} ended with {served.returncode}: {said.read_text().strip()}")
            return self._capsule.path(export).stat().st_size == self.size

        wait_until(shown, 20, f"{SERVER} to export the disk")
        return LoopDevice(Path(str(self._capsule.path(export))))

    def close(self) -> None:
        """End the disk; its log stays. Whoever mounted it has ended before."""
        self._loop.close()
        self._capsule.close()
