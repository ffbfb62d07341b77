"""Benchmarks on real daemons: what they record, and that numbers about something else are caught."""

import gzip
import json
import shutil

import pytest

from roadworthy.measuring import guards
from roadworthy.measuring.reanalysis import differences
from roadworthy.programs import ENVIRONMENT
from roadworthy.reports.bundle import read_bundle
from roadworthy.supplies.packages import needs

pytestmark = pytest.mark.real

HEAD = """
from dataclasses import replace
from roadworthy.measuring.workloads import load

SHORT = replace(load("randread-4k"), runtime_ms=100, size=8 << 20)
"""


@pytest.fixture(autouse=True)
def fio():
    if not shutil.which("fio", path=ENVIRONMENT["PATH"]):
        pytest.skip(needs("fio"))


def measured(start, text, *options, driver="overlay2"):
    run = start(HEAD + text, "--bench-seconds=0", "-p", "no:randomly", *options, driver=driver)
    assert run.end(240) == 0, run.text()[-3000:]
    assert run.left() == []
    found = read_bundle(run.bundle)
    assert found.troubles == ()
    return run, found


def test_a_benchmark_and_everything_that_it_leaves(start, tmp_path):
    """Samples with fio's own answers, counts, an A/A arm, both arms in pytest-benchmark's JSON, the same again."""
    text = """
@measured("data/sample", SMOKE, strata=("lower", "upper"))
def test_sample(bench, stratum):
    '''Reads.'''
    bench.fio(SHORT, stratum)
    bench.count("files", 1, "files", stratum=stratum)
"""
    run, found = measured(start, text, "--benchmark-only", f"--benchmark-json={tmp_path / 'b.json'}", "-m", "smoke")
    assert [record.benchmark for record in found.benchmarks] == ["data/sample/lower", "data/sample/upper"]
    counts = [count.benchmark for count in found.counts if count.metric == "files"]
    assert counts == ["data/sample/lower", "data/sample/upper"]
    for record in found.benchmarks:
        assert record.twin is not None
        assert record.promise == "Reads."
        assert record.tier == "smoke"
        assert {sample.side for sample in record.samples} == {"baseline", "again", "arm"}
        for sample in record.samples:
            assert (run.bundle / sample.raw).is_file()
            assert sample.operations > 0
            assert sample.counters["device bytes read"] > 0
    assert list(differences(found)) == []
    rows = json.loads((tmp_path / "b.json").read_text())["benchmarks"]
    assert len(rows) == 4
    assert {row["group"] for row in rows} == {"data/sample: time per I/O"}
    stored = {record.benchmark: record.arm.median for record in found.benchmarks}
    driver = [row for row in rows if "][overlay2 " in row["name"]]
    assert len(driver) == 2
    for row in driver:
        assert row["stats"]["median"] == pytest.approx(stored[row["extra_info"]["benchmark"]] / 1e9)


def test_each_side_has_a_file_of_its_own_that_one_program_wrote(start):
    """What the way of writing a file does to its cost is in the baseline against itself, too, and so it is seen.

    All of them are reached by the same path.
    """
    text = """
@measured("data/sides", SMOKE)
def test_sample(bench):
    '''Writes.'''
    bench.fio(replace(load("fsync-4k"), runtime_ms=50, size=1 << 20), "upper")
    assert all((bench.on_volume(side) / "file").exists() for side in ("baseline", "again"))
    assert not (bench.on_volume("arm") / "file").exists()
"""
    run, found = measured(start, text)
    (record,) = found.benchmarks
    files = {(sample.side, job_of(run.bundle / sample.raw)["filename"]) for sample in record.samples}
    assert files == {("baseline", "file"), ("again", "file"), ("arm", "file")}


def test_a_fresh_container_has_fresh_files_beside_it(start):
    """The first change of a row is the first one on every side: what a row has left is gone with its container."""
    text = """
@measured("copy-up/anew", SMOKE)
def test_sample(bench):
    'Makes.'
    fresh = bench.fresh(bench.everywhere({"f": b"x"}))
    making = [["open", "new", 0o301], ["close", [0]], ["link", "f", "second"]]
    bench.paired(lambda side: bench.calls(fresh.fs, side, making), metric="time per call", before=fresh)
"""
    _, found = measured(start, text)
    assert {sample.row for sample in found.benchmarks[0].samples} >= set(range(3))


def job_of(raw):
    """The options of the job that fio's own answer is about."""
    return json.loads(gzip.decompress(raw.read_bytes()))["jobs"][0]["job options"]


def test_a_buffered_loop_device_is_caught(start):
    """A loop device that reads through the cache of its file answers from memory: no number comes of it."""
    text = """
@measured("data/buffered-loop", SMOKE)
def test_sample(bench):
    '''Reads.'''
    bench.stand.home.run(["losetup", "--direct-io=off", *bench.stand.backing.devices])
    bench.fio(SHORT, "lower")
"""
    _, found = measured(start, text)
    (record,) = found.benchmarks
    assert record.verdict == "invalid"
    assert guards.DIRECT_LOOP in record.reason


def test_a_file_that_the_cache_serves_is_caught(start):
    """A job that claims the device and reads what the page cache holds measures memory."""
    text = """
@measured("data/cached", SMOKE)
def test_sample(bench):
    '''Reads.'''
    bench.fio(replace(SHORT, direct=False), "upper")
"""
    _, found = measured(start, text)
    (record,) = found.benchmarks
    assert record.verdict == "invalid"
    assert guards.REACHED in record.reason


def test_a_driver_that_drops_direct_io_is_caught(start):
    """fuse-overlayfs opens without O_DIRECT what was opened with it."""
    if not shutil.which("fuse-overlayfs", path=ENVIRONMENT["PATH"]):
        pytest.skip(needs("fuse-overlayfs"))
    text = """
@measured("data/dropped", SMOKE)
def test_sample(bench):
    '''Reads.'''
    bench.fio(SHORT, "upper")
"""
    _, found = measured(start, text, driver="fuse-overlayfs")
    (record,) = found.benchmarks
    assert record.verdict == "invalid"
    assert guards.REACHED in record.reason


def test_system_calls_are_counted_apart_from_all_times(start):
    """Of a job, of calls and of a request to the engine, for the baseline and for the driver; vfs copies every file."""
    if not shutil.which("strace", path=ENVIRONMENT["PATH"]):
        pytest.skip(needs("strace"))
    text = """
@measured("data/counted", SMOKE)
def test_job(bench):
    '''Reads.'''
    bench.fio(SHORT, "lower")

@measured("names/counted", SMOKE)
def test_calls(bench):
    '''Looks.'''
    fs = bench.process(bench.container(bench.everywhere({"f": b"x"})))
    bench.paired(
        lambda side: bench.calls(fs, side, [["stat", "f"]] * 5), metric="time per stat", stratum="lower"
    )

@measured("life/counted", SMOKE)
def test_request(bench):
    '''Creates.'''
    empty, full = (bench.containers.image({str(at): b"x" for at in range(files)}) for files in (0, 200))

    def create(side):
        container, cost = bench.life.create(full if side == "arm" else empty)
        container.remove()
        bench.containers.forget(container)
        return cost

    bench.paired(create, metric="time to create", unit="ms", names=bench.against("an empty image"))
"""
    _, found = measured(start, text, driver="vfs")
    counts = {count.metric: count for count in found.counts}
    assert set(counts) == {"system calls per I/O", "system calls per stat", "system calls to create, the engine"}
    job, calls, request = (counts[name] for name in sorted(counts))
    assert (calls.value, calls.baseline, set(calls.parts)) == (1.0, 1.0, {"newfstatat"})
    assert 1.0 <= job.value == job.baseline < 1.1
    assert job.parts["pread64"] >= 256
    assert request.value > request.baseline + 200
    assert request.parts["openat"] > request.baseline_parts["openat"] + 200
    assert all(sample.value > 0 for record in found.benchmarks for sample in record.samples)


def test_a_service_s_first_answer_is_waited_for(start):
    """The container's own program answers, from files of its image and from those of the volume."""
    text = """
@measured("apps/sample", SMOKE)
def test_ready(bench):
    '''Answers.'''
    (image,) = bench.service(2)
    bench.paired(
        lambda side: bench.until_answer(side, image, "a state of 8 MiB"), metric="time until it answers", unit="ms"
    )
"""
    _, found = measured(start, text)
    (record,) = found.benchmarks
    assert all(sample.value > 10 for sample in record.samples)


def test_a_file_too_large_for_an_archive_is_the_image_s(start):
    """A job writes it, a commit puts it into a layer, and the first change copies it up."""
    text = """
@measured("copy-up/sample", SMOKE)
def test_large(bench):
    '''Copies.'''
    fresh = bench.fresh(bench.fio.everywhere("file", "scatter-4k"))
    rows = [["open", "file", 1], ["close", [0]]]
    bench.paired(
        lambda side: bench.calls(fresh.fs, side, rows, settled=True), metric="time to open", before=fresh,
        guards=lambda: fresh.copied_up("file"),
    )
    assert len({fresh.fs.stat(bench.path(side, "file")).size for side in ("baseline", "again", "arm")}) == 1
"""
    _, found = measured(start, text)
    (record,) = found.benchmarks
    assert record.guards[guards.COPIED_UP]
    written = [sample.counters["device bytes written, settled"] for sample in record.samples if sample.side == "arm"]
    assert min(written) >= 32 << 20


def test_a_benchmark_that_measures_nothing_fails(start):
    """A promise without a number is no benchmark."""
    text = """
@measured("data/nothing", SMOKE)
def test_sample(bench):
    '''Nothing.'''
"""
    run = start(text, "--bench-seconds=0")
    assert run.end(240) == 1
    assert "measured nothing" in run.text()
