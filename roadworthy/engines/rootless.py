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
#: was given become the user's. Nodes of FUSE and of tun that everybody may open are what udev makes elsewhere.
START = """
user=$1 own=$2 first=$3 many=$4 runtime=$5 root=$6; shift 6
known() { [ -e "$1" ] && grep -q "^$user:" "$1"; }
known /etc/passwd || echo "$user:x:$own:$own::$runtime/h:/bin/sh" >>/etc/passwd
known /etc/group || echo "$user:x:$own:" >>/etc/group
for file in /etc/subuid /etc/subgid; do known "$file" || echo "$user:$first:$many" >>"$file"; done
rm -rf "$runtime/h/kit"; mkdir -p "$runtime/h" "$root"
for directory in "$(dirname "$runtime")" "$runtime" "$(dirname "$root")"; do chmod o+x "$directory"; done
chmod g+rwx "$runtime"; chgrp "$own" "$runtime"
chown "$own:$own" "$runtime/h" "$root"
for node in /dev/fuse /dev/net/tun; do
    [ -e "$node" ] && [ -z "$(find "$node" -perm -006)" ] || continue
    open="$runtime/h/${node##*/}"
    rm -f "$open"; mknod -m 0666 "$open" c $(stat --format="0x%t 0x%T" "$node"); mount --bind "$open" "$node"
done
exec setpriv --reuid="$own" --regid="$own" --clear-groups \\
    env --chdir=/ HOME="$runtime/h" XDG_RUNTIME_DIR="$runtime/h" USER="$user" "$@"
"""

#: As dockerd-rootless.sh has it. With the host's network, dockerd 28.5 panics when it is asked for its version (moby
#: daemon/info_unix.go, fillRootlessVersion()).
KIT = ("rootlesskit", "--net=slirp4netns", "--mtu=65520", "--slirp4netns-sandbox=false", "--slirp4netns-seccomp=false",
       "--disable-host-loopback", "--port-driver=builtin", "--copy-up=/etc", "--propagation=rslave")  # fmt: skip


def rootless(place: Place, mode: Mode, root: str, argv: Sequence[str]) -> list[str]:
    """The command line of a dockerd (`argv`) that runs as the user of `mode`, with `root` as its data root."""
    own, others = mode.owners.ranges
    words = [USER, str(own.outside), str(others.outside), str(others.length), str(place.runtime), root]
    kit = [*KIT, "--state-dir", str(place.runtime / "h/kit")]
    return ["env", "--chdir=/", "sh", "-ec", START, "sh", *words, *kit, *argv]
