"""A check that looked at nothing proves nothing: that is an error of the suite or its host, not a verdict."""

from __future__ import annotations


class Vacuous(Exception):
    """The check saw too little to distinguish a kept promise from a broken one."""


def overlapped(did: bool, what: str) -> None:
    """Raise Vacuous unless `what` went on while the check did what it promises to do meanwhile."""
    if not did:
        raise Vacuous(f"{what} was over before the check could do anything meanwhile")


def looked(looks: int, least: int) -> None:
    """Raise Vacuous if fewer than `least` looks were taken, as on a host that is too busy."""
    if looks < least:
        raise Vacuous(f"only {looks} looks, at least {least} are needed to see anything")
