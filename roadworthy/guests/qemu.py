"""QEMU's command line for one guest, and a probe whether this host's KVM really runs one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from roadworthy.guests.ticks import kilohertz
from roadworthy.programs import ENVIRONMENT, tied
from roadworthy.supplies.kernels import Kernel
from roadworthy.supplies.packages import needs

PROGRAM = "qemu-system-x86_64"
#: The program's name in /proc/PID/comm, which has fifteen bytes.
COMM = PROGRAM[:15]
#: The guest's address in the user-mode network, and the port of the inner relay; nothing outside can reach either.
ADDRESS = "10.0.2.15"
PORT = 2375
MIB = 1 << 20


@dataclass(frozen=True)
class Accelerator:
    """How the guest's processor runs. `reason` says why it is not KVM, for the header of a run."""

    name: str
    reason: str = ""

    @property
    def words(self) -> list[str]:
        return (
            ["-accel", "kvm", "-cpu", "host"] if self.name == "kvm" else ["-accel", "tcg,thread=multi", "-cpu", "max"]
        )


EMULATION = Accelerator("tcg")
#: The last words of a kernel without a root file system; `panic=-1` then ends QEMU. It shows a boot up to that step.
BOOTED = "not syncing: VFS: Unable to mount root fs"


@cache
def accelerator(kernel: Path) -> Accelerator:
    """KVM if `kernel` really boots under it, else TCG.

    Neither a device node nor a first instruction proves that: nested KVM can run firmware and then stall.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return Accelerator("tcg", "/dev/kvm is missing or closed to this user")
    trouble = probe(kernel, Accelerator("kvm"))
    return Accelerator("tcg", f"KVM does not boot {kernel.name}: {trouble}") if trouble else Accelerator("kvm")


def probe(kernel: Path, accel: Accelerator, seconds: float = 15.0) -> str:
    """Boot a kernel without a root, for at most `seconds`: an empty string if it misses that, or what went wrong."""
    argv = [
        PROGRAM, "-nodefaults", "-no-user-config", "-machine", "pc", *accel.words, "-m", "512", "-display", "none",
        "-no-reboot", "-serial", "stdio", "-kernel", str(kernel), "-append", "console=ttyS0 panic=-1",
    ]  # fmt: skip
    if not shutil.which(PROGRAM, path=ENVIRONMENT["PATH"]):
        return needs(PROGRAM)
    try:
        # A run that is killed ends timeout(1), and that ends QEMU; before either is tied, it ends in time by itself.
        done = subprocess.run(
            tied(["timeout", "--signal=KILL", f"{seconds + 5:g}", *tied(argv)]),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            env=ENVIRONMENT,
            check=False,
        )
    except subprocess.TimeoutExpired as stalled:
        last = (stalled.stdout or b"").decode(errors="replace").strip().splitlines()[-1:]
        return f"it stalled for {seconds:g} s" + "".join(f" after {line.strip()!r}" for line in last)
    if BOOTED in done.stdout.decode(errors="replace"):
        return ""
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return said[0] if said else f"{PROGRAM} ended with {done.returncode}"


@dataclass(frozen=True)
class Disk:
    """A disk, named by its serial number of at most 20 bytes.

    It is an image that is only read, or one of `size` bytes that is made fresh for one guest and removed with it. One
    that is `logged` can write down what it is told.
    """

    serial: str
    path: Path
    size: int = 0
    logged: bool = False

    @property
    def fresh(self) -> bool:
        return self.size > 0


@dataclass(frozen=True)
class Hardware:
    """The hardware of a guest, and its kernel.

    The serial of a disk names its use: `root` is the engine's root, `modules` the kernel's (absent if all is built in),
    any others are the caller's. `memory` is in bytes.
    """

    kernel: Kernel
    busybox: Path
    disks: tuple[Disk, ...]
    memory: int = 2048 * MIB
    processors: int = 2
    #: More words for the kernel's command line, such as `overlay.redirect_dir=on`.
    command_line: tuple[str, ...] = ()
    #: Which control groups the guest's init mounts: `v2` or `v1`.
    cgroups: Literal["v2", "v1"] = "v2"
    #: How the root can be written: see the initramfs's plan. With `disk`, QEMU keeps the changes and discards them.
    writable: Literal["overlay", "disk"] = "overlay"

    @property
    def fresh(self) -> tuple[Disk, ...]:
        return tuple(disk for disk in self.disks if disk.fresh)


#: The console gets all but debug messages: measured, its 26 KB cost a boot nothing, and a guest that hangs leaves
#: nothing else. Without AppArmor, because an engine that finds it needs its parser, which an engine root may lack.
KERNEL_WORDS = (
    "console=ttyS0", "loglevel=7", "panic=-1", "oops=panic", "net.ifnames=0", "random.trust_cpu=on",
    "sysrq_always_enabled", "apparmor=0",
)  # fmt: skip
#: Emulation stalls when its host is busy; such a stall must not look like the kernel's. Mitigations against speculation
#: cost a third of the boot and protect nothing here.
EMULATED_WORDS = ("mitigations=off", "nokaslr", "rcupdate.rcu_cpu_stall_timeout=120")


#: The log of QEMU 7.2 mixes up a command to write zeroes with what is written meanwhile. It puts two pieces before a
#: write's own, of which QEMU may merge as many as one system call takes; see QEMU's blklogwrites.c and virtio-blk.c.
ONLY_WHAT_IS_LOGGED = "write-zeroes=off,request-merging=off"


def command_line(hardware: Hardware, accel: Accelerator) -> str:
    """The kernel's command line."""
    words = [*KERNEL_WORDS, *hardware.command_line]
    if accel.name == "tcg":
        words += [*EMULATED_WORDS, *([f"tsc_early_khz={kilohertz()}", "tsc=reliable"] if kilohertz() else [])]
    return " ".join(words)


@dataclass(frozen=True)
class Files:
    """The paths of a guest's sockets and logs, in a directory that only its user may enter."""

    directory: Path

    @property
    def console(self) -> Path:
        return self.directory / "console"

    @property
    def pulse(self) -> Path:
        return self.directory / "pulse"

    @property
    def agent(self) -> Path:
        return self.directory / "a"

    @property
    def control(self) -> Path:
        return self.directory / "q"

    @property
    def initramfs(self) -> Path:
        return self.directory / "initramfs"

    @property
    def log(self) -> Path:
        return self.directory / "qemu.log"


def arguments(hardware: Hardware, files: Files, accel: Accelerator) -> list[str]:
    """QEMU's whole argument list.

    The network is QEMU's own and restricted: the guest reaches nothing, and only the capsule's own network namespace
    reaches the one port that is forwarded into the guest.
    """
    forward = f"hostfwd=tcp:127.0.0.1:{PORT}-{ADDRESS}:{PORT}"
    return [
        PROGRAM, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "pc", *accel.words,
        "-smp", str(hardware.processors), "-m", f"{hardware.memory // MIB}M", "-rtc", "base=utc",
        "-kernel", str(hardware.kernel.image), "-initrd", str(files.initramfs),
        "-append", command_line(hardware, accel),
        "-serial", f"file:{files.console}",
        "-qmp", f"unix:{files.control},server=on,wait=off",
        "-device", "virtio-serial-pci",
        "-chardev", f"socket,id=agent,path={files.agent},server=on,wait=off",
        "-device", "virtserialport,chardev=agent,name=roadworthy.calls.agent",
        "-chardev", f"file,id=pulse,path={files.pulse}",
        "-device", "virtserialport,chardev=pulse,name=roadworthy.pulse",
        "-object", "rng-random,id=entropy,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=entropy",
        # Without `panic=none` QEMU ends on the device's event, before the kernel has flushed its last lines.
        "-device", "pvpanic", "-action", "panic=none",
        "-netdev", f"user,id=net,restrict=on,ipv6=off,{forward}", "-device", "virtio-net-pci,netdev=net,romfile=",
        *[word for disk in hardware.disks for word in disk_arguments(disk, hardware.writable == "disk")],
    ]  # fmt: skip


def disk_arguments(disk: Disk, root_is_written: bool = False) -> list[str]:
    """The arguments of one virtio block device."""
    serial = escaped(disk.serial)
    device = f"virtio-blk-pci,drive=disk-{serial},serial={serial}"
    if disk.fresh:
        own, through = file_node(f"own-{disk.serial}", disk.path), through_node(disk.serial, f"own-{disk.serial}")
        device += f",{ONLY_WHAT_IS_LOGGED}" if disk.logged else ""
        return ["-blockdev", json.dumps(own), "-blockdev", json.dumps(through), "-device", device]
    held = "snapshot=on" if disk.serial == "root" and root_is_written else "readonly=on"
    return [
        "-drive", f"if=none,id=disk-{serial},format=raw,file={escaped(str(disk.path))},{held}",
        "-device", device,
    ]  # fmt: skip


def file_node(name: str, path: Path) -> dict[str, Any]:
    """A file of this host as a block node.

    What a fresh disk holds need not outlive its guest, so its flushes end in the page cache. The guest still sends them
    and counts them; only the host does not wait for its own disk.
    """
    cache = {"direct": False, "no-flush": True}
    return {"driver": "file", "node-name": name, "filename": str(path), "discard": "unmap", "cache": cache}


def through_node(serial: str, below: str) -> dict[str, Any]:
    """The block node of a fresh disk's device. It hands everything to the node `below`, which can be changed."""
    return {"driver": "raw", "node-name": f"disk-{serial}", "file": below, "discard": "unmap"}


def log_node(name: str, content: str, log: str) -> dict[str, Any]:
    """A block node that writes down in the node `log` what it is told, and does it to the node `content`."""
    return {
        "driver": "blklogwrites", "node-name": name, "file": content, "log": log, "log-super-update-interval": 1,
        "discard": "unmap",
    }  # fmt: skip


def escaped(value: str) -> str:
    """A value for an option of QEMU, with doubled commas, because a single comma would end it."""
    return value.replace(",", ",,")
