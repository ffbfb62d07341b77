"""What can be turned so that a recorded deviation no longer applies, by its own condition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from roadworthy.drivers import DRIVERS
from roadworthy.drivers.base import Driver
from roadworthy.drivers.overlayfs import SWITCHES
from roadworthy.verdict.deviations import OPTIONS, SERVER, Deviation

#: Drivers whose engines mount overlayfs with index=off, whatever the module's parameters say. The kernel turns
#: nfs_export off with it: Linux fs/overlayfs/params.c, ovl_fs_params_verify().
INDEX_OFF = ("overlay2", "containerd:overlayfs")
BOUND_TO_INDEX = ("index", "nfs_export")
#: Families about power cuts, in which tmpfs is no way out: it keeps nothing.
CUTS = ("durability/", "dura/")


def knobs(entry: Deviation, recorded: Iterable[Deviation], driver: str = "") -> list[str]:
    """What to turn, in words; empty if the entry applies whatever is turned, so that only another driver is left.

    What leads from this entry to another one of the same check among those that are `recorded` is left out. With
    `driver` given, it is about that driver only.
    """
    drivers = [one for one in concerned(entry) if driver in ("", one.name)]
    others = [
        other for other in recorded
        if other is not entry and other.check == entry.check and any(is_of(other, one) for one in drivers)
    ]  # fmt: skip
    return list(turns(entry, others, drivers))


def turns(entry: Deviation, others: Sequence[Deviation], drivers: Sequence[Driver]) -> Iterator[str]:
    def free(key: str, word: str) -> bool:
        # An entry of a backing with a choice, as XFS without reflink, says nothing of that backing without it.
        bound = (other for other in others if key != "backing" or "choice" not in other.when)
        return not any(word in other.when.get(key, (word,)) for other in bound)

    for key, values in entry.when.items():
        if key in SWITCHES:
            bound = [one.name for one in drivers if one.name in INDEX_OFF] if key in BOUND_TO_INDEX else []
            if len(bound) < len(drivers):
                but = f"; not for {one_of(bound)}, which are mounted with index=off" if bound else ""
                turned = [word for word in ("on", "off") if word not in values and free(key, word)]
                yield from (
                    f"{key}={word}, a parameter of the module overlay (--kernel-opt=overlay.{key}={word}){but}"
                    for word in turned
                )
        elif key == "choice":
            yield f"a data root that was not made or mounted with {one_of(list(values))}"
        elif key == "mode":
            yield f"an engine that is not {one_of(list(values))} (--mode)"
        elif key == "layers":
            yield "an engine that does not remap users, or one of Docker's own storage drivers"
        elif key in OPTIONS:
            way = "set it to true" if "absent" in values else "leave it out"
            yield f"{key}, an option of the storage driver ({way})"
        elif key == "backing":
            taken = dict.fromkeys(
                name for one in drivers for name in one.backings
                if name not in values and free(key, name) and not (name == "tmpfs" and entry.check.startswith(CUTS))
            )  # fmt: skip
            if taken:
                yield f"a data root on {one_of(list(taken))}"
        elif key == "kernel":
            yield f"a kernel that is not {one_of(values)}"
        elif key == "server":
            yield f"a {SERVER} that is not {one_of(values)}"
        elif key == "engine":
            ranges = [value for value in values if " " in value]
            if len(ranges) == len(values):
                yield f"an engine that is not {one_of(ranges)}"


def concerned(entry: Deviation) -> list[Driver]:
    """The drivers that an entry can apply to."""
    return [driver for driver in DRIVERS.values() if is_of(entry, driver)]


def is_of(entry: Deviation, driver: Driver) -> bool:
    """Whether an entry can apply to a driver, on some backing, engine and kernel."""
    when = entry.when
    engines = {value.split()[0] for value in when.get("engine", driver.engines)}
    return (
        driver.name in when.get("driver", (driver.name,))
        and driver.built_on in when.get("built_on", (driver.built_on,))
        and bool({*driver.backings} & {*when.get("backing", driver.backings)})
        and bool(engines & {*driver.engines})
    )


def one_of(words: Sequence[str]) -> str:
    """Words as a choice: `ext4, xfs or btrfs`."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
