"""Which package has a program, on the distributions whose users ask, and the words that say what to install.

This is the only place that knows; a program that is not listed is asked for by its name.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple


class Packages(NamedTuple):
    """The package of a program on each distribution; empty where none is known."""

    debian: str
    fedora: str = ""
    arch: str = ""
    alpine: str = ""


#: How each distribution installs a package. Distributions that name one of these in ID_LIKE take its packages, see
#: os-release(5).
INSTALL = {"debian": "apt-get install", "fedora": "dnf install", "arch": "pacman -S", "alpine": "apk add"}


def everywhere(name: str) -> Packages:
    return Packages(*[name] * len(Packages._fields))


PACKAGES = {
    # engines, and what they call
    "dockerd": Packages("docker.io", "moby-engine", "docker", "docker-engine"),
    "docker": Packages("docker.io", "docker-cli", "docker", "docker-cli"),
    "containerd": everywhere("containerd"),
    "containerd-shim-runc-v2": everywhere("containerd"),
    "ctr": everywhere("containerd"),
    "runc": everywhere("runc"),
    "crun": everywhere("crun"),
    "podman": everywhere("podman"),
    "conmon": everywhere("conmon"),
    "fuse-overlayfs": everywhere("fuse-overlayfs"),
    "docker-registry": Packages("docker-registry"),
    # file systems and devices
    "mkfs.ext4": everywhere("e2fsprogs"),
    "mkfs.xfs": everywhere("xfsprogs"),
    "mkfs.btrfs": everywhere("btrfs-progs"),
    "mkfs.erofs": everywhere("erofs-utils"),
    "zpool": Packages("zfsutils-linux", alpine="zfs"),
    "zfs": Packages("zfsutils-linux", alpine="zfs"),
    "dmsetup": Packages("dmsetup", "device-mapper", "device-mapper", "device-mapper"),
    # what the suite itself calls
    "setpriv": everywhere("util-linux"),
    "unshare": everywhere("util-linux"),
    "nsenter": everywhere("util-linux"),
    "losetup": Packages("mount", "util-linux", "util-linux", "util-linux"),
    "ldd": Packages("libc-bin", "glibc-common", "glibc", "musl-utils"),
    "depmod": everywhere("kmod"),
    "modprobe": everywhere("kmod"),
    "sh": Packages("dash", "bash", "bash", "busybox"),
    "mount": Packages("mount", "util-linux", "util-linux", "util-linux"),
    "umount": Packages("mount", "util-linux", "util-linux", "util-linux"),
    "stat": everywhere("coreutils"),
    "python3": Packages("python3-minimal", "python3", "python", "python3"),
    "udevadm": Packages("udev", "systemd-udev", "systemd", "eudev"),
    "zstd": everywhere("zstd"),
    "ssh-keygen": Packages("openssh-client", "openssh", "openssh", "openssh-keygen"),
    "mmdebstrap": Packages("mmdebstrap"),
    "qemu-system-x86_64": Packages("qemu-system-x86", "qemu-system-x86", "qemu-system-x86", "qemu-system-x86_64"),
    "qemu-storage-daemon": Packages("qemu-system-common", "qemu-img", "qemu-img"),
    # what runs in containers
    "cp": everywhere("coreutils"),
    "mv": everywhere("coreutils"),
    "rm": everywhere("coreutils"),
    "find": everywhere("findutils"),
    "fio": everywhere("fio"),
    "grep": everywhere("grep"),
    "gzip": everywhere("gzip"),
    "sed": everywhere("sed"),
    "sqlite3": Packages("sqlite3", "sqlite", "sqlite", "sqlite"),
    "strace": everywhere("strace"),
    "tar": everywhere("tar"),
}


@cache
def distribution() -> str:
    """The key of INSTALL for this host, or an empty string."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    names = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    return next((name for name in names if name in INSTALL), "")


def debian(program: str) -> str:
    """Debian's package of a program."""
    return PACKAGES[program].debian if program in PACKAGES else program


def needs(*programs: str) -> str:
    """Say that this host needs these programs, and how to install all of them: `needs fio: apt-get install fio`."""
    here = distribution()
    words = {program: package_here(program, here) for program in programs}
    wanted = list(dict.fromkeys(package for package in words.values() if package))
    nowhere = [program for program, package in words.items() if not package]
    advice = [f"{INSTALL[here]} {' '.join(wanted)}"] if wanted else []
    if nowhere:
        known = ", ".join(f"{program} is in Debian's {debian(program)}" for program in nowhere)
        advice.append(f"install {listed(nowhere)} ({known})")
    return f"needs {listed(programs)}: {', and '.join(advice)}"


def package_here(program: str, here: str) -> str:
    """The package of a program on one of the distributions of INSTALL; empty if it is none, or has none."""
    if not here:
        return ""
    found: str = getattr(PACKAGES[program], here) if program in PACKAGES else program
    return found


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
