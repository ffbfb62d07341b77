"""A view of this host in which every file that is made or removed can be seen, whatever else runs on the host.

A mount namespace with an overlay over each top-level directory: what is written lies in the upper layers. Only the
directories that are handed in are the host's own, as are /proc, /sys and /dev.
"""

import os
import stat
import subprocess
from pathlib import Path

from roadworthy.deadline import wait_until

#: What a daemon makes for itself unless it is kept from it, and what a host where one ran has already.
OF_DAEMONS = ("/etc/docker", "/opt/containerd", "/opt/cni", "/run/docker", "/run/containerd",
              "/run/containers", "/run/libpod", "/run/crun", "/run/runc", "/run/netns")  # fmt: skip
#: Its arguments are the directory for the layers, and pairs of a directory of the host and where it is to be seen.
#: Paths below the working directory are relative, as an overlay may hide it.
PREPARE = """
cd "$1"; shift
mount -t tmpfs -o mode=0755 roadworthy "$PWD"; cd "$PWD"
for directory in /*; do
    case $directory in /proc|/sys|/dev) continue ;; esac
    if [ ! -L "$directory" ] && [ -d "$directory" ]; then echo "$directory"; fi
done >directories
number=0
for pair; do
    number=$((number + 1)); mkdir -p "shared/$number"
    mount --rbind "${pair%:*}" "shared/$number"
done
while read -r directory; do
    mkdir -p "upper$directory" "work$directory"
    mount -t overlay -o "lowerdir=$directory,upperdir=upper$directory,workdir=work$directory" roadworthy "$directory"
done <directories
number=0
for pair; do
    number=$((number + 1)); mkdir -p "${pair#*:}"
    mount --no-canonicalize --rbind "./shared/$number" "${pair#*:}"
done
until rm -rf OF_DAEMONS; do :; done  # a daemon of the host may make another file meanwhile
: >ready
exec sleep infinity
""".replace("OF_DAEMONS", " ".join(OF_DAEMONS))


class PrivateHost:
    """The view, while it is open. `shared` are directories of the host by the path at which they are seen in it."""

    def __init__(self, layers, shared):
        layers.mkdir()
        pairs = [f"{of_host}:{seen}" for seen, of_host in shared.items()]
        self._shared = [Path(seen) for seen in shared]
        self._holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--propagation=private", "--",
             "sh", "-ec", PREPARE, "sh", layers, *pairs],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._layers = Path(f"/proc/{self._holder.pid}/cwd")
        wait_until(lambda: self._holder.poll() is not None or (self._layers / "ready").exists(), 20, "the view")
        if self._holder.poll() is not None:
            raise OSError(f"the view could not be made: {self._holder.stderr.read().decode()}")
        self._top = set(os.listdir("/"))

    def entered(self, directory):
        """Words before a command that run it in the view, as the process that is started."""
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", f"--wd={directory}", "--"]

    def path(self, path):
        """A path of the view as this process reaches it."""
        return Path(f"/proc/{self._holder.pid}/root{path}")

    def changed(self):
        """The paths that were made or removed in the view, as `+` and `-` with the path."""
        found = []
        for top in (self._layers / "directories").read_text().split():
            upper = Path(f"{self._layers}/upper{top}")
            for directory, names, files in os.walk(upper):
                for name in (*names, *files):
                    path = Path(directory, name)
                    seen = Path(top) / path.relative_to(upper)
                    if any(shared.is_relative_to(seen) for shared in self._shared):
                        continue
                    status = path.lstat()
                    removed = any(seen.is_relative_to(of_daemon) for of_daemon in OF_DAEMONS)
                    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                        found += [f"- {seen}"] * (not removed)
                    elif removed or not os.path.lexists(seen):
                        found.append(f"+ {seen}")
        found += [f"+ /{name}" for name in os.listdir(self.path("/")) if name not in self._top]
        return sorted(found)

    def close(self):
        self._holder.kill()
        self._holder.wait(10)
        self._holder.stderr.close()
