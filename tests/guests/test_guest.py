"""A guest without a virtual machine: its command line, its console's words, and its paths over a local agent."""

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from roadworthy.calls.exchange import Exchange
from roadworthy.guests.calls import GuestCalls
from roadworthy.guests.console import EXCERPT_LIMIT, finding, last_words
from roadworthy.guests.parcel import HOME, INIT, parcel
from roadworthy.guests.path import PIECE, GuestPath
from roadworthy.guests.port import PortPipe
from roadworthy.guests.qemu import EMULATION, Accelerator, Disk, Files, Hardware, arguments, command_line
from roadworthy.guests.qmp import Qmp, QmpFailed
from roadworthy.guests.ticks import kilohertz
from roadworthy.supplies.kernels import Kernel

KERNEL = Kernel("6.1", "6.1.0-1-cloud-amd64", Path("/k/vmlinuz"), Path("/k/lib/modules/6.1.0-1-cloud-amd64"), "6.1")
FILES = Files(Path("/run/r"))


def hardware(*disks, **settings):
    """A guest's hardware with an engine's root and these disks."""
    return Hardware(KERNEL, Path("/b/busybox"), (Disk("root", Path("/c/root.ext4")), *disks), **settings)


def options(argv, name):
    """The values that an option is given, in order."""
    return [argv[at + 1] for at, word in enumerate(argv) if word == name]


# --- the command line


def test_an_image_is_only_read_and_a_fresh_disk_is_written():
    """Cached images are opened read-only, so guests can share them; a fresh disk is written without waiting for it."""
    argv = arguments(hardware(Disk("data0", Path("/s/1.img"), 1 << 30)), FILES, EMULATION)
    (image,) = options(argv, "-drive")
    assert image.endswith("file=/c/root.ext4,readonly=on")
    file, device = map(json.loads, options(argv, "-blockdev"))
    assert (file["filename"], file["cache"]["no-flush"], device["file"]) == ("/s/1.img", True, file["node-name"])
    assert f"virtio-blk-pci,drive={device['node-name']},serial=data0" in options(argv, "-device")


def test_a_disk_that_writes_down_what_it_is_told_is_told_what_its_log_can_hold():
    """No commands to write zeroes, and no merged writes. The other disks are spared the zeroes of a new file system."""
    disks = Disk("data0", Path("/s/1.img"), 1), Disk("logged", Path("/s/2.img"), 1, logged=True)
    devices = options(arguments(hardware(*disks), FILES, EMULATION), "-device")
    assert [word.split("serial=")[1] for word in devices if "virtio-blk" in word] == [
        "root", "data0", "logged,write-zeroes=off,request-merging=off",
    ]  # fmt: skip


def test_a_root_that_is_written_loses_its_changes():
    """A kernel without overlayfs writes its root's disk; QEMU keeps the changes aside and throws them away."""
    argv = arguments(hardware(writable="disk"), FILES, EMULATION)
    assert options(argv, "-drive")[0].endswith("file=/c/root.ext4,snapshot=on")


def test_a_comma_in_a_path_ends_no_option():
    """QEMU's options end at a comma unless it is doubled."""
    argv = arguments(hardware(Disk("data0", Path("/s/a,readonly=on"))), FILES, EMULATION)
    assert ",file=/s/a,,readonly=on,readonly=" in options(argv, "-drive")[1]


def test_the_network_is_shut_but_for_one_port():
    """The guest reaches nothing, and what reaches it comes from the capsule's own loopback."""
    (network,) = options(arguments(hardware(), FILES, EMULATION), "-netdev")
    assert "restrict=on" in network
    assert network.count("hostfwd=") == 1
    assert "hostfwd=tcp:127.0.0.1:" in network


def test_what_would_look_like_nothing_ends_the_machine():
    """A kernel that panics, oopses or reboots ends QEMU; none comes up a second time unnoticed."""
    argv = arguments(hardware(), FILES, EMULATION)
    assert "-no-reboot" in argv
    assert {"panic=-1", "oops=panic", "console=ttyS0"} <= set(options(argv, "-append")[0].split())


def test_memory_and_processors_are_settable():
    """Memory is said in bytes, and QEMU is told MiB."""
    argv = arguments(hardware(memory=3 << 30, processors=4), FILES, EMULATION)
    assert (options(argv, "-m"), options(argv, "-smp")) == (["3072M"], ["4"])


def test_the_processor_is_the_accelerators():
    """KVM shows the host's processor, emulation all that it can."""
    assert options(arguments(hardware(), FILES, Accelerator("kvm")), "-cpu") == ["host"]
    assert options(arguments(hardware(), FILES, EMULATION), "-accel") == ["tcg,thread=multi"]


def test_a_users_kernel_words_come_along():
    """Module parameters of a lane are words of the kernel's command line."""
    assert "overlay.redirect_dir=on" in command_line(hardware(command_line=("overlay.redirect_dir=on",)), EMULATION)


def test_an_emulated_kernel_is_told_how_fast_its_counter_runs():
    """The frequency is given and not measured again; under KVM the kernel knows by itself."""
    if not kilohertz():
        pytest.skip("this processor's counter cannot be read")
    words = command_line(hardware(), EMULATION).split()
    assert f"tsc_early_khz={kilohertz()}" in words
    assert "tsc=reliable" in words
    assert "tsc" not in command_line(hardware(), Accelerator("kvm"))


def test_the_counters_frequency_is_one_of_a_processor():
    """Between 0.5 and 10 GHz, or not known."""
    assert kilohertz() == 0 or 500_000 < kilohertz() < 10_000_000


def test_sockets_are_short_enough():
    """Socket paths end at 108 bytes; a run's directory takes up to 60 of them."""
    files = Files(Path("/" + "r" * 60))
    assert max(len(str(path)) for path in (files.agent, files.control)) < 108


# --- the console

HUNG_TASK = """\
[  243.100000] INFO: task python3:310 blocked for more than 60 seconds.
[  243.100100]       Not tainted 6.1.0-56-cloud-amd64 #1 Debian 6.1.192-2
[  243.100200] "echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
"""
PANIC = """\
[   22.328605] device-mapper: core: CONFIG_IMA_DISABLE_HTABLE is disabled.
Starting systemd-udevd version 252.39-1~deb12u2
[  246.599265] sysrq: Trigger a crash
[  246.599681] Kernel panic - not syncing: sysrq triggered crash
[  246.599897] CPU: 0 PID: 128 Comm: python3 Not tainted 6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2
[  246.600388] Call Trace:
[  246.648656] Kernel Offset: disabled
"""
OOPS = """\
[   61.207000] BUG: kernel NULL pointer dereference, address: 0000000000000008
[   61.207100] #PF: supervisor read access in kernel mode
[   61.207300] Oops: 0000 [#1] PREEMPT SMP NOPTI
[   61.209000] Call Trace:
[   61.301000] Kernel panic - not syncing: Fatal exception
"""
CORPUS = {
    "panic": (PANIC, "crash", "Kernel panic - not syncing: sysrq triggered crash"),
    "oops-and-panic": (OOPS, "crash", "Kernel panic - not syncing: Fatal exception"),
    "oops": (OOPS.rsplit("\n", 2)[0], "crash", "BUG: kernel NULL pointer dereference, address: 0000000000000008"),
    "bug-at": ("[   5.1] kernel BUG at fs/overlayfs/inode.c:12!", "crash", "kernel BUG at fs/overlayfs/inode.c:12!"),
    "kasan": (
        "[   5.100000] BUG: KASAN: slab-use-after-free in ovl_open+0x10/0x20",
        "crash",
        "BUG: KASAN: slab-use-after-free in ovl_open+0x10/0x20",
    ),
    "hung-task": (HUNG_TASK, "hang", "INFO: task python3:310 blocked for more than 60 seconds."),
    "hung-task-then-panic": (HUNG_TASK + PANIC, "crash", "Kernel panic - not syncing: sysrq triggered crash"),
    "soft-lockup": (
        "[  99.000000][    C1] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [python3:310]",
        "hang",
        "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [python3:310]",
    ),
    "rcu-stall": (
        "[  99.000000] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
        "hang",
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    ),
    "warning": (
        "[   9.000000] ------------[ cut here ]------------\r\n[   9.000001] WARNING: CPU: 0 PID: 7 at fs/inode.c:1",
        "crash",
        "------------[ cut here ]------------",
    ),
    "ext4": (
        "[   9.000000] EXT4-fs error (device vdc): ext4_lookup:1855: inode #2",
        "crash",
        "EXT4-fs error (device vdc): ext4_lookup:1855: inode #2",
    ),
    "thin-pool": (
        "[   9.000000] device-mapper: thin: 253:2: switching pool to read-only mode",
        "crash",
        "device-mapper: thin: 253:2: switching pool to read-only mode",
    ),
    "device": (
        "[   9.000000] blk_update_request: I/O error, dev vdc, sector 8 op 0x1",
        "error",
        "blk_update_request: I/O error, dev vdc, sector 8 op 0x1",
    ),
    "boot": ("[    0.408625] APIC calibration not consistent with PM-Timer: 94ms instead of 100ms", None, ""),
    "a-programs-words": ("BUG: this is my test's output\nKernel panic - not syncing: said a program", None, ""),
    "lookalike": ("[    9.0] ODEBUG: WARNING: CPU: 0 PID: 1 at lib/debugobjects.c", None, ""),
    "overlay-note": ("[   9.000000] overlayfs: upper fs does not support RENAME_WHITEOUT.", None, ""),
    "nothing": ("", None, ""),
}


@pytest.mark.parametrize("name", CORPUS)
def test_a_console_is_judged(name):
    """Each console of the corpus has the outcome and the line that it is kept for."""
    text, outcome, line = CORPUS[name]
    found = finding(text)
    assert (found and found.outcome, found.line if found else "") == (outcome, line)


def test_an_excerpt_begins_before_the_first_sign():
    """A panic that follows an oops is shown from the oops on, with a little of what led to it."""
    found = finding("one\ntwo\nthree\nfour\n" + OOPS)
    assert found.excerpt.splitlines()[:4] == ["two", "three", "four", OOPS.splitlines()[0]]
    assert "Fatal exception" in found.excerpt


def test_an_excerpt_is_cut():
    """However much a dying kernel says, the evidence stays readable."""
    flood = "".join(f"[  300.{at:06d}] {'x' * 100}\n" for at in range(2000))
    assert len(finding(PANIC + flood).excerpt.encode()) <= EXCERPT_LIMIT


def test_our_own_last_words_come_first():
    """What an init says of why it failed is worth more than the lines around it."""
    said = "[    3.0] x\nroadworthy: the guest's init failed: OSError: no udevd\n[    4.0] reboot: Power down\n"
    assert last_words(said) == "the guest's init failed: OSError: no udevd"
    assert last_words("roadworthy-initramfs: no disk with serial root\r\n") == "no disk with serial root"
    assert last_words("a\nb\n") == "a\nb"


# --- a local agent as the guest's


class Joined:
    """The guest's agent as a plain process of this host, over a socket as QEMU's is."""

    def __init__(self, directory, listener, path):
        for name, content in parcel({}).items():
            (directory / Path(name).name).write_bytes(content)
        self.exchange = Exchange(pipe=PortPipe(path, 30))
        connection, _ = listener.accept()
        self.program = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(directory / "guest_agent.py")],
            stdin=connection.fileno(),
            stdout=connection.fileno(),
        )
        connection.close()
        self.calls = GuestCalls(self.exchange)
        assert self.calls.began(self.calls.begin(), 30)


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    """A local agent, and the calls that reach it."""
    directory = tmp_path_factory.mktemp("agent")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "a"))
        listener.listen()
        made = Joined(directory, listener, directory / "a")
    yield made
    made.exchange.close()
    assert made.program.wait(10) == 0


@pytest.fixture
def top(joined, tmp_path):
    """A directory of this test, as a path of the guest."""
    return GuestPath(joined.calls, tmp_path)


def test_a_file_is_written_read_and_removed(top, tmp_path):
    """Text and bytes arrive whole, on the right file."""
    file = top / "f"
    assert file.write_text("größe\n") == 6
    assert (tmp_path / "f").read_text() == "größe\n"
    assert file.read_text() == "größe\n"
    file.unlink()
    assert not (tmp_path / "f").exists()
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: '.*/f'"):
        file.read_bytes()
    file.unlink(missing_ok=True)


@pytest.mark.parametrize("size", [0, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 7])
def test_a_file_larger_than_a_message_travels_in_pieces(top, tmp_path, size):
    """Sizes around the limit of one message are whole after the way there and back."""
    data = os.urandom(size)
    (top / "f").write_bytes(data)
    assert (tmp_path / "f").read_bytes() == data
    assert (top / "f").read_bytes() == data


def test_a_file_of_proc_is_read_whole(top, joined):
    """A file whose size the kernel gives as nothing is read to its end."""
    status = GuestPath(joined.calls, f"/proc/{os.getpid()}/status")
    assert f"Pid:\t{os.getpid()}" in status.read_text()
    release = GuestPath(joined.calls, "/proc/sys/kernel/osrelease")
    assert release.read_text().strip() == os.uname().release


def test_status_is_that_of_os(top, tmp_path):
    """Every field is that of os.stat, to the nanosecond."""
    (tmp_path / "f").write_text("x")
    (tmp_path / "s").symlink_to("f")
    for name in ("f", "s"):
        for seen, found in (((top / name).stat(), (tmp_path / name).stat()),
                            ((top / name).lstat(), (tmp_path / name).lstat())):  # fmt: skip
            fields = [name for name in dir(found) if name.startswith("st_")]
            assert [getattr(seen, field) for field in fields] == [getattr(found, field) for field in fields]


def test_kinds_are_told_apart(top, tmp_path):
    """exists, is_dir, is_file and is_symlink answer as pathlib's do, dangling links and all."""
    (tmp_path / "d").mkdir()
    (tmp_path / "f").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("d", "f", "dangling", "nowhere", "f/below"):
        for question in ("exists", "is_dir", "is_file", "is_symlink"):
            assert getattr(top / name, question)() == getattr(tmp_path / name, question)(), (name, question)
        assert (top / name).lexists() == os.path.lexists(tmp_path / name)


def test_directories_are_made_and_listed(top, tmp_path):
    """mkdir takes pathlib's words, iterdir and rglob find what is there and follow no link."""
    (top / "a/b/c").mkdir(parents=True)
    (top / "a").mkdir(exist_ok=True)
    with pytest.raises(FileExistsError):
        (top / "a").mkdir()
    (tmp_path / "a/link").symlink_to("/")
    (tmp_path / "a/b/f.txt").touch()
    assert [path.name for path in (top / "a").iterdir()] == ["b", "link"]
    assert [str(path.relative_to(top)) for path in top.rglob("*")] == ["a", "a/b", "a/link", "a/b/c", "a/b/f.txt"]
    assert [path.name for path in top.rglob("*.txt")] == ["f.txt"]
    assert [path.name for path in (top / "a").glob("l*")] == ["link"]


def test_names_are_changed(top, tmp_path):
    """rename, links, chmod and rmdir act on the file system."""
    (top / "f").touch()
    moved = (top / "f").rename(top / "g")
    assert moved.is_file()
    (top / "hard").hardlink_to(moved)
    (top / "soft").symlink_to("g")
    assert (tmp_path / "hard").stat().st_nlink == 2
    assert str((top / "soft").readlink()) == "g"
    moved.chmod(0o600)
    assert stat.S_IMODE((tmp_path / "g").stat().st_mode) == 0o600
    (top / "d").mkdir()
    (top / "d").rmdir()
    assert not (tmp_path / "d").exists()


def test_attributes_are_those_of_os(top, tmp_path):
    """Extended attributes are set, listed, read and removed, bytes as they are."""
    (tmp_path / "f").touch()
    try:
        (top / "f").setxattr("user.x", b"\0\xff")
    except OSError:
        pytest.skip("the file system under the temporary directory has no user attributes")
    assert (top / "f").listxattr() == os.listxattr(tmp_path / "f")
    assert (top / "f").getxattr("user.x") == b"\0\xff"
    (top / "f").removexattr("user.x")
    assert os.listxattr(tmp_path / "f") == []


def test_a_file_systems_numbers_are_those_of_os(top, tmp_path):
    """statvfs has the same block size and number of blocks, and sync is no error."""
    seen, found = top.statvfs(), os.statvfs(tmp_path)
    assert (seen.f_frsize, seen.f_blocks) == (found.f_frsize, found.f_blocks)
    top.sync()


def test_a_guests_path_opens_no_file_of_the_controller(top):
    """It is no os.PathLike: open() on the controller would take another machine's file for it."""
    with pytest.raises(TypeError):
        open(top)  # noqa: SIM115


def test_paths_sort_and_compare_by_name(top):
    """Paths are values: equal, ordered, usable as keys."""
    assert top / "a" == top / "a"
    assert sorted([top / "b", top / "a"]) == [top / "a", top / "b"]
    assert len({top / "a", top / "a"}) == 1
    assert (top / "a/b").parent.name == "a"
    assert (top / "a/b").is_relative_to(top)


def test_a_program_is_run_with_its_streams_apart(joined):
    """Standard output and errors come back apart; a program that is missing is ENOENT."""
    words = ["sh", "-c", "echo out; echo err >&2; exit 3"]
    assert joined.calls("run_apart", words, dict(os.environ), 10.0) == [3, b"out\n", b"err\n"]
    with pytest.raises(FileNotFoundError):
        joined.calls("run_apart", ["no-such-program"], {"PATH": "/bin"}, 10.0)


def test_a_program_that_does_not_end_is_killed_with_its_children(joined):
    """The deadline is the guest's own, and the answer says that it was met by none."""
    words = ["sh", "-c", "echo begun; sleep 1000 & wait"]
    assert joined.calls("run_apart", words, dict(os.environ), 0.3) == [None, b"begun\n", b""]


def test_a_program_is_started_and_looked_after(joined, tmp_path):
    """A started program's output is in its log, and its end is told once it comes."""
    log = tmp_path / "log"
    pid = joined.calls("launch", ["sh", "-c", "echo said; exec sleep 1000"], dict(os.environ), str(log))
    assert joined.calls("ended", pid) is None
    joined.calls("kill", pid, 9)
    while (code := joined.calls("ended", pid)) is None:
        pass
    assert code == -9
    assert log.read_text() in ("said\n", "")


def test_the_parcel_is_what_the_init_finds():
    """The init, the agent and its extension, the relay and the settings lie in one directory."""
    packed = parcel({"sysctl": {"a/b": "1"}})
    assert sorted(Path(name).name for name in packed) == [
        "agent.py", "guest_agent.py", "guest_init.py", "relay.py", "settings.json",
    ]  # fmt: skip
    assert {str(Path(name).parent) for name in packed} == {HOME}
    assert packed[INIT].startswith(b"#!/usr/bin/python3 -ISB\n")
    assert json.loads(packed[f"{HOME}/settings.json"])["sysctl"] == {"a/b": "1"}


# --- the agent's port


def test_a_request_that_is_taken_slowly_is_sent(tmp_path):
    """The deadline of a port is for each piece that the guest takes, and not for the whole of a request."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "a"))
        listener.listen()
        pipe = PortPipe(tmp_path / "a", 0.5)
        connection, _ = listener.accept()
    request = bytes(4 << 20)
    taken = []

    def take_slowly():
        while sum(taken) < len(request):
            threading.Event().wait(0.02)
            taken.append(len(connection.recv(1 << 16)))

    reader = threading.Thread(target=take_slowly)
    reader.start()
    pipe.send(request)
    reader.join(60)
    assert sum(taken) == len(request)
    connection.close()
    pipe.close()


def test_a_request_that_nobody_takes_is_given_up(tmp_path):
    """A guest that has stopped reading ends the sending with an error."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "a"))
        listener.listen()
        pipe = PortPipe(tmp_path / "a", 0.2)
        connection, _ = listener.accept()
    with connection, pytest.raises(TimeoutError):
        pipe.send(bytes(4 << 20))
    pipe.close()


# --- QEMU's control socket


@pytest.fixture
def control(tmp_path):
    """A control socket that answers from a list: its path, and the function that tells it what to say."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "q"))
    listener.listen()

    def serve(*answers):
        def talk():
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as stream:
                stream.write(b'{"QMP": {"version": {}}}\n')
                stream.flush()
                for answer in ('{"return": {}}', *answers):
                    stream.readline()
                    stream.write(answer.encode() + b"\n")
                    stream.flush()

        thread = threading.Thread(target=talk)
        thread.start()
        return thread

    yield tmp_path / "q", serve
    listener.close()


def test_the_run_state_is_asked_past_events(control):
    """An event before the answer is kept, and the answer is found behind it."""
    path, serve = control
    thread = serve('{"event": "GUEST_PANICKED"}\n{"return": {"status": "guest-panicked"}}')
    qmp = Qmp(path)
    assert qmp.status() == "guest-panicked"
    thread.join()
    assert [event["event"] for event in qmp.told()] == ["GUEST_PANICKED"]
    qmp.close()


def test_a_control_socket_that_refuses_or_ends_is_told(control, tmp_path):
    """A refusal is said in QEMU's words; a connection that ends is no silence."""
    path, serve = control
    thread = serve('{"error": {"class": "CommandNotFound", "desc": "no such command"}}')
    qmp = Qmp(path)
    with pytest.raises(QmpFailed, match="no such command"):
        qmp.ask("nonsense")
    thread.join()
    with pytest.raises(QmpFailed):
        qmp.status()
    qmp.close()
    with pytest.raises(QmpFailed, match="is not there"):
        Qmp(tmp_path / "nowhere")
