"""The data path: the cost of reading and writing a file, against a file of the volume in one container.

`lower` is a file of an image layer, `upper` one that the container wrote. `workloads/` has the options of fio; if a
workload claims to reach the device, the device's counters have to confirm it.
"""

from roadworthy import NIGHTLY, SMOKE, measured


@measured("data/aa", SMOKE)
def test_a_volume_against_the_machine_itself(bench):
    """What a 4 KiB random read costs on a volume inside a container, against the same file outside of it."""
    bench.fio.beside("randread-4k")


@measured("data/seqread-128k", SMOKE, strata=("lower",))
def test_sequential_reads(bench, stratum):
    """What a 128 KiB sequential read past the page cache costs."""
    bench.fio("seqread-128k", stratum)


@measured("data/seqread-1m", NIGHTLY, strata=("lower", "upper"))
def test_large_sequential_reads(bench, stratum):
    """What a 1 MiB sequential read past the page cache costs, four at once."""
    bench.fio("seqread-1m", stratum)


@measured("data/randread-4k", SMOKE, strata=("lower", "upper"))
def test_random_reads(bench, stratum):
    """What a 4 KiB random read past the page cache costs."""
    bench.fio("randread-4k", stratum)


@measured("data/randread-4k-qd8", NIGHTLY, strata=("lower", "upper"))
def test_random_reads_in_flight(bench, stratum):
    """What a 4 KiB random read past the page cache costs, eight at once."""
    bench.fio("randread-4k-qd8", stratum)


@measured("data/seqwrite-128k", NIGHTLY, strata=("upper",))
def test_sequential_writes(bench, stratum):
    """What a 128 KiB sequential write costs, with its share of the flush at the end."""
    bench.fio("seqwrite-128k", stratum)


@measured("data/randwrite-4k", NIGHTLY, strata=("upper",))
def test_random_writes(bench, stratum):
    """What a 4 KiB random write past the page cache costs, over blocks that the file has."""
    bench.fio("randwrite-4k", stratum)


@measured("data/randwrite-4k-fresh", NIGHTLY, strata=("upper",))
def test_random_writes_into_a_hole(bench, stratum):
    """What a 4 KiB random write past the page cache costs, into a file that has no blocks yet."""
    bench.fio("randwrite-4k-fresh", stratum)


@measured("data/rwmix-8k", NIGHTLY, strata=("upper",))
def test_reads_and_writes(bench, stratum):
    """What an 8 KiB request costs, four at once, if seven of ten are reads."""
    bench.fio("rwmix-8k", stratum)


@measured("data/fsync", SMOKE, strata=("upper",))
def test_fsync(bench, stratum):
    """What a 4 KiB write and its fsync cost, and how many flushes they take."""
    bench.fio("fsync-4k", stratum)


@measured("data/fdatasync", NIGHTLY, strata=("upper",))
def test_fdatasync(bench, stratum):
    """What a 4 KiB write and its fdatasync cost, and how many flushes they take."""
    bench.fio("fdatasync-4k", stratum)


@measured("data/mmap-read", NIGHTLY, strata=("lower", "upper"))
def test_reads_of_a_mapping(bench, stratum):
    """What a 4 KiB random load costs from a mapped file in the page cache."""
    bench.fio("mmap-read-4k", stratum)


@measured("data/buffered-warm", NIGHTLY, strata=("lower", "upper"))
def test_reads_from_the_page_cache(bench, stratum):
    """What a 4 KiB random read out of the page cache costs."""
    bench.fio("buffered-warm-4k", stratum)


@measured("data/buffered-cold", NIGHTLY, strata=("lower", "upper"))
def test_first_reads(bench, stratum):
    """What a 128 KiB buffered read costs from a file that is not in the page cache."""
    bench.fio("buffered-cold-128k", stratum)


@measured("data/scale", NIGHTLY, strata=("lower", "upper"))
def test_reads_side_by_side(bench, stratum):
    """What a 4 KiB random read past the page cache costs while one, two or four jobs read the same file."""
    bench.fio.scale("randread-4k", stratum, jobs=(1, 2, 4))
