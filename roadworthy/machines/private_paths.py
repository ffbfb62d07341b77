"""Directories of a capsule's own in place of those in which a daemon makes files under fixed names.

dockerd makes /etc/docker/key.json and /run/docker/plugins, its containerd /opt/containerd and a socket a container in
/run/containerd/s. No option moves all of them, and a killed shim leaves its socket. They go with the capsule.
"""

from __future__ import annotations

from pathlib import Path

from roadworthy.supplies.cache import cache_directory
from roadworthy.upkeep.ledger import RUNTIME, STATE

#: What is written to the three lies in memory, at $1, which /run may hide afterwards. /etc is copied where the kernel
#: cannot lay an overlay over it. What is in /opt may be the interpreter, and stays. /run has what runs share (the
#: further words) and nothing else, as below the root of an engine: this host's daemons are not there to be asked.
PRIVATE = """
mkdir -p "$1"; mount -t tmpfs -o mode=0755 roadworthy "$1"; cd "$1"; mkdir etc opt run upper work
mount -t overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" roadworthy etc || cp -a /etc/. etc
rm -rf etc/docker
for path in /opt/* /opt/.[!.]*; do
    if [ "$path" = /opt/containerd ]; then continue
    elif [ -L "$path" ]; then cp -P "$path" opt; continue
    elif [ -d "$path" ]; then mkdir ".$path"
    elif [ -e "$path" ]; then : >".$path"
    else continue
    fi
    mount --rbind "$path" ".$path"
done
shift
for directory; do mkdir -p ".$directory"; mount --bind "$directory" ".$directory"; done
for directory in etc opt run; do mount --rbind "$directory" "/$directory"; done
"""


def private_paths(runtime: Path) -> list[str]:
    """The command that gives a mount namespace these directories; `runtime` is the capsule's."""
    shared = [path for path in {RUNTIME, STATE, cache_directory()} if path.is_relative_to("/run") and path.is_dir()]
    return ["sh", "-ec", PRIVATE, "sh", str(runtime / "private"), *map(str, shared)]
