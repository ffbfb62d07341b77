"""A virtual machine: a guest offers on a kernel of its own what a capsule offers on this host.

QEMU runs inside a capsule, with a network namespace in which only its own forwarded port is up. Whatever kills the run
kills the capsule, and the guest with it; only the image files of the fresh disks are left, and the ledger names them
before they are made.
"""

from __future__ import annotations

import contextlib
import errno
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.exchange import AgentFault, CallHung, Exchange
from roadworthy.calls.process import Process
from roadworthy.deadline import wait_until
from roadworthy.guests.calls import GuestCalls
from roadworthy.guests.console import Outcome, finding, last_words
from roadworthy.guests.initramfs import Plan, initramfs
from roadworthy.guests.log import GuestKernelLog
from roadworthy.guests.parcel import INIT, RELAY, parcel
from roadworthy.guests.path import GuestPath
from roadworthy.guests.port import PortPipe
from roadworthy.guests.qemu import (
    ADDRESS,
    COMM,
    PORT,
    Accelerator,
    Files,
    Hardware,
    accelerator,
    arguments,
    file_node,
    log_node,
    through_node,
)
from roadworthy.guests.qmp import Qmp, QmpFailed
from roadworthy.machines.capsule import Capsule
from roadworthy.machines.watchdog import Watched
from roadworthy.programs import ENVIRONMENT, ProgramFailed
from roadworthy.upkeep.ledger import Ledger

#: Seconds from power-on to the agent's answer, by accelerator. No calibration can stretch them yet, and all that a boot
#: reads may come from a slow disk. A failed boot is mostly detected earlier.
BOOT_DEADLINE = {"kvm": 120.0, "tcg": 420.0}
#: Seconds until QEMU, or a relay in Python, has been read from the disk and runs.
START_DEADLINE = 120.0
#: Seconds that the initramfs looks for a disk; all disks exist from power-on, so that only their drivers take time.
DISK_WAIT = 60
#: The turns of the agent's loop, and the seconds that they take on a busy host without emulation, whose scale is 1.
REFERENCE_TURNS, REFERENCE_SECONDS = 60_000, 0.02
#: The guest's init beats once a second. A silence of PULSE_LIMIT seconds, plus PULSE_LIMIT_PER_SCALE for each unit of
#: scale beyond 1, is a stop; emulation on a busy host skips some beats.
PULSE_LIMIT, PULSE_LIMIT_PER_SCALE = 10.0, 5.0
#: Makes the kernel forget the partitions of a block device; see partx(8).
FORGET_PARTITIONS = 'for made in /sys/block/"$1"/"$1"*; do test -e "$made" && exec partx --delete "/dev/$1"; done; true'
#: Makes the kernel forget what it has read of a block device, and read what lies there now; see blockdev(8), partx(8).
READ_AGAIN = 'blockdev --flushbufs "$1"; partx --update "$1" 2>/dev/null || true'
#: Settings of the guest's kernel, so that it reports a hung task before the check that waits for it gives up.
SYSCTL = {"kernel/hung_task_timeout_secs": "60", "kernel/hung_task_warnings": "-1", "kernel/watchdog_thresh": "60",
          "kernel/panic_on_oops": "1", "vm/overcommit_memory": "1"}  # fmt: skip


class GuestFailed(Exception):
    """The guest did not boot, or is gone; this says nothing about a driver."""


class GuestProgram:
    """A program that was started in the guest, with the methods of subprocess.Popen that are used."""

    def __init__(self, calls: GuestCalls, pid: int, log: GuestPath) -> None:
        self.pid = pid
        self.log = log
        self.returncode: int | None = None
        self._calls = calls

    def poll(self) -> int | None:
        """Its return code, or None while it runs."""
        if self.returncode is None:
            self.returncode = self._calls("ended", self.pid)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            self._calls("kill", self.pid, number)


class Guest:
    """One virtual machine. The constructor powers it on; it is usable after `ready`.

    The two are apart so that one thread can boot several guests at the same time: the parent-death signal that ties a
    capsule to its run belongs to the thread that made it, see prctl(2).
    """

    def __init__(
        self, ledger: Ledger, runtime: Path, hardware: Hardware, accel: Accelerator | None = None, keep: bool = False
    ) -> None:
        """Make the fresh disks and power on. `runtime` is a short directory of the run that only its user may enter.

        Raises GuestFailed if QEMU does not start.
        """
        self.hardware = hardware
        self.accelerator = accel or accelerator(hardware.kernel.image)
        self.runtime = runtime
        #: How much slower than a plain host this guest is, at least 1. Every deadline is multiplied by it.
        self.scale = 1.0
        #: Seconds from power-on to `agent` and to `ready`.
        self.seconds: dict[str, float] = {}
        self._keep = keep
        self._files = Files(runtime)
        self._forwards: dict[str, Path] = {}
        self._free = [disk.serial for disk in hardware.fresh if not disk.logged]
        self._logged = [disk.serial for disk in hardware.fresh if disk.logged]
        #: The file of this host that holds a fresh disk's content, and the block nodes that were put below it.
        self._content = {disk.serial: disk.path for disk in hardware.fresh}
        self._below: dict[str, list[str]] = {}
        self._marked = 0
        self._control: Qmp | None = None
        self._exchange = Exchange(pipe=None)  # type: ignore[arg-type]
        self.calls = GuestCalls(self._exchange)
        for disk in hardware.fresh:
            ledger.intend("image", path=str(disk.path))
            with disk.path.open("xb") as file:
                file.truncate(disk.size)
        self._files.initramfs.write_bytes(self._initramfs())
        self._capsule = Capsule(ledger, keep, network=True, runtime=runtime)
        try:
            self._power_on()
        except BaseException:
            self.close()
            raise

    def _initramfs(self) -> bytes:
        settings = {"hostname": "guest", "cgroups": self.hardware.cgroups,
                    "sysctl": SYSCTL, "address": ADDRESS, "port": str(PORT)}  # fmt: skip
        modules = "modules" if any(disk.serial == "modules" for disk in self.hardware.disks) else ""
        plan = Plan(INIT, modules=modules, writable=self.hardware.writable, wait=DISK_WAIT, files=parcel(settings))
        return initramfs(self.hardware.kernel, self.hardware.busybox, plan)

    def _power_on(self) -> None:
        self._capsule.run([sys.executable, "-I", "-S", str(RELAY), "loopback"])
        self._begun = time.monotonic()
        self._qemu = self._capsule.start(arguments(self.hardware, self._files, self.accelerator), self._files.log)
        try:
            # At once, because a port without its other end reads as ended in the guest.
            wait_until(self._connected, START_DEADLINE, "QEMU to open the agent's port")
        except TimeoutError as reason:
            raise GuestFailed(f"{reason}; it said: {self._qemu_words()}") from None
        self._asked = self.calls.begin()
        try:
            self._control = Qmp(self._files.control, START_DEADLINE)
        except QmpFailed as reason:
            raise GuestFailed(f"{reason}; it said: {self._qemu_words()}") from None

    def _connected(self) -> bool:
        self._must_run()
        try:
            self._exchange.pipe = PortPipe(self._files.agent, 60.0)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    def _must_run(self) -> None:
        if self._qemu.poll() is not None:
            raise GuestFailed(f"the virtual machine ended: {self._qemu_words() or last_words(self.console())}")

    def _qemu_words(self) -> str:
        lines = self._files.log.read_text(errors="replace").splitlines() if self._files.log.exists() else []
        return " / ".join(line for line in lines[-5:] if "warning: TCG doesn't support" not in line)

    def ready(self) -> Guest:
        """Wait until the guest is usable, and calibrate its deadlines. Raises GuestFailed with its last words."""
        deadline = BOOT_DEADLINE[self.accelerator.name]
        end = self._begun + deadline
        try:
            while not self.calls.began(self._asked, 0.5):
                self._must_boot_on(end, deadline)
            self.seconds["agent"] = time.monotonic() - self._begun
            wait_until(self._beats, max(1.0, end - time.monotonic()), "the guest's init to have prepared everything")
            self.seconds["ready"] = time.monotonic() - self._begun
            self._files.initramfs.unlink(missing_ok=True)  # it lies in memory, and has been read
            taken = statistics.median(self.calls("loop", REFERENCE_TURNS, seconds=60) for _ in range(5))
        except (AgentFault, CallHung, TimeoutError) as reason:
            raise GuestFailed(f"{reason}: {last_words(self.console())}") from None
        self.scale = self._exchange.scale = max(1.0, round(taken / REFERENCE_SECONDS, 1))
        return self

    def _must_boot_on(self, end: float, deadline: float) -> None:
        self._must_run()
        found = finding(self.console())
        if found and found.name in ("panic", "oops"):
            raise GuestFailed(f"the guest's kernel stopped at boot: {found.excerpt}")
        if time.monotonic() > end:
            raise GuestFailed(f"no answer from the guest's agent within {deadline:g} s: {last_words(self.console())}")

    def _beats(self) -> bool:
        self._must_run()
        return self._files.pulse.stat().st_size > 0

    # --- what a capsule offers, too

    def run(self, argv: Sequence[object], seconds: float = 60) -> str:
        """Run a program in the guest to its end, and return its standard output. Raises ProgramFailed."""
        words = [str(word) for word in argv]
        limit = seconds * self.scale
        try:
            code, output, errors = self.calls("run_apart", words, ENVIRONMENT, limit, seconds=seconds + 30)
        except FileNotFoundError:
            raise ProgramFailed(f"{words[0]} is not installed in the guest") from None
        if code is None:
            raise ProgramFailed(f"{' '.join(words)} did not end within {limit:g} s")
        if code:
            said = (errors or output).decode(errors="replace").strip()[-2000:]
            raise ProgramFailed(f"{' '.join(words)} ended with {code}: {said}")
        return str(output.decode(errors="replace"))

    def start(self, argv: Sequence[object], log: GuestPath) -> GuestProgram:
        """Start a program in the guest and leave it running, its output appended to `log`, a file of the guest."""
        pid = self.calls("launch", [str(word) for word in argv], ENVIRONMENT, str(log))
        return GuestProgram(self.calls, pid, log)

    def path(self, inside: str | PurePath | GuestPath) -> GuestPath:
        """An absolute path of the guest."""
        return GuestPath(self.calls, str(inside))

    def mounts(self) -> list[str]:
        """The guest's mount table, lines of mountinfo, see proc_pid_mountinfo(5)."""
        return self.path("/proc/self/mountinfo").read_text().splitlines()

    def close(self) -> None:
        """Power off without a shutdown, and remove the fresh disks. Raises TimeoutError if QEMU does not end."""
        if self._keep:
            return
        if self._control is not None:
            with contextlib.suppress(QmpFailed):
                self._control.ask("quit", 5)
            self._control.close()
        if self._exchange.pipe is not None:
            self._exchange.close()
        self._capsule.close()
        for disk in self.hardware.fresh:
            disk.path.unlink(missing_ok=True)
        for left in (self._files.initramfs, self._files.agent, self._files.control, *self._forwards.values()):
            left.unlink(missing_ok=True)

    # --- what only a guest has

    def process(self, directory: str = "/", evidence: Evidence | None = None, name: str = "A") -> Process:
        """Start a process on the guest's own file system, driven one system call at a time."""
        return Process(self._exchange, directory, evidence or Evidence(), name)

    def forward(self, inside_socket: str | PurePath | GuestPath) -> Path:
        """A unix socket of this host whose connections end at a unix socket of the guest, which need not exist yet."""
        inside = str(inside_socket)
        if inside not in self._forwards:
            path = self.runtime / f"f{len(self._forwards)}"
            words = [sys.executable, "-I", "-S", str(RELAY), "outer", str(path), "127.0.0.1", str(PORT), inside]
            relay = self._capsule.start(words, self._files.log)
            wait_until(lambda: path.exists() or self._ended(relay), START_DEADLINE, f"the relay to {inside}")
            self._forwards[inside] = path
        return self._forwards[inside]

    def _ended(self, relay: subprocess.Popen[bytes]) -> bool:
        if relay.poll() is not None:
            raise GuestFailed(f"the relay ended with {relay.returncode}: {self._qemu_words()}")
        return False

    def take_disk(self, size: int) -> str:
        """Take a free disk, make it `size` bytes of holes, and return its serial number.

        Raises GuestFailed if all disks are in use, or if QEMU does not resize it.
        """
        serial = self._taken(self._free)
        for wanted in (0, size):
            self._resize(serial, wanted)
        return serial

    def take_disk_with(self, image: Path) -> str:
        """Take a free disk whose content is that of a file of this host, which it writes to. Raises GuestFailed."""
        serial = self._taken(self._free)
        self._put_below(serial, image, file_node(f"content-{serial}", image))
        self._resize(serial, image.stat().st_size)
        # What the kernel has read of the disk's earlier content goes; what the new one says of partitions is known.
        self.run(["sh", "-c", READ_AGAIN, "sh", self.device(serial)])
        return serial

    def take_logged_disk(self, image: Path, log: Path) -> str:
        """Take the disk that writes down in `log` what it is told; `image` is its content. Raises GuestFailed."""
        serial = self._taken(self._logged)
        content, written = file_node(f"content-{serial}", image), file_node(f"log-{serial}", log)
        logging = log_node(f"writes-{serial}", content["node-name"], written["node-name"])
        self._put_below(serial, image, content, written, logging)
        self._resize(serial, image.stat().st_size)
        return serial

    def _taken(self, free: list[str]) -> str:
        if not free:
            raise GuestFailed("all disks of the guest are in use: more daemons at once than it has disks")
        serial = free.pop(0)
        # The kernel keeps the old partitions until it is told, even if the disk has become too small for them.
        self.run(["sh", "-c", FORGET_PARTITIONS, "sh", PurePath(self.device(serial)).name])
        return serial

    def _put_below(self, serial: str, image: Path, *nodes: Mapping[str, Any]) -> None:
        """Put new block nodes below a disk, each of which may name those before it."""
        made = self._below[serial] = []
        for node in nodes:
            self._command("blockdev-add", **node)
            made.insert(0, node["node-name"])
        self._command("blockdev-reopen", options=[through_node(serial, made[0])])
        self._content[serial] = image

    def give_disk(self, serial: str) -> None:
        """Return a disk, which is free again once nothing uses it. Raises TimeoutError, GuestFailed."""
        wait_until(lambda: self._unused(serial), 30 * self.scale, f"the disk {serial} to be released")
        if serial in self._below:
            self._command("blockdev-reopen", options=[through_node(serial, f"own-{serial}")])
            for name in self._below.pop(serial):
                self._command("blockdev-del", **{"node-name": name})
        owned = next(disk for disk in self.hardware.fresh if disk.serial == serial)
        self._content[serial] = owned.path
        (self._logged if owned.logged else self._free).append(serial)

    def _unused(self, serial: str) -> bool:
        """Whether no file system, pool or partition of a disk is in use: open(2) of a block device with O_EXCL."""
        try:
            self.calls("close", self.calls("open", self.device(serial), os.O_RDONLY | os.O_EXCL, 0))
        except OSError as reason:
            if reason.errno != errno.EBUSY:
                raise
            return False
        return True

    def content(self, serial: str) -> Path:
        """The file of this host that holds what a fresh disk was told, while the guest is `halted`."""
        return self._content[serial]

    @contextlib.contextmanager
    def halted(self) -> Iterator[None]:
        """Stop the guest's processors while the block runs; its disks have done what they were told until then."""
        self._command("stop")
        try:
            yield
        finally:
            self._command("cont")

    def _command(self, command: str, **arguments: Any) -> None:
        """Give QEMU itself a command. Raises GuestFailed."""
        try:
            if self._control is None:
                raise QmpFailed("its control socket is not there")
            self._control.ask(command, 10 * self.scale, **arguments)
        except QmpFailed as reason:
            raise GuestFailed(f"the virtual machine does not do what it is asked: {reason}") from None

    def _resize(self, serial: str, size: int) -> None:
        """Resize a disk; shrinking discards what lay beyond. The guest learns the size from an interrupt."""
        self._command("block_resize", **{"node-name": f"disk-{serial}", "size": size})
        sectors = self.path(f"/sys/block/{PurePath(self.device(serial)).name}/size")
        known = f"the guest to know the size of the disk {serial}"
        wait_until(lambda: int(sectors.read_text()) * 512 == size, 20 * self.scale, known)

    def device(self, serial: str) -> str:
        """The block device of a disk, by its serial number; the names of virtio disks depend on their order."""
        link = self.path(f"/dev/disk/by-id/virtio-{serial}")
        wait_until(link.lexists, 20 * self.scale, f"udev to name the disk {serial}")
        return f"/dev/{link.readlink().name}"

    def mount_image(self, serial: str, where: str | PurePath) -> None:
        """Mount one of the read-only disks."""
        self.path(where).mkdir(parents=True, exist_ok=True)
        self.run(["mount", "-o", "ro", self.device(serial), where])

    def kernel_log(self) -> GuestKernelLog:
        """The guest's kernel log from now on."""
        return GuestKernelLog(self.calls)

    # --- health

    def console(self) -> str:
        """The text of the guest's serial console so far."""
        return self._files.console.read_text(errors="replace") if self._files.console.exists() else ""

    def mark(self) -> None:
        """Make `diagnose` ignore the console's text so far, because a new check begins."""
        self._marked = self._files.console.stat().st_size

    def silence(self) -> float:
        """Seconds since the last beat of the guest's init."""
        return time.time() - self._files.pulse.stat().st_mtime

    def diagnose(self) -> tuple[Outcome, str]:
        """The outcome of a guest that does not answer as it should, with the words that show it.

        `crash`: the kernel reports one. `hang`: it reports that something is stuck, or reports nothing any more.
        `error`: the kernel runs, or QEMU ended by itself, so that the connection or this host is at fault.
        """
        limit = PULSE_LIMIT + PULSE_LIMIT_PER_SCALE * (self.scale - 1)
        # A beat that was already under way proves nothing, and the kernel may die before the next one.
        convincing = time.time() + 1.5
        with contextlib.suppress(TimeoutError):
            wait_until(
                lambda: self._settled(convincing), limit + 5, "the guest to give a sign of life, or its last words"
            )
        found = finding(self._since_mark())
        if found and found.name in ("panic", "oops"):  # it still writes, and ends the machine when it has finished
            with contextlib.suppress(TimeoutError):
                wait_until(lambda: self._qemu.poll() is not None, 5 * self.scale, "the kernel's last words")
            found = finding(self._since_mark()) or found
        if found:
            return found.outcome, found.excerpt
        if self._qemu.poll() is not None:
            return self._departed()
        stopped = self._run_state()
        if stopped != "running":
            return "error", f"QEMU has stopped the guest: {stopped}; {self._qemu_words()}"
        if self.silence() > limit:
            words = last_words(self.console())
            return "hang", f"no sign of life for {self.silence():.0f} s; the console's last lines:\n{words}"
        return (
            "error",
            f"the guest is alive (its last sign of life came {self.silence():.1f} s ago): the connection is lost",
        )

    def _since_mark(self) -> str:
        return self._files.console.read_bytes()[self._marked :].decode(errors="replace")

    def _settled(self, since: float) -> bool:
        """Whether waiting longer is useless: the guest beat after `since`, is gone, or its kernel reported a crash."""
        if self._qemu.poll() is not None or self._files.pulse.stat().st_mtime > since:
            return True
        found = finding(self._since_mark())
        return bool(found and found.outcome == "crash")

    def _departed(self) -> tuple[Outcome, str]:
        told = [event["event"] for event in self._control.told()] if self._control else []
        if "GUEST_PANICKED" in told:
            return "crash", f"QEMU saw the guest panic; the console's last lines:\n{last_words(self.console())}"
        return (
            "error",
            f"the virtual machine has ended ({' '.join(told)}): {self._qemu_words()}\n{last_words(self.console())}",
        )

    def _run_state(self) -> str:
        try:
            return self._control.status() if self._control else "running"
        except QmpFailed as reason:
            return str(reason)

    def watched(self) -> Watched:
        """QEMU, for the watchdog."""
        return Watched(self._capsule.pid, {COMM: "any"}, (COMM,))

    def answers(self, seconds: float = 5.0) -> bool:
        """Whether the agent answers within `seconds`."""
        try:
            self.calls("getpid", seconds=seconds)
        except (AgentFault, CallHung):
            return False
        return True
