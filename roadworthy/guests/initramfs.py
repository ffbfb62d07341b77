"""The first root of a guest: it loads the modules that reach the disks, and hands over to the engine root.

We write it instead of the distribution's generator: a megabyte or two with busybox, the closure of a few modules and
one script. No udev runs yet, so disks are identified by the serial number that QEMU gives them, read from sysfs.
"""

from __future__ import annotations

import gzip
import lzma
import platform
import re
import shutil
import struct
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from roadworthy.guests.cpio import Archive
from roadworthy.programs import run
from roadworthy.stage import Stage, quietly
from roadworthy.supplies.apt import apt, host_codename
from roadworthy.supplies.cache import Cache
from roadworthy.supplies.kernels import Kernel
from roadworthy.supplies.modules import Modules

#: Modules for the root disk and the machine's agent. On x86 machines without ACPI, add virtio_mmio.
MODULES = ("virtio_pci", "virtio_blk", "virtio_console", "virtio_net", "virtio_rng", "ext4", "overlay")
#: Programs that the script calls; busybox is each of them by its name.
APPLETS = ("sh", "mount", "umount", "mkdir", "cat", "cp", "echo", "insmod", "switch_root", "poweroff", "usleep", "ls")
KERNEL_FILESYSTEMS = {"proc": "proc", "sys": "sysfs", "dev": "devtmpfs"}
#: What a script that cannot continue prints first on the console; the rest of the line is the reason.
MARK = "roadworthy-initramfs:"


class NotStatic(Exception):
    """The busybox named for an initramfs needs libraries, which an initramfs does not have."""


@dataclass(frozen=True)
class Plan:
    """What the script does. Serial numbers are those of the virtio disks, at most 20 bytes.

    `writable` says how the root can be written: `overlay` mounts the disk read-only and puts an overlay on tmpfs over
    it; `disk` mounts the disk itself, for a kernel without overlayfs and a disk that QEMU discards. `wait` is in
    seconds. `files` are put into the root before `init` starts: path in the root -> contents; they are executable.
    Raises ValueError.
    """

    init: str
    root: str = "root"
    modules: str = ""
    writable: Literal["overlay", "disk"] = "overlay"
    wait: int = 30
    files: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for serial in (self.root, self.modules):
            if not re.fullmatch(r"[A-Za-z0-9_.-]{0,20}", serial):
                raise ValueError(f"disk serial {serial!r}: letters, digits, '_', '.', '-', at most 20")
        if not re.fullmatch(r"/[A-Za-z0-9_./-]+", self.init):
            raise ValueError(f"init {self.init!r}: expected an absolute path without spaces")


def initramfs(
    kernel: Kernel, busybox: Path, plan: Plan, modules: Iterable[str] = MODULES, compressed: bool = False
) -> bytes:
    """An initramfs for this kernel. It is uncompressed by default, because emulation takes seconds to unpack it.

    Raises ModuleLacking if the kernel lacks one of `modules`, and NotStatic. A kernel without a modules tree gets no
    modules, because it has everything built in.
    """
    archive = Archive()
    for directory in ("proc", "sys", "dev", "disk", "upper", "newroot"):
        archive.directory(directory)
    archive.character_device("dev/console", 5, 1)  # the kernel opens it for init before anything is mounted
    archive.file("bin/busybox", static(busybox), 0o755)
    for applet in APPLETS:
        archive.symlink(f"bin/{applet}", "busybox")
    loaded = Modules(kernel.modules).closure(modules) if kernel.modules else []
    for path in loaded:
        archive.file(f"modules/{module_file(path)}", unpacked(path))
    for name, data in sorted(plan.files.items()):
        archive.file(f"payload/{name.lstrip('/')}", data, 0o755)
    archive.file("init", script(plan, [module_file(path) for path in loaded]).encode(), 0o755)
    written = archive.bytes()
    return gzip.compress(written, compresslevel=6, mtime=0) if compressed else written


def script(plan: Plan, modules: list[str]) -> str:
    """The initramfs's /init. Whatever keeps it from switching the root is printed on the console before a power-off."""
    lines = [
        "#!/bin/sh",
        f'stop() {{ echo "{MARK} $1"; poweroff -f; }}',
        *(f"mount -t {kind} {kind} /{at} || stop 'no {kind}'" for at, kind in KERNEL_FILESYSTEMS.items()),
        # Parameters stand on the command line as MODULE.PARAMETER=VALUE, where insmod itself does not look.
        "parameters() {",
        '    for word in $(cat /proc/cmdline); do case "$word" in "$1".*) echo "${word#*.}";; esac; done',
        "}",
        *(
            f"insmod /modules/{name} $(parameters {Path(name).stem.replace('-', '_')})"
            f" || stop 'module {name} does not load'"
            for name in modules
        ),
        # Sets $disk. Disks appear some time after their module: look every 20 ms.
        "find_disk() {",
        "    tries=0",
        "    while :; do",
        "        for file in /sys/block/*/serial; do",
        '            [ -e "$file" ] && [ "$(cat "$file")" = "$1" ] || continue',
        '            disk=${file%/serial}; disk=/dev/${disk##*/}; [ -b "$disk" ] && return',
        "        done",
        f'        [ "$tries" -lt {plan.wait * 50} ] || stop "no disk $1 within {plan.wait} s, but $(ls /sys/block)"',
        "        tries=$((tries + 1)); usleep 20000",
        "    done",
        "}",
        f"find_disk '{plan.root}'",
    ]
    if plan.writable == "overlay":
        lines += [
            "mount -t ext4 -o ro \"$disk\" /disk || stop 'the root disk does not mount'",
            "mount -t tmpfs -o mode=0755 upper /upper && mkdir /upper/data /upper/work || stop 'no tmpfs'",
            "mount -t overlay -o lowerdir=/disk,upperdir=/upper/data,workdir=/upper/work root /newroot"
            " || stop 'no overlay over the root disk'",
        ]
    else:
        lines += ["mount -t ext4 \"$disk\" /newroot || stop 'the root disk does not mount'"]
    if plan.modules:
        lines += [
            f"find_disk '{plan.modules}'",
            "mkdir -p /newroot/lib/modules",
            "mount -t ext4 -o ro \"$disk\" /newroot/lib/modules || stop 'the modules disk does not mount'",
        ]
    if plan.files:
        lines += ["cp -a /payload/. /newroot/ || stop 'the files for the root do not fit'"]
    lines += [
        # An absolute link leads elsewhere here than in the new root.
        f"[ -x /newroot{plan.init} ] || [ -L /newroot{plan.init} ] || stop 'the root has no {plan.init}'",
        *(
            f"mkdir -p /newroot/{at} && mount -o move /{at} /newroot/{at} || stop 'no /{at}'"
            for at in KERNEL_FILESYSTEMS
        ),
        f"exec switch_root /newroot {plan.init}",
        "stop 'switch_root failed'",
    ]
    return "\n".join(lines) + "\n"


def module_file(path: Path) -> str:
    """The name of a module's file once it is unpacked."""
    return re.sub(r"\.ko\.\w+$", ".ko", path.name)


def unpacked(path: Path) -> bytes:
    """The uncompressed bytes of a module, because not every kernel unpacks modules itself."""
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst":  # not in the standard library
        with tempfile.TemporaryDirectory(prefix="roadworthy-module-") as scratch:
            run(["zstd", "--decompress", "--quiet", path, "-o", Path(scratch) / "module"])
            return (Path(scratch) / "module").read_bytes()
    return path.read_bytes()


def static(busybox: Path) -> bytes:
    """The bytes of a statically linked program. Raises NotStatic."""
    data = busybox.read_bytes()
    if data[:5] != b"\x7fELF\x02":
        raise NotStatic(f"{busybox} is not a 64-bit ELF program; expected the one of Debian's busybox-static")
    offset, entry_size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    interpreter = 3  # PT_INTERP
    if any(struct.unpack_from("<I", data, offset + at * entry_size)[0] == interpreter for at in range(count)):
        raise NotStatic(f"{busybox} needs a dynamic loader; expected the one of Debian's busybox-static")
    return data


def busybox(cache: Cache | None = None, *, accept_expired: bool = False, stage: Stage = quietly) -> Path:
    """busybox-static of the host's own release, from the cache or fetched. Raises AptFailed."""
    suite = host_codename()

    def fill(directory: Path) -> dict[str, Any]:
        with apt(suite, accept_expired=accept_expired, within=directory) as client:
            version = client.show("busybox-static")["Version"]
            package = client.download("busybox-static", directory)
        run(["dpkg-deb", "--extract", package, directory / "unpacked"])
        found = next(
            path for path in (directory / "unpacked").rglob("busybox") if path.is_file() and path.parent.name == "bin"
        )
        found.rename(directory / "busybox")
        shutil.rmtree(directory / "unpacked")
        package.unlink()
        return {"version": version}

    recipe = {"package": "busybox-static", "suite": suite, "machine": platform.machine(), "busybox": 2}
    return (cache or Cache()).entry("busybox", recipe, fill, label="busybox", stage=stage).path / "busybox"
