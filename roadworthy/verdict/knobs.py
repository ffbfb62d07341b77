"""What can be turned so that a recorded deviation no longer applies, by its own condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from roadworthy.drivers import DRIVERS
from roadworthy.drivers.base import Driver
from roadworthy.drivers.overlayfs import SWITCHES
from roadworthy.verdict.deviations import OPTIONS, Deviation


def knobs(entry: Deviation) -> list[str]:
    """What to turn, in words; empty if the entry applies whatever is turned, so that only another driver is left."""
    return list(turns(entry))


def turns(entry: Deviation) -> Iterator[str]:
    for key, values in entry.when.items():
        if key in SWITCHES:
            others = [word for word in ("on", "off") if word not in values]
            yield from (f"{key}={word}, a parameter of the module overlay (--kernel-opt=overlay.{key}={word})"
                        for word in others)  # fmt: skip
        elif key in OPTIONS:
            yield f"{key}, an option of the snapshotter ({'leave it out' if 'true' in values else 'set it to true'})"
        elif key == "backing":
            taken = {name: None for driver in concerned(entry) for name in driver.backings if name not in values}
            if taken:
                yield f"a data root on {one_of(list(taken))}"
        elif key == "kernel":
            yield f"a kernel that is not {' or '.join(values)}"
        elif key == "engine":
            ranges = [value for value in values if " " in value]
            if len(ranges) == len(values):
                yield f"an engine that is not {' or '.join(ranges)}"


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
