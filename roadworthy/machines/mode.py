"""The modes of an engine: as whom the daemon and its containers run."""

from __future__ import annotations

from dataclasses import dataclass

from roadworthy.trees.owners import UNCHANGED, Owners, Range

#: The first of the ids that the users of containers have outside, and how many there are: useradd(8)'s defaults.
FIRST, MANY = 100_000, 65_536

#: What starts a daemon in a user namespace of an ordinary user.
PROGRAMS = ("rootlesskit", "newuidmap", "newgidmap", "slirp4netns", "setpriv")


@dataclass(frozen=True)
class Mode:
    """One mode. `engines` are the kinds that have it; `owners` says whom the users of its containers are outside."""

    name: str
    engines: tuple[str, ...] = ()
    owners: Owners = UNCHANGED
    #: The programs that it needs besides the engine's.
    programs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    @property
    def in_user_namespace(self) -> bool:
        """Whether containers are in a user namespace, so that their root is not the machine's."""
        return self.owners is not UNCHANGED


ROOTFUL = Mode("rootful")
#: dockerd runs as root, and gives all of its containers one user namespace (dockerd(8), --userns-remap).
USERNS_REMAP = Mode("userns-remap", ("docker",), Owners((Range(0, FIRST, MANY),)))
#: dockerd and its containers run in one user namespace of an ordinary user, who has the first id below the others.
ROOTLESS = Mode("rootless", ("docker",), Owners((Range(0, FIRST - 1, 1), Range(1, FIRST, MANY))), PROGRAMS)
#: The modes by name. Every engine has the first.
MODES = {mode.name: mode for mode in (ROOTFUL, ROOTLESS, USERNS_REMAP)}
