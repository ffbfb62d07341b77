"""Days as a reader writes them."""

from __future__ import annotations

from datetime import date

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip


def long_date(day: str) -> str:
    """`2026-11-30` as `30 November 2026`, in any locale."""
    found = date.fromisoformat(day)
    return f"{found.day} {_MONTHS[found.month - 1]} {found.year}"


def told(edition: str) -> str:
    """`2026-11-30-evening` as `30 November 2026, evening`; a name without a date as it is."""
    try:
        day = long_date(edition[:10])
    except ValueError:
        return edition
    rest = edition[10:].strip("-_. ").replace("-", " ")
    return f"{day}, {rest}" if rest else day
