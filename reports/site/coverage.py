"""What was run: for each driver and backing, which engines on which kernels, and what was not."""

from __future__ import annotations

from dataclasses import dataclass

from roadworthy.reports.matrix import Column, natural
from roadworthy.reports.site.values import Site


@dataclass(frozen=True)
class Ran:
    """A lane in the table. `edition` is named if it is not the newest."""

    column: Column
    edition: str

    @property
    def name(self) -> str:
        """The engine, and the options by which the lane differs from its neighbours."""
        lane = self.column.lane
        return " ".join((lane.engine, *(f"{key}={value}" for key, value in lane.options.items())))


@dataclass(frozen=True)
class Line:
    """A driver on a backing, with the lanes on each kernel; none is a hole."""

    driver: str
    backing: str
    kernels: tuple[tuple[Ran, ...], ...]


@dataclass(frozen=True)
class Coverage:
    """The whole table. `holes` are combinations of a driver and backing with a kernel that no lane ran."""

    kernels: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def holes(self) -> int:
        return sum(not lanes for line in self.lines for lanes in line.kernels)


def coverage(site: Site) -> Coverage:
    """The lanes of the newest state by driver, backing and kernel."""
    columns = site.matrix.columns
    kernels = sorted({column.lane.kernel for column in columns}, key=natural)
    found: dict[tuple[str, str], dict[str, list[Ran]]] = {}
    for column in columns:
        lane, edition = column.lane, site.newest.get(column.lane.id, "")
        ran = Ran(column, "" if edition == site.edition.name else edition)
        found.setdefault((lane.driver, lane.backing), {}).setdefault(lane.kernel, []).append(ran)
    lines = (Line(*key, tuple(tuple(by_kernel.get(kernel, ())) for kernel in kernels))
             for key, by_kernel in found.items())  # fmt: skip
    return Coverage(tuple(kernels), tuple(lines))
