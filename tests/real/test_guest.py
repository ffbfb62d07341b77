"""A real guest: boots, is driven, serves an engine, dies in every way, and leaves nothing."""

import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import docker
import pytest

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.inside import SKELETON
from roadworthy.calls.toolbox import toolbox
from roadworthy.deadline import wait_until
from roadworthy.engines.containers import Container
from roadworthy.guests.guest import Guest, GuestFailed
from roadworthy.guests.initramfs import busybox
from roadworthy.guests.machine import GuestMachine
from roadworthy.guests.qemu import EMULATION, PROGRAM, Disk, Hardware, probe
from roadworthy.guests.toolbox_disk import toolbox_image
from roadworthy.programs import ProgramFailed
from roadworthy.supplies.engine_roots import engine_image, engine_root
from roadworthy.supplies.kernels import kernel, modules_image
from roadworthy.trees.layers import File, layer_tar, write_archive
from roadworthy.upkeep import reaper
from roadworthy.upkeep.ledger import Ledger
from roadworthy.upkeep.ledger import read as read_ledger
from roadworthy.upkeep.reaper import start_time
from roadworthy.upkeep.site import Site

pytestmark = [pytest.mark.real, pytest.mark.guest]

GIB = 1 << 30
DATA = "/run/guest/data"
ENGINE = "/run/guest/engine"


@pytest.fixture(scope="session")
def parts():
    """The cached kernel, root and disks that every guest of these tests is made of."""
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces and engine roots take it")
    booted = kernel("6.1")
    root = engine_image(engine_root("docker-20.10")).path / "root.ext4"
    disks = (Disk("root", root), Disk("modules", modules_image(booted).path / "modules.ext4"))
    return booted, busybox(), disks, toolbox_image(toolbox())


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The directories of a run of its own; afterwards its ledger has nothing left to undo."""
    ledgers = tmp_path_factory.mktemp("ledgers")
    ledger = Ledger(ledgers)
    yield Site(ledger)
    ledger.close()
    (reaped,) = reaper.reap(ledgers=ledgers)
    assert reaped.left == ()
    assert not [word for word in reaped.removed if not word.startswith("directory")]


def power_on(site, parts, **settings):
    """A guest with a fresh data disk and the toolbox, powered on and not waited for."""
    booted, shell, disks, tools = parts
    image, runtime = site.next()
    fresh = (Disk("toolbox", tools), Disk("data0", image, 4 * GIB))
    return Guest(site.ledger, runtime, Hardware(booted, shell, (*disks, *fresh), **settings))


@pytest.fixture(scope="module")
def guest(site, parts):
    """A guest that is up."""
    made = power_on(site, parts)
    try:
        yield made.ready()
    finally:
        made.close()


@pytest.fixture
def victim(site, parts):
    """A guest for a test that does not leave it alive."""
    made = power_on(site, parts)
    try:
        yield made.ready()
    finally:
        made.close()


@pytest.fixture(scope="module")
def engine(guest):
    """A dockerd in the guest, overlay2 on ext4 on the data disk, and a client on this side."""
    device = guest.device("data0")
    guest.run(["mkfs.ext4", "-q", "-F", device])
    for directory in (DATA, ENGINE):
        guest.path(directory).mkdir(parents=True)
    guest.run(["mount", device, DATA])
    guest.path(f"{DATA}/volume").mkdir()
    guest.mount_image("toolbox", toolbox().directory)
    guest.path(f"{ENGINE}/daemon.json").write_text("{}\n")
    daemon = guest.start(
        [
            "dockerd", "--config-file", f"{ENGINE}/daemon.json", "--data-root", f"{DATA}/docker",
            "--exec-root", f"{ENGINE}/x", "--pidfile", f"{ENGINE}/pid", "--host", f"unix://{ENGINE}/s",
            "--group", "root", "--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false",
            "--storage-driver", "overlay2",
        ],
        guest.path(f"{ENGINE}/log"),
    )  # fmt: skip
    forwarded = guest.forward(f"{ENGINE}/s")
    # What a container asks of its engine: the toolbox is mounted where it is on this host.
    place = SimpleNamespace(toolbox=lambda tools: str(tools.directory), scale=guest.scale)
    made = SimpleNamespace(client=None, socket=forwarded, daemon=daemon, place=place, container_settings={})

    def serves():
        assert daemon.poll() is None, daemon.log.read_text()[-2000:]
        try:
            made.client = docker.DockerClient(base_url=f"unix://{forwarded}", version="auto", timeout=300)
            return made.client.ping()
        except docker.errors.DockerException:
            return False

    wait_until(serves, 60 * guest.scale, "dockerd in the guest to answer")
    yield made
    made.client.close()


@pytest.fixture(scope="module")
def container(engine, guest):
    """A container of a tiny image, with an agent in it."""
    archive = io.BytesIO()
    write_archive(archive, "roadworthy:tiny", [layer_tar({**SKELETON, "c/f": File(content=b"lower")})])
    archive.seek(0)
    engine.client.images.load(archive)
    made = Container(engine, toolbox(), guest.path(f"{DATA}/volume"), "roadworthy:tiny").start()
    yield made
    made.remove()


# --- the machine


def test_the_kernel_is_the_one_asked_for(guest, parts):
    """A program in the guest sees the kernel of the hardware, not this host's."""
    assert guest.run(["uname", "-r"]).strip() == parts[0].release
    assert guest.accelerator.name in ("kvm", "tcg")
    assert guest.scale >= 1


def test_its_clock_runs_like_this_hosts(guest):
    """Deadlines inside the guest are as long as outside: over two seconds its clock is off by a tenth at most."""
    begun, first = time.monotonic(), guest.path("/proc/uptime").read_text()
    guest.run(["sleep", "2"])
    taken = time.monotonic() - begun
    inside = float(guest.path("/proc/uptime").read_text().split()[0]) - float(first.split()[0])
    assert abs(inside - taken) < 0.1 * taken + 0.1


def test_a_program_that_fails_says_so(guest):
    """A failure carries the program's own words; one that is missing is named."""
    with pytest.raises(ProgramFailed, match=r"ended with 2: .*nowhere"):
        guest.run(["ls", "/nowhere"])
    with pytest.raises(ProgramFailed, match="no-such-program is not installed"):
        guest.run(["no-such-program"])


def test_a_program_is_left_running(guest):
    """A started program is alive until it is ended, and its log is a file of the guest."""
    program = guest.start(["sh", "-c", "echo said; exec sleep 1000"], guest.path("/run/log"))
    wait_until(lambda: "said" in program.log.read_text(), 10 * guest.scale, "the program's word")
    assert program.poll() is None
    program.send_signal(signal.SIGTERM)
    wait_until(lambda: program.poll() is not None, 10 * guest.scale, "the program to end")
    assert program.returncode == -signal.SIGTERM


def test_files_are_the_guests(guest):
    """What is written there is not here, and status and attributes are its own kernel's."""
    place = guest.path("/root/proof")
    place.write_text("guest")
    place.setxattr("trusted.x", b"\0")
    assert (place.read_text(), place.getxattr("trusted.x"), stat.S_IMODE(place.stat().st_mode)) == (
        "guest",
        b"\0",
        0o644,
    )
    assert not os.path.exists("/root/proof")


def test_a_process_is_driven_call_by_call(guest):
    """The machine view is a process like a check's, with evidence."""
    evidence = Evidence()
    process = guest.process("/root", evidence)
    process.store("f", b"data")
    assert process.load("f") == b"data"
    assert [call.process for call in evidence.transcript] == ["A", "A"]


def test_disks_are_found_by_their_serials(guest):
    """The cached images are read-only, the data disk is as large as asked for."""
    data, root = guest.device("data0"), guest.device("root")
    assert guest.path(f"/sys/block/{data.removeprefix('/dev/')}/size").read_text().strip() == str(4 * GIB // 512)
    assert guest.path(f"/sys/block/{root.removeprefix('/dev/')}/ro").read_text().strip() == "1"


def test_what_an_engine_needs_is_mounted_and_runs(guest):
    """Control groups, pseudo terminals, a network, and udevd."""
    mounted = {line.split()[4] for line in guest.mounts()}
    assert {"/proc", "/sys", "/dev/pts", "/dev/shm", "/run", "/tmp", "/sys/fs/cgroup", "/usr/lib/modules"} <= mounted
    assert guest.path("/sys/class/net/lo/flags").read_text().strip() == "0x9"
    guest.run(["udevadm", "settle"])


def test_the_guest_reaches_nobody(guest):
    """Its network is shut: no other address answers, this host's included."""
    tried = "import socket; s = socket.socket(); s.settimeout(3); print(s.connect_ex(('10.0.2.2', 22)))"
    assert int(guest.run(["python3", "-c", tried])) != 0


def test_the_kernels_log_is_read_from_now_on(guest):
    """Lines of the kernel that come later are there, once, without their dress; what programs write is left out."""
    log = guest.kernel_log()
    guest.path("/dev/kmsg").write_text("roadworthy was here\n")
    guest.path("/proc/sysrq-trigger").write_text("h")
    (line,) = log.lines()
    assert line.startswith("sysrq: HELP : loglevel(0-9) ")
    assert log.lines() == []
    log.close()


def test_it_is_a_machine_that_drivers_can_ask(guest, parts):
    """What the kernel has is loaded, what it has not is said in a sentence that asks the user for nothing."""
    host = GuestMachine(guest)
    assert host.kernel == "linux6.1"
    assert host.release == parts[0].release
    assert host.filesystem("btrfs").met
    assert host.module("dm_thin_pool", "thin provisioning").met
    assert host.command("dockerd").met
    lacking = host.filesystem("aufs")
    assert (lacking.met, lacking.host) == (False, False)
    assert "aufs" in lacking.reason
    assert "redirect_dir" in host.module_parameters("overlay")


# --- an engine in it


def test_an_engine_serves_through_the_forwarded_socket(engine):
    """Version and information come through, and the driver is the one asked for."""
    assert engine.client.version()["Version"].startswith("20.10")
    information = engine.client.info()
    assert information["Driver"] == "overlay2"
    assert ["Backing Filesystem", "extfs"] in information["DriverStatus"]


def test_nobody_else_reaches_the_engine(engine, guest):
    """The socket and its directory are the user's only, and no port of this host leads there."""
    assert stat.S_IMODE(engine.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(engine.socket.parent.stat().st_mode) == 0o700
    with socket.socket() as outside, pytest.raises(OSError, match="refused"):
        outside.connect(("127.0.0.1", 2375))


def test_a_check_is_driven_in_a_container_of_the_guest(container, guest, record_testsuite_property):
    """The agent answers through the engine's exec stream, on the guest's own storage driver."""
    process = container.process("/c", Evidence())
    assert process.load("f") == b"lower"
    process.store("f", b"upper")
    found = guest.path(f"{DATA}/docker/overlay2").rglob("f")
    (written,) = [path for path in found if path.parent.parent.name == "diff" and path.read_bytes() == b"upper"]
    assert written.is_file()
    begun = time.monotonic()
    for _ in range(100):
        process.getpid()
    milliseconds = round((time.monotonic() - begun) * 10, 1)
    record_testsuite_property("milliseconds a call through the forwarded API", milliseconds)


def test_the_end_of_an_execs_input_is_passed_on(container, engine):
    """A program that reads to the end of its input answers after it: the connection's directions end apart."""
    made = engine.client.api.exec_create(container.id, toolbox().command("sed", "s/a/b/"), stdin=True)
    with engine.client.api.exec_start(made["Id"], socket=True)._sock as stream:
        stream.sendall(b"banana\n")
        stream.shutdown(socket.SHUT_WR)
        output = b""
        while piece := stream.recv(4096):
            output += piece
    assert output[8:] == b"bbnana\n"


# --- how it ends


def test_a_panic_is_a_crash_with_the_kernels_words(victim):
    """A kernel that is told to panic is diagnosed from its console, within seconds."""
    victim.mark()
    victim.process("/").ahead("store", "/proc/sysrq-trigger", b"c", 0o644)
    begun = time.monotonic()
    outcome, excerpt = victim.diagnose()
    assert outcome == "crash"
    assert "Kernel panic - not syncing: sysrq triggered crash" in excerpt
    assert time.monotonic() - begun < 30 * victim.scale


def test_F21_a_kernel_that_runs_nobody_is_a_hang(victim):
    """Real-time loops on every processor leave no time for the init's sign of life."""
    victim.path("/proc/sys/kernel/sched_rt_runtime_us").write_text("-1")
    process, loop = victim.process("/"), ["chrt", "-f", "99", "sh", "-c", "while :; do :; done"]
    for _ in range(victim.hardware.processors):
        process.ahead("launch", loop, {"PATH": "/usr/bin:/bin"}, "/dev/null")
    outcome, excerpt = victim.diagnose()
    assert (outcome, "sign of life" in excerpt or "stall" in excerpt) == ("hang", True)


def test_a_guest_that_was_killed_is_an_error_and_one_that_lives_a_lost_connection(site, parts):
    """QEMU's end is not the kernel's; and a guest that is well says so."""
    made = power_on(site, parts)
    try:
        made.ready()
        assert made.diagnose()[0] == "error"
        assert "alive" in made.diagnose()[1]
        made._control.ask("quit")
        outcome, words = made.diagnose()
        assert outcome == "error"
        assert "the virtual machine has ended" in words
    finally:
        made.close()


def test_a_kernel_without_its_root_says_why(site, parts):
    """A guest that cannot boot fails with the sentence of its initramfs, not with a deadline."""
    booted, shell, _, _ = parts
    _, runtime = site.next()
    made = Guest(site.ledger, runtime, Hardware(booted, shell, ()))
    try:
        with pytest.raises(GuestFailed, match="no disk root"):
            made.ready()
    finally:
        made.close()


def test_two_guests_boot_beside_each_other(site, parts):
    """Nothing of theirs has the same name; both are waited for from one thread."""
    both = [power_on(site, parts, memory=1024 << 20), power_on(site, parts, memory=1024 << 20)]
    try:
        for number, made in enumerate(both):
            made.ready().path("/root/number").write_text(str(number))
        assert [made.path("/root/number").read_text() for made in both] == ["0", "1"]
    finally:
        for made in both:
            made.close()


def test_the_probe_boots_a_kernel_under_emulation(parts):
    """The probe that decides about KVM succeeds where a kernel can run at all."""
    assert probe(parts[0].image, EMULATION, 120) == ""


CONTROLLER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import test_guest
from roadworthy.upkeep.ledger import Ledger
from roadworthy.upkeep.site import Site
parts = test_guest.parts.__wrapped__()
made = test_guest.power_on(Site(Ledger(Path(sys.argv[2]))), parts)
made.ready()
made.forward("/run/s")
print(json.dumps({"capsule": made._capsule.pid, "image": str(made.hardware.fresh[0].path)}), flush=True)
input()
"""


def test_a_controller_that_is_killed_leaves_nothing(tmp_path):
    """SIGKILL ends the guest and the relays with the controller; the reaper removes the rest by its ledger."""
    controller = subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, os.path.dirname(__file__), str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    inside = {}
    try:
        told = json.loads(controller.stdout.readline())
        inside = members(told["capsule"])
        assert len(inside) >= 3
        assert os.path.exists(told["image"])
    finally:
        controller.kill()
        controller.wait()
        controller.stdin.close()
        controller.stdout.close()
        wait_until(lambda: not any(start_time(pid) == began for pid, began in inside.items()), 20, "the guest to end")
        (ledger,) = tmp_path.glob("*.jsonl")
        directories = [item.identity["path"] for item in read_ledger(ledger).items if item.kind == "directory"]
        (reaped,) = reaper.reap(ledgers=tmp_path)
    assert reaped.left == ()
    assert not any(map(os.path.exists, [told["image"], *directories]))


#: A probe that stalls as nested KVM does, on a host that need not have KVM: its processor does not start.
PROBED = """
from roadworthy.guests import guest
from roadworthy.guests.qemu import Accelerator, probe

class Stalled(Accelerator):
    words = ["-accel", "tcg", "-S"]

guest.accelerator = lambda kernel: probe(kernel, Stalled("tcg"), 120)
"""
CHECK = """
@check("sample/some")
def test_some(fs):
    '''It holds.'''
    fs.getpid()
"""


def test_a_run_that_is_killed_while_it_probes_a_kernel_takes_qemu_along(start):
    """QEMU runs in no capsule while it is only tried, and ends with the run all the same."""
    run = start(CHECK, "--kernel=6.1", conftest=PROBED)
    tried = {}

    def trying():
        tried.update({pid: start_time(pid) for pid in descendants(run.process.pid) if name_of(pid) == PROGRAM[:15]})
        return bool(tried)

    run.until(trying, 300)
    run.ledger()
    run.process.kill()
    run.process.wait(10)
    wait_until(lambda: not any(start_time(pid) == began for pid, began in tried.items()), 10, "QEMU to end")
    reaper.reap()
    wait_until(lambda: run.left() == [], 20, "the reaper")


def descendants(pid):
    """The processes that a process has started, and those that they have."""
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [*children, *(one for child in children for one in descendants(child))]


def name_of(pid):
    """The kernel's name of a process, of at most 15 characters; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def members(first):
    """The processes of the process namespace whose first one this is: id and start time."""
    space = os.readlink(f"/proc/{first}/ns/pid")
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{name}/ns/pid") == space:
                found[int(name)] = start_time(int(name))
        except OSError:
            continue
    return found
