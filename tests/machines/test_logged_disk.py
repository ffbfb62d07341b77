"""A disk that writes down what it is told: what had been answered before a flush stands before it in the log."""

import itertools
import mmap
import os
import shutil
import threading
from functools import partial
from types import SimpleNamespace

import pytest

from roadworthy.deadline import wait_until
from roadworthy.machines.backing import Backing
from roadworthy.machines.capsule import Capsule
from roadworthy.machines.logged_disk import SERVER, LoggedDisk
from roadworthy.machines.write_log import FLUSH, Entry, WriteLog
from roadworthy.programs import ENVIRONMENT
from roadworthy.supplies.packages import needs
from roadworthy.upkeep.ledger import Ledger

BLOCK = 4096


class Told:
    """A log as a test looks at it: the entry of each block by its content, and the flushes."""

    def __init__(self, log):
        self.entries = list(log.entries())
        self.flushes = [entry.number for entry in self.entries if entry.flushes]
        #: The first entry that brought a block of this content.
        self.brought = {}
        with log.path.open("rb") as file:
            for entry in self.entries:
                file.seek(entry.data)
                data = file.read(entry.length) if entry.writes else b""
                for at in range(0, len(data), BLOCK):
                    self.brought.setdefault(data[at : at + BLOCK], entry.number)


def late(told, answered, flush):
    """Those of the blocks that had been answered before a flush, and do not stand before it."""
    return [block for block in answered if told.brought.get(block, flush) >= flush]


def test_a_write_behind_its_flush_is_late():
    """The test below can fail: a block that comes after the flush, or never, is named."""
    told = SimpleNamespace(brought={b"early": 3, b"behind": 5})
    assert late(told, [b"early", b"behind", b"never"], 4) == [b"behind", b"never"]
    assert Entry(4, 0, 0, FLUSH, 0).flushes


@pytest.fixture
def site(tmp_path):
    """The directories of a run, as far as a disk needs them."""
    numbers, ledger = itertools.count(1), Ledger(tmp_path)

    def following():
        runtime = tmp_path / f"runtime{next(numbers)}"
        runtime.mkdir()
        return runtime.with_suffix(".img"), runtime

    yield SimpleNamespace(ledger=ledger, keep=False, next=following)
    ledger.close()


def blocks():
    """Blocks that differ, each in a buffer of its own, as O_DIRECT needs it."""
    for number in itertools.count(1):
        buffer = mmap.mmap(-1, BLOCK)
        buffer[:] = number.to_bytes(8, "big") * (BLOCK // 8)
        yield buffer


def served():
    if not shutil.which(SERVER, path=ENVIRONMENT["PATH"]):
        pytest.skip(needs(SERVER))


@pytest.mark.real
def test_a_flush_follows_every_write_that_the_device_has_answered(site):
    """Four writers write to the loop device past its cache while another thread syncs it: each sync is one flush."""
    served()
    disk = LoggedDisk(site, 64 << 20)
    try:
        descriptor = os.open(disk.device, os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC)
        made, answered, before = blocks(), [], []
        places, given, ended = itertools.count(), threading.Lock(), threading.Event()
        os.pwrite(descriptor, next(made), 0)
        os.fsync(descriptor)
        begin = WriteLog(disk.log).position()

        def write():
            while not ended.is_set():
                with given:
                    block, place = next(made), next(places)
                os.pwrite(descriptor, block, place % 16384 * BLOCK)
                answered.append(bytes(block))

        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        for _ in range(30):
            # A flush that follows no write is not told: the writers may wait for a processor.
            wait_until(lambda last=before[-1] if before else 0: len(answered) > last, 20, "a further write")
            before.append(len(answered))
            os.fsync(descriptor)
        ended.set()
        for writer in writers:
            writer.join(20)
        os.close(descriptor)
        told = Told(WriteLog(disk.log))
    finally:
        disk.close()
    flushes = [number for number in told.flushes if number >= begin][: len(before)]
    assert len(flushes) == len(before)
    assert [late(told, answered[:count], flush) for count, flush in zip(before, flushes, strict=True)] == [[]] * 30
    assert before[-1] > 30, "hardly anything was written meanwhile"


@pytest.mark.real
@pytest.mark.parametrize("more", [0, os.O_DIRECT], ids=["by way of the page cache", "past it"])
def test_what_was_synced_in_a_file_system_stands_before_a_flush(site, tmp_path, more):
    """When fsync(2) of a file on ext4 has returned, all of its data are in the log, and a flush behind them."""
    served()
    capsule = Capsule(site.ledger, runtime=tmp_path, logged=partial(LoggedDisk, site))
    try:
        backing = Backing("ext4", capsule, 1 << 30)  # smaller ones have smaller blocks
        log, made, synced = WriteLog(capsule.write_log), blocks(), []
        for number in range(20):
            descriptor = os.open(str(backing.path(f"f{number}")), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | more, 0o600)
            written = [next(made) for _ in range(40)]
            for block in written:
                os.write(descriptor, block)
            os.fsync(descriptor)
            synced.append(([bytes(block) for block in written], log.position()))
            os.close(descriptor)
        told = Told(log)
    finally:
        capsule.close()
    for written, position in synced:
        flush = max(number for number in told.flushes if number < position)
        assert late(told, written, flush) == []
