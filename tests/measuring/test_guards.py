"""Guards: what proves that a number is about what it claims to be about."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from roadworthy.calls.process import Timed
from roadworthy.measuring import guards
from roadworthy.measuring.counters import Meter, Work
from roadworthy.measuring.workloads import load

READ = load("randread-4k")
ASKED = 10 << 20


def worked(read=0.0, written=0.0, **others):
    return Work(device={"bytes read": float(read), "bytes written": float(written)}, **others)


def test_bytes_that_reached_the_device_count():
    """A direct job is seen by the device, byte for byte."""
    assert guards.reached(READ, worked(read=ASKED), ASKED) == (guards.REACHED, True)


@pytest.mark.parametrize("seen", [0, ASKED // 2])
def test_bytes_that_a_cache_served_void(seen):
    """A driver that drops O_DIRECT, a buffered loop device, an image that fits the cache: the device saw too little."""
    assert guards.reached(READ, worked(read=seen), ASKED) == (guards.REACHED, False)


def test_a_device_that_read_far_more_voids():
    """Twice the bytes is readahead or a second reader, not this workload."""
    assert guards.reached(READ, worked(read=2 * ASKED), ASKED) == (guards.REACHED, False)


@pytest.mark.parametrize(("times", "holds"), [(1, True), (18, True), (34, True), (100, False)])
def test_a_device_that_wrote_far_more_voids(times, holds):
    """What a log writes along is the workload's, what another program writes is not."""
    written = worked(written=times * ASKED)
    assert guards.reached(load("fsync-4k"), written, ASKED) == (guards.REACHED, holds)


def test_a_mix_is_held_to_both_directions():
    """Of reads and writes together the device has to see the sum."""
    mix = load("rwmix-8k")
    assert guards.reached(mix, worked(read=0.7 * ASKED, written=0.3 * ASKED), ASKED) == (guards.REACHED, True)
    assert guards.reached(mix, worked(written=0.3 * ASKED), ASKED) == (guards.REACHED, False)


def test_without_a_device_nothing_is_proven():
    """A data root in memory counts nothing."""
    assert guards.reached(READ, Work(), ASKED) == (guards.COUNTED, False)


def test_stolen_processors_void():
    """Time that the hypervisor took is nobody's cost."""
    assert (guards.UNSTOLEN, False) in guards.environment(worked(stolen=0.2), 1.0)
    assert (guards.UNSTOLEN, True) in guards.environment(worked(stolen=0.01), 1.0)


def test_a_crowded_machine_voids():
    """Pressure is time in which somebody waited for a processor, see the kernel's accounting/psi.rst."""
    assert (guards.UNCROWDED, False) in guards.environment(worked(pressure={"cpu": 0.95}), 1.0)
    assert (guards.UNCROWDED, True) in guards.environment(worked(pressure={"cpu": 0.1}), 1.0)
    assert all(sentence != guards.UNCROWDED for sentence, _ in guards.environment(worked(), 1.0))


def test_a_process_that_waited_for_a_processor_voids_whatever_others_did():
    """The run delay of the measured process counts, where it is known, and not the pressure on the machine."""
    crowded = worked(pressure={"cpu": 0.95})
    assert guards.environment(crowded, 1.0, Timed([600, 400], 50))[1:] == [(guards.UNDELAYED, True)]
    assert guards.environment(worked(), 1.0, Timed([600, 400], 150))[1:] == [(guards.UNDELAYED, False)]
    assert guards.environment(crowded, 1.0, Timed([600, 400]))[1:] == [(guards.UNCROWDED, False)]


def test_the_first_broken_guard_is_named():
    """Guards that do not apply are none."""
    assert guards.first_broken([None, ("a", True), ("b", False), ("c", False)]) == "b"
    assert guards.first_broken([None, ("a", True)]) == ""


@pytest.mark.parametrize("timed", [True, False])
def test_where_times_mean_nothing_others_at_the_processors_void_no_row(monkeypatch, timed):
    """Counters of the device are as exact beside others as alone; the processors are then not even looked at."""
    lines = iter(["cpu 1 0 0 0 0 0 0 0", "cpu 2 0 0 0 0 0 0 99"])
    flushes = iter([3, 5])
    monkeypatch.setattr(Meter, "_stalls", lambda self: {})
    monkeypatch.setattr(Meter, "_ticks", lambda self: [int(word) for word in next(lines).split()[1:]])
    backing = SimpleNamespace(device_counters=lambda: {"flushes": next(flushes)})
    with Meter(SimpleNamespace(path=Path), backing, timed).counting() as work:
        pass
    assert work.device == {"flushes": 2.0}
    assert (guards.first_broken(guards.environment(work, 1.0)) == guards.UNSTOLEN) is timed
    assert len(list(lines)) == (0 if timed else 2)
