"""Guards: conditions that a block must meet for its numbers to mean anything. A broken guard voids the row."""

from __future__ import annotations

from collections.abc import Mapping

from roadworthy.calls.process import Timed
from roadworthy.measuring.counters import Work
from roadworthy.measuring.workloads import Workload

#: Whether each guard held, by its sentence.
Guards = Mapping[str, bool]
#: The least share of the requested bytes that the device must transfer, for a job that claims to reach the device.
DEVICE_SHARE = 0.9
#: The largest share that the device may transfer, for a job that claims to be served by the page cache.
CACHE_SHARE = 0.05
#: Readahead and metadata add to the requested bytes; a larger share means another workload.
DEVICE_MOST = 1.6
#: The limit for writes, which also update trees and logs, and fill blocks of a thin pool: for 4 KiB and a flush btrfs
#: wrote 18 times as many bytes, at most 34 times; a pool's block of 64 KiB for 4 KiB is 16 times.
WRITTEN_MOST = 64.0
STOLEN = 0.10
#: The share of what was timed in which the process waited for a processor, above which the time is not the call's.
DELAYED = 0.10
#: For work of processes that are not ours to ask, such as the daemon's: the share of time in which some task of the
#: machine waited for a processor, its own ones included.
CROWDED = 0.8
#: The least share of a job's requests that must be issued at the requested depth.
DEEP = 0.5

REACHED = "the device saw the bytes that the workload asked for"
CACHED = "the page cache served the workload, not the device"
COUNTED = "the data root lies on a block device that counts"
DEEP_ENOUGH = "as many requests were in flight as asked for"
UNSTOLEN = "the processors were not taken away by a hypervisor"
UNDELAYED = "no other program kept the measured process from a processor"
UNCROWDED = "other programs left the processors alone"
DIRECT_LOOP = "the device under the file system does not read through a cache of its own"
COPIED_UP = "changing a file of the image copied it up"
LEFT_BELOW = "reading a file of the image did not copy it up"


def reached(workload: Workload, work: Work, asked: int) -> tuple[str, bool] | None:
    """The guard that the device's counters agree with the workload's claim; None if it claims nothing."""
    if workload.reach == "none":
        return None
    if not work.device:
        return COUNTED, False
    seen = sum(work.device[f"bytes {kind}"] for kind in workload.directions)
    if workload.reach == "cache":
        return CACHED, seen <= CACHE_SHARE * asked
    most = (DEVICE_MOST if workload.reads else WRITTEN_MOST) * asked
    return REACHED, DEVICE_SHARE * asked <= seen <= most


def environment(work: Work, seconds: float, timed: Timed | None = None) -> list[tuple[str, bool]]:
    """The guards that no hypervisor or other program took the processors; `seconds` is the block's duration.

    The run delay of what was `timed` answers for a process of our own. Otherwise pressure has to, which also counts
    tasks that have nothing to do with the work.
    """
    found = [(UNSTOLEN, work.stolen <= STOLEN)]
    if timed is not None and timed.delay is not None:
        found.append((UNDELAYED, timed.delay <= DELAYED * sum(timed.each)))
    elif "cpu" in work.pressure and seconds > 0:
        found.append((UNCROWDED, work.pressure["cpu"] / seconds <= CROWDED))
    return found


def deep(workload: Workload, levels: dict[str, float]) -> tuple[str, bool] | None:
    """The guard that fio kept its requests in flight; None for a depth of 1.

    `levels` is its `iodepth_level`, per cent by power of two.
    """
    if workload.iodepth <= 1:
        return None
    reaching = sum(share for level, share in levels.items() if int(level.strip(">=")) >= workload.iodepth // 2 + 1
                   or int(level.strip(">=")) >= workload.iodepth)  # fmt: skip
    return DEEP_ENOUGH, reaching >= 100 * DEEP


def first_broken(guards: list[tuple[str, bool] | None]) -> str:
    """The sentence of the first guard that does not hold, or an empty string."""
    return next((guard[0] for guard in guards if guard is not None and not guard[1]), "")
