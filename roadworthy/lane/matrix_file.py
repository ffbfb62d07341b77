"""The matrix file: lanes by axes, with exclusions and additions, as CI systems write their matrices.

    [axes]                                   # every combination is a lane
    driver = ["overlay2", "vfs"]
    kernel = ["host", "6.1"]

    [[exclude]]                              # but not these
    driver = "vfs"
    kernel = "6.1"

    [[include]]                              # and these, whose axes multiply in the same way
    driver = "devicemapper"
    backing = ["direct-lvm", "loop-lvm"]
    kernel = "6.1"

The axes are options of the command line, and mean the same: driver, backing, engine, kernel, driver-opt, kernel-opt,
mode.
A value such as `$AUFS_KERNEL` is that of an environment variable, for what lies elsewhere on every host.
"""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from roadworthy.engine_name import EngineName
from roadworthy.lane.lanes import Lane, LaneError, combinations_named, expand
from roadworthy.reports.nearest import hint
from roadworthy.reports.toml_file import TomlRefused, read_toml

AXES = ("driver", "backing", "engine", "kernel", "driver-opt", "kernel-opt", "mode")
SECTIONS = ("axes", "include", "exclude")
#: The most bytes of a file that is read.
SIZE_LIMIT = 1 << 20


def lanes_named(
    axes: Mapping[str, Sequence[str]], matrix: str | Path | None, installed: EngineName, running: str
) -> list[Lane]:
    """The lanes that options name, by their axes or by a matrix file. Raises LaneError if they do both.

    `axes` are the values of `driver`, `backing`, `engine`, `kernel`, `driver_opt`, `kernel_opt` and, where it is named,
    `mode`; `installed` and `running` are this host's engine and kernel.
    """
    if matrix is not None:
        given = next((name.replace("_", "-") for name, values in axes.items() if values), None)
        if given is not None:
            raise LaneError(f"--matrix names the lanes; leave out --{given}, or pick lanes by name with -k")
        return matrix_lanes(Path(matrix), installed, running)
    combinations = combinations_named(axes["engine"], axes["kernel"], installed, running, axes["kernel_opt"])
    return expand(axes["driver"], axes["backing"], axes["driver_opt"], combinations, axes.get("mode", ()))


def matrix_lanes(path: Path, installed: EngineName, running: str) -> list[Lane]:
    """The lanes of a matrix file, in its order. `installed` and `running` name this host's engine and kernel.

    Raises LaneError, whose text begins with file and line.
    """
    found: dict[str, Lane] = {}
    matrix = MatrixFile(path)
    for section, number, block in matrix.blocks("axes", "include"):
        lanes = matrix.lanes(section, number, block, installed, running)
        if section == "axes":
            lanes = matrix.without_excluded(lanes)
        for lane in lanes:
            if lane.id in found:
                raise matrix.refusal(section, number, f"the lane {lane.id} is in the matrix already")
            found[lane.id] = lane
    if not found:
        raise LaneError(f"{path}:1: no lane is left of this matrix")
    return list(found.values())


class MatrixFile:
    """A matrix file that was read, with the lines of its values."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._text, self._tables = read_toml(path, SIZE_LIMIT, "lists of text")
        except TomlRefused as reason:
            where = f"--matrix: {path}" if reason.line is None else f"{path}:{reason.line}"
            raise LaneError(f"{where}: {reason}") from None
        for name in self._tables:
            if name not in SECTIONS:
                raise LaneError(f"{path}:{self._header(name, 0)}: unknown section {name!r}{hint(name, SECTIONS)}")
        if not any(True for _ in self.blocks("axes", "include")):
            raise LaneError(f"{path}:1: expected [axes] or [[include]] with at least a driver")

    def blocks(self, *sections: str) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
        """Yield each table: its section, its number within the section, and its axes as written. Raises LaneError."""
        for section in sections:
            value = self._tables.get(section, [])
            rows = value if isinstance(value, list) else [value]
            if section == "axes" and isinstance(value, list) and value:
                raise self.refusal(section, 0, "expected one table, written [axes]")
            for number, row in enumerate(rows):
                if not isinstance(row, dict):
                    raise self.refusal(section, number, f"expected tables, written [[{section}]]")
                yield section, number, row

    def lanes(
        self, section: str, number: int, block: Mapping[str, Any], installed: EngineName, running: str
    ) -> list[Lane]:
        """The lane of every combination of one block's axes. Raises LaneError."""
        said = {axis: self._values(section, number, block, axis) for axis in block}
        if not said.get("driver"):
            raise self.refusal(section, number, "names no driver")
        try:
            combinations = combinations_named(
                said.get("engine", []), said.get("kernel", []), installed, running, said.get("kernel-opt", [])
            )
            return expand(said["driver"], said.get("backing", []), said.get("driver-opt", []), combinations,
                said.get("mode", []),
            )  # fmt: skip
        except LaneError as reason:
            # The error names the value; report the line that holds it.
            named = [word for values in said.values() for word in values if word in str(reason)]
            line = self._line(section, number, max(named, key=len, default=""))
            raise LaneError(f"{self.path}:{line}: {reason}") from None

    def without_excluded(self, lanes: list[Lane]) -> list[Lane]:
        """Drop the lanes that an [[exclude]] names. Raises LaneError for one that names no lane."""
        for section, number, block in self.blocks("exclude"):
            said = {axis: self._values(section, number, block, axis) for axis in block}
            if not said:
                raise self.refusal(section, number, "names nothing")
            kept = [lane for lane in lanes if not excluded(lane, said)]
            if len(kept) == len(lanes):
                raise self.refusal(section, number, "leaves out no lane of [axes]")
            lanes = kept
        return lanes

    def refusal(self, section: str, number: int, text: str) -> LaneError:
        return LaneError(f"{self.path}:{self._header(section, number)}: [{section}]: {text}")

    def _values(self, section: str, number: int, block: Mapping[str, Any], axis: str) -> list[str]:
        """The values of an axis, without those of variables that are not set.

        Raises LaneError for an unknown axis, and for values that are not text.
        """
        if axis not in AXES:
            line = self._line(section, number, axis)
            raise LaneError(f"{self.path}:{line}: unknown axis {axis!r}{hint(axis, AXES)}")
        value = block[axis]
        values = value if isinstance(value, list) else [value]
        for word in values:
            if not isinstance(word, str):
                line = self._line(section, number, axis)
                raise LaneError(f"{self.path}:{line}: {axis}: expected text in quotes, got {reprlib.repr(word)}")
        found = (os.environ.get(word[1:], "") if word.startswith("$") else word for word in values)
        return [word for word in found if word]

    def _header(self, section: str, number: int) -> int:
        """The line where a section's table number `number` begins; 1 if it has no header of its own."""
        begins = re.compile(rf"\s*\[{{1,2}}\s*{re.escape(section)}\s*\]{{1,2}}")
        lines = [at for at, line in enumerate(self._text.splitlines(), 1) if begins.match(line)]
        return lines[number] if number < len(lines) else 1

    def _line(self, section: str, number: int, word: str) -> int:
        """The line in the table that holds `word`, or the table's first."""
        first = self._header(section, number)
        lines = self._text.splitlines()
        for at in range(first, len(lines) + 1):
            if at > first and re.match(r"\s*\[{1,2}\s*\w+\s*\]", lines[at - 1]):
                break
            if word and re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])", lines[at - 1]):
                return at
        return first


def excluded(lane: Lane, said: Mapping[str, list[str]]) -> bool:
    """Whether the lane has one of the given values on every given axis."""
    on_lane = {
        "driver": {lane.driver.name},
        "backing": {lane.backing},
        "engine": {lane.root or "host"},
        "kernel": {lane.source},
        "driver-opt": {f"{key}={value}" for key, value in lane.options},
        "kernel-opt": set(lane.kernel_options),
        "mode": {lane.mode.name},
    }
    return all(on_lane[axis] & set(values) for axis, values in said.items())
