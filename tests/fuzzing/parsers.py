"""What reads input of others, each as a function of bytes that raises nothing but the refusal of its own.

With seeds, from which a fuzzer begins. See fuzz.py for ten minutes of it, and test_parsers.py for some seconds.
"""

import gzip
import hashlib
import json
import math
import os
import re
import struct
import tempfile
from contextlib import contextmanager
from pathlib import Path

from roadworthy.calls.exchange import AgentFault, CallHung, Exchange
from roadworthy.engine_name import EngineName
from roadworthy.lane.lanes import LaneError
from roadworthy.lane.matrix_file import matrix_lanes
from roadworthy.machines.kernel_log import bug, device_trouble, kept, memory_trouble, policy_trouble, spoken
from roadworthy.measuring.fio import FioFailed, parsed
from roadworthy.measuring.workloads import Workload, WorkloadError
from roadworthy.measuring.workloads import load as load_workload
from roadworthy.reports.bundle import BundleRefused, Limits, read_bundle
from roadworthy.store.blob import BlobDamaged, unpacked
from roadworthy.store.findings import Unverifiable
from roadworthy.store.tar_split import RecordDamaged, layer_of, pieces_of
from roadworthy.trees.layers import File, Hardlink, Symlink, entry, layer_tar
from roadworthy.verdict.deviations import DeviationError
from roadworthy.verdict.deviations import load as load_deviations

ROOT = Path(__file__).parents[2]
INSTALLED = EngineName("docker", "20.10")
#: What moves a cursor, changes the terminal, or turns the direction of what follows.
DRIVES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@contextmanager
def file(data, name):
    """A file of memory with this content, in a directory that has nothing else."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="fuzzed-") as place:
        path = Path(place, name)
        path.write_bytes(data)
        yield path


def said(refusal):
    """A refusal drives no terminal."""
    assert not DRIVES.search(str(refusal)), repr(str(refusal))


def bundle(data):
    """A run bundle, as a contributor or another job sends one."""
    with file(data, "bundle.jsonl") as path:
        try:
            found = read_bundle(path, Limits(size=1 << 20, line=1 << 18))
        except BundleRefused as reason:
            said(reason)
            return
    assert found.plan is not None


def workload(data):
    """A workload, which is read as data although fio would run what it says."""
    with file(data, "it.toml") as path:
        try:
            found = load_workload("it", path.parent)
        except WorkloadError:
            return
    words = found.arguments("/file", "/report")
    assert all(word.startswith("--") for word in words)
    assert not [word for word in words if word.startswith(("--exec", "--include", "--opendir", "--read_iolog"))]


def matrix(data):
    """A matrix file."""
    with file(data, "it.toml") as path:
        try:
            lanes = matrix_lanes(path, INSTALLED, "6.18")
        except LaneError:
            return
    assert all("\n" not in lane.id for lane in lanes)


def deviations(data):
    """Recorded deviations."""
    with file(data, "it.toml") as path:
        try:
            load_deviations(path.parent)
        except DeviationError:
            return


def archive(data):
    """A layer's blob in a content store, compressed or not."""
    with file(data, "blob") as path:
        try:
            found = unpacked(path, f"sha256:{hashlib.sha256(data).hexdigest()}", lambda _: None)
        except (BlobDamaged, Unverifiable):
            return
    assert not [name for name in found.layer.entries if name.startswith(("/", "../"))]


def record(data):
    """A record of how a layer's tar is put together (tar-split)."""
    with file(data, "tar-split.json.gz") as path:
        try:
            layer_of(pieces_of(path))
        except RecordDamaged:
            return


class Said:
    """A pipe on which this was said, and then nothing more."""

    def __init__(self, data):
        self._data = [data, b""]
        self._readable = os.open("/dev/null", os.O_RDONLY)

    def fileno(self):
        return self._readable

    def send(self, data):
        """Nobody listens."""

    def receive(self):
        return self._data.pop(0) if self._data else b""

    def complaints(self):
        return ""

    def close(self):
        os.close(self._readable)


class ReadyExchange(Exchange):
    """An exchange whose pipe is always readable: poll(2) does not take /dev/null."""

    def _readable(self, seconds):
        return True


def frames(data):
    """What comes from a container on the agent's pipe."""
    pipe = Said(data)
    talk = ReadyExchange(pipe, nonce="0011223344556677")
    try:
        number = talk.request(talk.spawn("/"), "getpid")
        talk.wait(number, 1.0, "getpid()")
    except (AgentFault, CallHung) as reason:
        said(reason)
        return
    finally:
        pipe.close()
    assert b"0011223344556677" in data, "an answer without the nonce was taken"


READ = Workload("it", "", "randread", 4096, 1 << 20, True, "psync", 1, 100, "device")


def fio(data):
    """fio's answer."""
    try:
        found = parsed(data, READ)
    except FioFailed:
        return
    numbers = [found.latency_ns, found.bytes, found.operations, found.seconds, found.sync_ns, *found.bins]
    assert all(math.isfinite(number) and number >= 0 for number in numbers), numbers
    assert found.operations > 0


def log(data):
    """Records of /dev/kmsg, in which programs write, too."""
    lines = [said for part in data.split(b"\0") if (said := spoken(part)) is not None]
    for means in (bug, device_trouble, memory_trouble, policy_trouble):
        means(kept(lines))
    for part in data.split(b"\0"):
        if part.partition(b",")[0].isdigit() and int(part.partition(b",")[0]) > 7:
            assert spoken(part) is None, "what a program wrote is not the kernel's"


def packed(message):
    body = json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body


def layer():
    tree = {"d/f": File(content=b"data", xattrs={"user.a": b"\xff"}), "h": Hardlink(target="d/f"), "s": Symlink("d")}
    return layer_tar({path: entry(value) for path, value in tree.items()})


def texts(*patterns, limit=20_000):
    """Files of the repository, cut to a length that a fuzzer can handle."""
    return [path.read_bytes()[:limit] for pattern in patterns for path in sorted(ROOT.glob(pattern))[:8]]


#: Each parser with its seeds.
TARGETS = {
    "bundle": (bundle, lambda: texts("tests/command/recorded/*/bundle.jsonl", "bundles/*/bundle.jsonl")[:4]),
    "workload": (workload, lambda: texts("workloads/*.toml")),
    "matrix": (matrix, lambda: texts("matrices/*.toml")),
    "deviations": (deviations, lambda: texts("conformance/deviations/*.toml", limit=4000)),
    "archive": (archive, lambda: [layer(), gzip.compress(layer())]),
    "record": (record, lambda: [gzip.compress(b'{"type":2,"payload":"' + b"AAAA" * 170 + b'","position":0}\n')]),
    "frames": (
        frames, lambda: [
            packed({"n": "0011223344556677", "i": 1, "p": 1, "r": {"b": "AAAA"}}),
            packed({"n": "0011223344556677", "i": 1, "p": 1, "e": 2}),
            packed({"n": "0011223344556677", "p": 1, "d": 9}),
        ],
    ),
    "fio": (fio, lambda: [fio_answer()]),
    "log": (log, lambda: [b"6,339,5140900,-;loop3: detected\n SUBSYSTEM=block\0" + b"12,1,1,-;BUG: unable\0"]),
}  # fmt: skip


def fio_answer():
    side = {"total_ios": 100, "io_bytes": 409600, "runtime": 310, "clat_ns": {"mean": 5000.0, "bins": {"4800": 100}}}
    idle = {"total_ios": 0, "io_bytes": 0, "runtime": 0, "clat_ns": {"mean": 0.0}}
    job = {"error": 0, "read": side, "write": idle, "job_runtime": 310, "iodepth_level": {"1": 100.0}}
    return json.dumps({"jobs": [job]}).encode()
