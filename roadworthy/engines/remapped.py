"""dockerd with remapped users: the user whose subordinate ids its containers have, in /etc of its place alone.

A place has an /etc of its own, in memory: nothing of this reaches a file of this host.
"""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.machines.mode import Mode
from roadworthy.machines.place import Place

#: The user, who has no other use, so that a root which brings subordinate ids of other users keeps them.
USER = "roadworthy"
#: It runs before each start, as a daemon may go on in another place, or below another root. dockerd refuses a data root
#: that the root of its containers cannot reach, and makes directories of its own beside those below its exec root that
#: others may not enter (moby libcontainerd/remote/client_linux.go, WithBundle()): nobody would remove them.
START = """
user=$1 first=$2 many=$3 above=$4 place=$5; shift 5
known() { [ -e "$1" ] && grep -q "^$user:" "$1"; }
known /etc/passwd || echo "$user:x:$first:$first::/nonexistent:/usr/sbin/nologin" >>/etc/passwd
known /etc/group || echo "$user:x:$first:" >>/etc/group
for file in /etc/subuid /etc/subgid; do known "$file" || echo "$user:$first:$many" >>"$file"; done
for directory in "$above" "$place"; do
    chmod o+x "$directory"
done
exec "$@"
"""


def remapped(place: Place, mode: Mode, argv: Sequence[str]) -> list[str]:
    """The command line of a dockerd whose containers have the ids of `mode`."""
    (ids,) = mode.owners.ranges
    words = [USER, str(ids.outside), str(ids.length), str(place.runtime.parent), str(place.runtime)]
    return ["env", "--chdir=/", "sh", "-ec", START, "sh", *words, *argv, "--userns-remap", USER]


def below(mode: Mode) -> str:
    """The directory below the data root that it is told, in which such a daemon keeps all that it has."""
    return f"{mode.owners.root}.{mode.owners.root}"
