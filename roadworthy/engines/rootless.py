"""A rootless dockerd: an ordinary user of its place, under RootlessKit, in a user namespace of the daemon's own.

RootlessKit's documentation and Docker's on rootless mode say what the user needs: subordinate ids, a home, and a
runtime directory. They are in memory in the place, or lie on the backing; nothing of this reaches a file of this host.
"""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.engines.remapped import USER
from roadworthy.machines.mode import Mode
from roadworthy.machines.place import Place

#: It runs before each start, as root of the place: a daemon may go on in another place. The directories that the daemon
#: was given become the user's. A node of FUSE that everybody may open is what udev makes on other machines.
START = """
user=$1 own=$2 first=$3 many=$4 runtime=$5 root=$6; shift 6
known() { [ -e "$1" ] && grep -q "^$user:" "$1"; }
known /etc/passwd || echo "$user:x:$own:$own::$runtime/h:/bin/sh" >>/etc/passwd
known /etc/group || echo "$user:x:$own:" >>/etc/group
for file in /etc/subuid /etc/subgid; do known "$file" || echo "$user:$first:$many" >>"$file"; done
rm -rf "$runtime/h/kit"; mkdir -p "$runtime/h" "$root"
for directory in "$(dirname "$runtime")" "$runtime" "$(dirname "$root")"; do
    [ -n "$(find "$directory" -maxdepth 0 -perm -001)" ] || { chgrp "$own" "$directory"; chmod g+x "$directory"; }
done
chmod g+w "$runtime"; chgrp "$own" "$runtime"
chown "$own:$own" "$runtime/h" "$root"
if [ -e /dev/fuse ] && [ -z "$(find /dev/fuse -perm -006)" ]; then
    mknod -m 0666 "$runtime/fuse" c 10 229; mount --bind "$runtime/fuse" /dev/fuse
fi
exec setpriv --reuid="$own" --regid="$own" --clear-groups \\
    env --chdir=/ HOME="$runtime/h" XDG_RUNTIME_DIR="$runtime/h" USER="$user" "$@"
"""


def rootless(place: Place, mode: Mode, root: str, argv: Sequence[str]) -> list[str]:
    """The command line of a dockerd (`argv`) that runs as the user of `mode`, with `root` as its data root."""
    own, others = mode.owners.ranges
    words = [USER, str(own.outside), str(others.outside), str(others.length), str(place.runtime), root]
    kit = ["rootlesskit", "--state-dir", str(place.runtime / "h/kit"), "--net=host", "--propagation=rslave"]
    return ["env", "--chdir=/", "sh", "-ec", START, "sh", *words, *kit, *argv]
