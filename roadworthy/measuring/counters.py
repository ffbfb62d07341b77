"""Counters of a machine while a block runs: device work, stolen processor time, pressure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from roadworthy.machines.backing import Backing
from roadworthy.machines.place import Place


@dataclass
class Work:
    """What was counted while a block ran; filled when the block ends.

    `device` holds counters in the device's units, `stolen` a share from 0 to 1, `pressure` seconds by resource.
    """

    device: dict[str, float] = field(default_factory=dict)
    stolen: float = 0.0
    pressure: dict[str, float] = field(default_factory=dict)

    def counters(self) -> dict[str, float]:
        """The device's counters under the names that samples use."""
        return {f"device {name}": value for name, value in self.device.items()}


class Meter:
    """Counts what a lane's machine does while blocks run."""

    def __init__(self, place: Place, backing: Backing, timed: bool = True) -> None:
        """`timed` tells whether times matter; if they do not, stolen time and pressure are not read."""
        self._place = place
        self._backing = backing
        self._timed = timed

    @contextmanager
    def counting(self) -> Iterator[Work]:
        work = Work()
        device = self._backing.device_counters()
        ticks, stalls = (self._ticks(), self._stalls()) if self._timed else ([], {})
        yield work
        work.device = {name: float(value - device[name]) for name, value in self._backing.device_counters().items()}
        if not self._timed:
            return
        passed = [after - before for before, after in zip(ticks, self._ticks(), strict=True)]
        work.stolen = passed[7] / max(1, sum(passed[:8]))
        work.pressure = {name: max(0.0, after - stalls[name]) for name, after in self._stalls().items()}

    def _ticks(self) -> list[int]:
        """Clock ticks of all processors by state; the eighth number is stolen time. See proc_stat(5)."""
        return [int(word) for word in self._place.path("/proc/stat").read_text().splitlines()[0].split()[1:]]

    def _stalls(self) -> dict[str, float]:
        """Seconds in which some task waited for a resource, if the kernel counts them (accounting/psi.rst)."""
        found = {}
        for name in ("cpu", "io", "memory"):
            path = self._place.path(f"/proc/pressure/{name}")
            if path.exists():
                some = path.read_text().splitlines()[0]
                found[name] = int(some.rpartition("total=")[2]) / 1e6
        return found


def buffered_loops(place: Place, devices: list[str]) -> list[str]:
    """The loop devices that read and write through the page cache of their file; see `--direct-io` of losetup(8)."""
    names = [Path(device).name for device in devices]
    flags = {name: place.path(f"/sys/block/{name}/loop/dio") for name in names}
    return [name for name, flag in flags.items() if flag.exists() and flag.read_text().strip() != "1"]
