"""Guards: what has to be true of a block for its numbers to mean anything. One that is not voids the row."""

from __future__ import annotations

from collections.abc import Mapping

from roadworthy.measuring.counters import Work
from roadworthy.measuring.workloads import Workload

#: Whether each held, by its sentence.
Guards = Mapping[str, bool]
#: The share of the requested bytes that the device has to have seen, for a job that claims to reach it.
DEVICE_SHARE = 0.9
#: The share that it may have seen, for a job that claims to be served by the page cache.
CACHE_SHARE = 0.05
#: Readahead and metadata come on top of what was asked for; more than this is another workload.
DEVICE_MOST = 1.6
#: So it is for writing, where trees and logs are written along, and blocks of a thin pool are filled: 4 KiB and a flush
#: took btrfs 18 times as many bytes, and 34 times at most; a pool's block of 64 KiB for 4 KiB is 16 times.
WRITTEN_MOST = 64.0
STOLEN = 0.10
#: Seconds of a second in which somebody waited for a processor: above it others compute here.
CROWDED = 0.8
#: The share of a job's requests that has to have been issued at the asked depth.
DEEP = 0.5

REACHED = "the device saw the bytes that the workload asked for"
CACHED = "the page cache served the workload, not the device"
COUNTED = "the data root lies on a block device that counts"
DEEP_ENOUGH = "as many requests were in flight as asked for"
UNSTOLEN = "the processors were not taken away by a hypervisor"
UNCROWDED = "other programs left the processors alone"
DIRECT_LOOP = "the device under the file system does not read through a cache of its own"
COPIED_UP = "changing a file of the image copied it up"
LEFT_BELOW = "reading a file of the image did not copy it up"


def reached(workload: Workload, work: Work, asked: int) -> tuple[str, bool] | None:
    """Whether the device's counters agree with what the workload claims to measure."""
    if workload.reach == "none":
        return None
    if not work.device:
        return COUNTED, False
    seen = sum(work.device[f"bytes {kind}"] for kind in workload.directions)
    if workload.reach == "cache":
        return CACHED, seen <= CACHE_SHARE * asked
    most = (DEVICE_MOST if workload.reads else WRITTEN_MOST) * asked
    return REACHED, DEVICE_SHARE * asked <= seen <= most


def environment(work: Work, seconds: float) -> list[tuple[str, bool]]:
    """Whether the machine was left alone."""
    found = [(UNSTOLEN, work.stolen <= STOLEN)]
    if "cpu" in work.pressure and seconds > 0:
        found.append((UNCROWDED, work.pressure["cpu"] / seconds <= CROWDED))
    return found


def deep(workload: Workload, levels: dict[str, float]) -> tuple[str, bool] | None:
    """Whether fio had its requests in flight; `levels` is its `iodepth_level`, per cent by power of two."""
    if workload.iodepth <= 1:
        return None
    reaching = sum(share for level, share in levels.items() if int(level.strip(">=")) >= workload.iodepth // 2 + 1
                   or int(level.strip(">=")) >= workload.iodepth)  # fmt: skip
    return DEEP_ENOUGH, reaching >= 100 * DEEP


def first_broken(guards: list[tuple[str, bool] | None]) -> str:
    """The sentence of the first guard that does not hold, or an empty string."""
    return next((guard[0] for guard in guards if guard is not None and not guard[1]), "")
