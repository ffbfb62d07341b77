"""Workloads: fio jobs as TOML files with a fixed set of keys.

Raw job files are not accepted: fio runs `exec_prerun` through a shell, expands `${…}` from the environment and opens
any file. The argument list is generated from the keys instead.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

from roadworthy.extending.distributions import added
from roadworthy.reports.bounded import read_bounded
from roadworthy.reports.nearest import hint

DIRECTORY = Path(__file__).parents[1] / "workloads"
#: The most bytes of a file that is read.
SIZE_LIMIT = 1 << 20
PATTERNS = ("read", "write", "randread", "randwrite", "rw", "randrw")
ENGINES = ("psync", "libaio", "null", "mmap")
#: The claim of a job: its I/O reaches the device, the page cache serves it, or neither; counters verify the claim.
REACHES = ("device", "cache", "none")
#: The most I/Os of a shortened job.
SHORT = 256
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


class WorkloadError(ValueError):
    """A workload file that cannot be used; the text begins with its path."""


@dataclass(frozen=True)
class Workload:
    """One job. `bs` and `size` are bytes, `runtime_ms` is the length of one block; 0 means one pass over `size`.

    `fsync` and `fdatasync` are the numbers of writes between two flushes, 0 for none; `end_fsync` flushes once at the
    end. `mix` is the percentage of reads in a mixed job. `jobs` is the number of parallel jobs. With `fresh`, every
    block starts with the file as one hole; with `invalidate`, with none of its pages in the cache.
    """

    name: str
    promise: str
    rw: str
    bs: int
    size: int
    direct: bool
    ioengine: str
    iodepth: int
    runtime_ms: int
    reach: str
    jobs: int = 1
    fsync: int = 0
    fdatasync: int = 0
    end_fsync: int = 0
    mix: int = 50
    fresh: bool = False
    invalidate: bool = False

    @property
    def reads(self) -> bool:
        """Whether the job only reads, so that a file of an image layer can serve it."""
        return self.rw in ("read", "randread")

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions of its I/O, in the words of device counters."""
        if self.reads:
            return ("read",)
        return ("read", "written") if self.rw in ("rw", "randrw") else ("written",)

    def shortened(self) -> Workload:
        """The job with at most SHORT I/Os, equally many in every run, for counting its calls."""
        return replace(self, size=min(self.size, SHORT * self.bs), runtime_ms=0)

    def arguments(self, file: str, report: str) -> list[str]:
        """fio's arguments for one block on `file`; `report` receives its answer. See fio(1)."""
        chosen: dict[str, Any] = {
            "name": self.name, "filename": file, "rw": self.rw, "bs": self.bs, "size": self.size,
            "direct": int(self.direct), "ioengine": self.ioengine, "iodepth": self.iodepth,
            "runtime": f"{self.runtime_ms}ms", "time_based": 1, "randrepeat": 1, "randseed": 20161, "fallocate": "none",
            "refill_buffers": 1, "group_reporting": 1, "allow_file_create": 0, "unlink": 0,
            "invalidate": int(self.invalidate), "clocksource": "clock_gettime", "output": report,
            "output-format": "json+",
        }  # fmt: skip
        if not self.runtime_ms:
            del chosen["runtime"], chosen["time_based"]
        if self.reads:
            chosen["readonly"] = None
        if self.rw in ("rw", "randrw"):
            chosen["rwmixread"] = self.mix
        if self.jobs > 1:
            chosen["numjobs"] = self.jobs
        for key in ("fsync", "fdatasync", "end_fsync"):
            if getattr(self, key):
                chosen[key] = getattr(self, key)
        return [f"--{key}" if value is None else f"--{key}={value}" for key, value in chosen.items()]


def file_of(name: str, directories: Sequence[Path]) -> Path:
    """The file of the workload `name` in the one of these directories that has it. Raises WorkloadError."""
    found = [path for directory in directories if (path := directory / f"{name}.toml").is_file()]
    if not found:
        names = sorted({path.stem for directory in directories for path in directory.glob("*.toml")})
        raise WorkloadError(f"{directories[0] / name}.toml: no such workload{hint(name, names)}")
    if len(found) > 1:
        raise WorkloadError(f"{' and '.join(map(str, found))}: two workloads are called {name}")
    return found[0]


def load(name: str, directory: Path | None = None) -> Workload:
    """Load the workload `name` from a directory or, without one, from the suite's and those that distributions add.

    Raises WorkloadError, whose text has the file, the key, and the nearest valid one, and ExtensionError.
    """
    if directory is None:
        path = file_of(name, [DIRECTORY, *(one.directory() for one in added("workloads"))])
    else:
        path = file_of(name, [directory])
    try:
        found = tomllib.loads(read_bounded(path, SIZE_LIMIT).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise WorkloadError(f"{path}: {reason}") from None
    except RecursionError:
        raise WorkloadError(f"{path}: expected keys with one value each, and these are nested too deep") from None
    except OSError as reason:
        raise WorkloadError(f"{path}: {reason.strerror}") from None
    keys = [field.name for field in fields(Workload) if field.name != "name"]
    optional = {field.name: field.default for field in fields(Workload) if field.default is not MISSING}
    for key in found:
        if key not in keys:
            raise WorkloadError(f"{path}: unknown key {key!r}{hint(key, keys)}")
    for key in keys:
        if key not in found and key not in optional:
            raise WorkloadError(f"{path}: has no {key}")
    made = Workload(
        name=name,
        promise=str(found["promise"]),
        rw=chosen(path, "rw", found["rw"], PATTERNS),
        bs=size(path, "bs", found["bs"], 1 << 24),
        size=size(path, "size", found["size"], 1 << 33),
        direct=bool(number(path, "direct", found["direct"], 0, 1)),
        ioengine=chosen(path, "ioengine", found["ioengine"], ENGINES),
        iodepth=number(path, "iodepth", found["iodepth"], 1, 256),
        runtime_ms=number(path, "runtime_ms", found["runtime_ms"], 0, 60_000),
        reach=chosen(path, "reach", found["reach"], REACHES),
        jobs=number(path, "jobs", found.get("jobs", 1), 1, 16),
        fsync=number(path, "fsync", found.get("fsync", 0), 0, 1 << 20),
        fdatasync=number(path, "fdatasync", found.get("fdatasync", 0), 0, 1 << 20),
        end_fsync=number(path, "end_fsync", found.get("end_fsync", 0), 0, 1),
        mix=number(path, "mix", found.get("mix", 50), 0, 100),
        fresh=bool(number(path, "fresh", found.get("fresh", 0), 0, 1)),
        invalidate=bool(number(path, "invalidate", found.get("invalidate", 0), 0, 1)),
    )
    if made.invalidate and made.runtime_ms:
        raise WorkloadError(f"{path}: invalidate is 1 and runtime_ms is not 0; only one pass over the file stays cold")
    if made.fresh and made.reads:
        raise WorkloadError(f"{path}: fresh is 1 and rw is {made.rw!r}; a hole is no file to be read")
    return made


def chosen(path: Path, key: str, value: Any, names: tuple[str, ...]) -> str:
    if value not in names:
        raise WorkloadError(f"{path}: {key} is {value!r}; it is one of {', '.join(names)}")
    return str(value)


def number(path: Path, key: str, value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise WorkloadError(f"{path}: {key} is {value!r}; it is a whole number from {least} to {most}")
    return value


def size(path: Path, key: str, value: Any, most: int) -> int:
    matched = re.fullmatch(r"(\d{1,6})([kmg]?)", value) if isinstance(value, str) else None
    if matched is None or not 0 < int(matched[1]) * UNITS[matched[2]] <= most:
        raise WorkloadError(f"{path}: {key} is {value!r}; it is a size such as 4k or 64m, at most {most} bytes")
    return int(matched[1]) * UNITS[matched[2]]
