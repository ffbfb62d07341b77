"""What an image carries of a file tree, in a form that can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Manifest:
    """The fields of each path: kind, mode, owner, mtime, checksum, size, target, device, attributes, links."""

    entries: Mapping[str, Mapping[str, str]]

    def __str__(self) -> str:
        return f"{len(self.entries)} entries"

    def differences(self, other: Manifest, besides: str = "") -> list[str]:
        """How `other` differs from this tree, one sentence each; the field `besides` is not compared."""
        found = []
        for path in sorted({*self.entries, *other.entries}):
            was, now = self.entries.get(path), other.entries.get(path)
            if was is None or now is None:
                found.append(f"{path} is {'gone' if now is None else 'new'}")
                continue
            for name in sorted({*was, *now} - {besides}):
                if was.get(name) != now.get(name):
                    found.append(f"{path}: {name} {was.get(name, 'absent')} became {now.get(name, 'absent')}")
        return found

    def became(self, other: Manifest) -> tuple[list[str], list[str]]:
        """What became of this tree in `other` besides its directories' times, and which of those are later or earlier.

        Drivers that copy trees set a directory's time before they fill it, and lose nothing else.
        """
        moved = {
            f"{path}: mtime {was['mtime']} became {now['mtime']}": f"{path} is {order(was['mtime'], now['mtime'])}"
            for path, was in sorted(self.entries.items())
            if (now := other.entries.get(path, was))["kind"] == was["kind"] == "directory"
            and now["mtime"] != was["mtime"]
        }
        return [said for said in self.differences(other) if said not in moved], [*moved.values()]


def order(was: str, now: str) -> str:
    """Whether a time, in seconds with a fraction, is `later` or `earlier` than it was."""
    before, after = (tuple(map(int, time.split("."))) for time in (was, now))
    return "later" if after > before else "earlier"
