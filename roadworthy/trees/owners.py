"""Whom the users of a container are outside its user namespace, so that a tree is made as its container sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from roadworthy.trees.layers import Entry

#: How the names of attributes begin that are access control lists.
ACL = "system.posix_acl_"


class Range(NamedTuple):
    """Ids from `inside` are ids from `outside`, as many as `length`: a line of uid_map, see user_namespaces(7)."""

    inside: int
    outside: int
    length: int


@dataclass(frozen=True)
class Owners:
    """A map of user and group ids; without a range every id is its own."""

    ranges: tuple[Range, ...] = ()

    @property
    def root(self) -> int:
        """Whom the root of a container is outside."""
        return self.outside(0)

    def outside(self, inside: int) -> int:
        """Whom the user or group of a container is outside. Raises ValueError for one that the map has not."""
        if not self.ranges:
            return inside
        for one in self.ranges:
            if one.inside <= inside < one.inside + one.length:
                return one.outside + inside - one.inside
        raise ValueError(f"no user outside is {inside} of a container")

    def seen_outside(self, tree: Mapping[str, Entry]) -> dict[str, Entry]:
        """The tree with the owners that it has outside."""
        return {path: self._seen_outside(value) for path, value in tree.items()} if self.ranges else dict(tree)

    def _seen_outside(self, value: Entry) -> Entry:
        lists = {name: self._list_outside(raw) for name, raw in value.xattrs.items() if name.startswith(ACL)}
        return replace(
            value, uid=self.outside(value.uid), gid=self.outside(value.gid), xattrs={**value.xattrs, **lists}
        )

    def _list_outside(self, raw: bytes) -> bytes:
        """An access control list with the users and groups that it names outside."""
        from roadworthy.trees.layers import acl, acl_rules  # the names of modes are options of every pytest run

        return acl(*((tag, bits, who if who is None else self.outside(who)) for tag, bits, who in acl_rules(raw)))


#: The map of a container that is in no user namespace but the first.
UNCHANGED = Owners()
