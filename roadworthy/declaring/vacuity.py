"""A check that looked at nothing says nothing: that is an error of the suite or its host, and no verdict."""

from __future__ import annotations


class Vacuous(Exception):
    """The check saw too little to tell a promise kept from a promise broken."""


def looked(looks: int, least: int) -> None:
    """Raise Vacuous where fewer than `least` looks were taken, as on a host that is too busy."""
    if looks < least:
        raise Vacuous(f"only {looks} looks, at least {least} are needed to see anything")
