"""From a check and the calls that it has made to a script."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from roadworthy.declaring.checks import PROVENANCES
from roadworthy.declaring.known import Known
from roadworthy.declaring.places import CHECKS
from roadworthy.drivers.base import Driver
from roadworthy.reports.cases import case
from roadworthy.reports.records import Call
from roadworthy.reports.text import visible
from roadworthy.repro.calls import NoScript, made
from roadworthy.repro.program import source
from roadworthy.repro.script import Reproduced, is_mounted, script

#: Fixtures whose work is not in a transcript of system calls, each with what a script would lack.
ELSEWHERE = {
    "containers": "it makes images and containers through the engine",
    "own_containers": "it makes images and containers through the engine",
    "daemons": "it starts daemons of its own",
    "engine": "it asks the engine",
    "toolbox": "it runs programs of the toolbox",
    "software": "it runs real software",
    "cramped": "it needs a file system that is full",
    "own_kernel": "it needs a kernel of its own",
    "power_cut": "it cuts the power",
    "other_exec": "it needs a second docker exec",
}
WIDTH = 116


def reproducer(
    check: Known, identity: str, driver: Driver, backing: str, why: str, transcript: Sequence[Call], omitted: int,
    by_engine: bool = False,
) -> str:  # fmt: skip
    """A script that shows on this driver what a check has found. Raises NoScript, whose text says why there is none.

    `transcript` is that of the check on a lane that keeps the promise, so that it goes to the end; on another lane it
    ends with the break.
    """
    refuse(check)
    of = case(identity)
    words = [word for word in PROVENANCES if of == word or of.endswith(f"-{word}") or of.startswith(f"{word}-")]
    provenance = max(words, key=len, default="")  # `lower-deep` is not `lower`
    if not provenance:
        provenance = check.provenances[0] if check.provenances else "lower" if check.trees else "upper"
    if provenance == "volume":
        raise NoScript("it is about a volume, which has no layers")
    mounted = is_mounted(driver.name) and not by_engine
    if not mounted and provenance != "upper" and has_user_attributes(check):
        raise NoScript("its image has user.* attributes, which docker commit drops")
    slug = identity.replace("/", ".").replace("[", ".").replace("]", "")
    calls = made(transcript, omitted)
    program, layers = source(check.trees, provenance, calls, f"/{CHECKS}/{slug}", "storage" in check.fixtures)
    about = [*lines(f"{identity}, on {driver.name}: {check.promise}"), *lines(why)]
    found = Reproduced(
        " ".join(visible(identity).split()),
        driver.name,
        driver.daemon_name,
        backing,
        about,
        program,
        layers,
        frozenset(check.capabilities),
    )
    return script(found, by_engine)


def has_user_attributes(check: Known) -> bool:
    return any(name.startswith("user.") for tree in check.trees for value in tree.values() for name in value.xattrs)


def refuse(check: Known) -> None:
    """Raise NoScript for a check whose work is not in system calls of its own."""
    for name in check.fixtures:
        if name in ELSEWHERE:
            raise NoScript(ELSEWHERE[name])


def lines(text: str) -> list[str]:
    return textwrap.wrap(visible(text), WIDTH)
