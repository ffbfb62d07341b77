#!/usr/bin/python3 -ISB
"""The first process of a guest, from switch_root on. Standard library only, and Python 3.9 is enough.

It finds the kernel's file systems and its own files mounted by the initramfs, prepares what an engine needs, and
starts the agent on its virtio-serial port. After that it does two things for ever: it reaps what others leave behind,
and it writes the uptime to the pulse port once a second, which distinguishes a guest that is busy or has lost its agent
from one that has stopped. The settings are a file beside this one, written by the controller.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from typing import Any

HOME = os.path.dirname(os.path.abspath(__file__))
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"}
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
IFF_UP_RUNNING = 0x41
#: Drivers of the devices that the controller attached. Drivers that are built in or missing are skipped.
MODULES = ("virtio_console", "virtio_net", "virtio_rng", "pvpanic_mmio", "pvpanic", "loop", "fuse", "dm_mod")
SETTLE_DEADLINE = 60.0

libc = ctypes.CDLL(None, use_errno=True)


def mount(kind: str, where: str, options: str = "", flags: int = MS_NOSUID | MS_NODEV | MS_NOEXEC) -> None:
    """mount(2) of a file system without a device; one that is mounted there already stays. Raises OSError."""
    os.makedirs(where, exist_ok=True)
    if libc.mount(kind.encode(), where.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()) == -1:
        code = ctypes.get_errno()
        if code != 16:  # EBUSY
            raise OSError(code, os.strerror(code), where)


def mount_all(cgroups: str) -> None:
    """Mount what systemd would mount, and no more; `cgroups` is `v2` or `v1`."""
    mount("devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666", MS_NOSUID | MS_NOEXEC)
    mount("tmpfs", "/run", "mode=755", MS_NOSUID | MS_NODEV)
    for where in ("/dev/shm", "/tmp"):
        mount("tmpfs", where, "mode=1777", MS_NOSUID | MS_NODEV)
    for kind, where in (("mqueue", "/dev/mqueue"), ("debugfs", "/sys/kernel/debug"), ("tracefs", "/sys/kernel/tracing"),
                        ("securityfs", "/sys/kernel/security"), ("fusectl", "/sys/fs/fuse/connections")):  # fmt: skip
        with contextlib.suppress(OSError):  # not every kernel has each of them
            mount(kind, where)
    if cgroups == "v2":
        mount("cgroup2", "/sys/fs/cgroup")
        return
    mount("tmpfs", "/sys/fs/cgroup", "mode=755", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    with open("/proc/cgroups") as table:
        controllers = [line.split()[0] for line in table if not line.startswith("#") and line.split()[3] == "1"]
    for name in controllers:
        os.makedirs(f"/sys/fs/cgroup/{name}", exist_ok=True)
        libc.mount(b"cgroup", f"/sys/fs/cgroup/{name}".encode(), b"cgroup", ctypes.c_ulong(0), name.encode())
    write("/sys/fs/cgroup/memory/memory.use_hierarchy", "1")  # what systemd sets and runc expects; old kernels only


def write(path: str, text: str) -> None:
    """Write a setting of the kernel; one that this kernel lacks is skipped."""
    with contextlib.suppress(OSError), open(path, "w") as file:
        file.write(text)


def bring_up(interface: str, address: str = "", mask: str = "") -> None:
    """Give an interface its address and raise it, see netdevice(7)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for request, value in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, mask)):
            if value:
                packed = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(value))
                fcntl.ioctl(asked, request, struct.pack("16s16s", interface.encode(), packed))
        fcntl.ioctl(asked, SIOCSIFFLAGS, struct.pack("16sH14x", interface.encode(), IFF_UP_RUNNING))


def port(name: str) -> str:
    """The device of the virtio-serial port `name`, or an empty string while there is none."""
    top = "/sys/class/virtio-ports"
    for device in sorted(os.listdir(top)) if os.path.isdir(top) else []:
        with open(f"{top}/{device}/name") as file:
            if file.read().strip() == name:
                return f"/dev/{device}"
    return ""


def open_port(name: str, seconds: float) -> int:
    """Open a port, which the kernel may still be making. Raises TimeoutError after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        path = port(name)
        if path and os.path.exists(path):
            return os.open(path, os.O_RDWR | os.O_CLOEXEC)
        select.select([], [], [], 0.02)
    raise TimeoutError(f"no virtio-serial port {name} within {seconds:g} s")


def python(*words: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-B", *words]


def prepare(settings: dict[str, Any]) -> None:
    """Prepare what an engine expects of a machine that has booted."""
    socket.sethostname(settings["hostname"])
    mount_all(settings["cgroups"])
    subprocess.run(["modprobe", "--quiet", "--all", *MODULES], env=ENVIRONMENT, check=False)
    bring_up("lo", "127.0.0.1", "255.0.0.0")
    for path, value in settings["sysctl"].items():
        write(f"/proc/sys/{path}", value)


def start_network(settings: dict[str, Any]) -> None:
    """Raise the user-mode network's only interface, and start the relay that listens on it."""
    if not os.path.isdir("/sys/class/net/eth0"):
        raise OSError("the kernel shows no network interface eth0: it needs virtio_net")
    bring_up("eth0", settings["address"], "255.255.255.0")
    words = python(f"{HOME}/relay.py", "inner", settings["address"], settings["port"])
    subprocess.Popen(words, stdin=subprocess.DEVNULL, env=ENVIRONMENT, start_new_session=True)


def start_udev() -> None:
    """Start udevd, without which device mapper waits for ever; only block devices and ports are triggered at once."""
    for daemon in ("/usr/lib/systemd/systemd-udevd", "/lib/systemd/systemd-udevd", "/sbin/udevd"):
        if os.path.exists(daemon):
            subprocess.run([daemon, "--daemon"], env=ENVIRONMENT, check=True)
            break
    else:
        raise OSError("the root file system has no udevd: install udev in it")
    matches = [f"--subsystem-match={name}" for name in ("block", "virtio-ports", "misc")]
    subprocess.run(["udevadm", "trigger", "--action=add", *matches], env=ENVIRONMENT, check=False)


def start_agent() -> None:
    talk = open_port("roadworthy.calls.agent", SETTLE_DEADLINE)
    words = python(f"{HOME}/guest_agent.py")
    subprocess.Popen(words, stdin=talk, stdout=talk, env=ENVIRONMENT, start_new_session=True)
    os.close(talk)


def beat(pulse: int) -> None:
    """Reap and write the uptime, once a second, for ever."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
        with open("/proc/uptime", "rb") as file:
            os.write(pulse, file.read().split()[0] + b"\n")
        select.select([], [], [], 1.0)


def main() -> None:
    os.environ.update(ENVIRONMENT)
    os.umask(0o022)
    with open(f"{HOME}/settings.json") as file:
        settings = json.load(file)
    prepare(settings)
    start_agent()
    start_udev()
    start_network(settings)
    beat(open_port("roadworthy.pulse", SETTLE_DEADLINE))


if __name__ == "__main__":
    try:
        main()
    except BaseException as reason:
        # The first process must not end silently: the controller reads the console.
        with open("/dev/console", "w") as console:
            console.write(f"\nroadworthy: the guest's init failed: {type(reason).__name__}: {reason}\n")
        write("/proc/sysrq-trigger", "o")
        signal.pause()
