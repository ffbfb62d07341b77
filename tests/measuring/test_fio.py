"""fio's answer: what is taken from it, and what is no measurement."""

import json
from dataclasses import replace

import pytest

from roadworthy.measuring.fio import FioFailed, parsed
from roadworthy.measuring.fio_rows import job_file
from roadworthy.measuring.workloads import load

READ = load("randread-4k")


def answered(**changes):
    side = {"total_ios": 100, "io_bytes": 409600, "clat_ns": {"mean": 5000.0, "bins": {"4800": 60, "5200": 40}}}
    idle = {"total_ios": 0, "io_bytes": 0, "clat_ns": {"mean": 0.0}}
    job = {"read": side, "write": idle, "job_runtime": 300, "iodepth_level": {"1": 100.0}, "error": 0, **changes}
    return json.dumps({"jobs": [job]}).encode()


def test_an_answer_is_read():
    """Latency in nanoseconds, bytes, operations, and the histogram."""
    block = parsed(answered(), READ)
    assert (block.latency_ns, block.bytes, block.operations, block.seconds) == (5000.0, 409600, 100, 0.3)
    assert block.bins == {4800.0: 60, 5200.0: 40}
    assert block.levels == {"1": 100.0}


def test_jobs_side_by_side_run_as_long_as_the_longest():
    """fio adds up the time of all jobs of a group; the clock on the wall does not."""
    side = {"total_ios": 400, "io_bytes": 1638400, "clat_ns": {"mean": 5000.0}, "runtime": 310}
    assert parsed(answered(read=side, job_runtime=1200), replace(READ, jobs=4)).seconds == 0.31


def test_warnings_before_the_answer_are_skipped():
    """fio writes notes into the same file."""
    assert parsed(b"fio: note\n" + answered(), READ).operations == 100


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"no JSON", "cannot be read"),
        (answered()[:-20], "cannot be read"),
        (answered(error=5), "ended with error 5"),
        (answered(read={"total_ios": 0, "io_bytes": 0, "clat_ns": {"mean": 0.0}}), "did nothing"),
        (answered().replace(b"5000.0", b"NaN"), "no measurement"),
        (answered().replace(b"5000.0", b"-1.0"), "negative or has no end"),
        (answered().replace(b"5000.0", b"1e999"), "negative or has no end"),
        (answered(job_runtime=0), "did nothing"),
        (b'{"jobs":' * 100_000, "cannot be read"),
    ],
)
def test_F51_F52_what_is_no_measurement(answer, said):
    """No number comes of an answer that is broken, of an error, or of a job that did nothing."""
    with pytest.raises(FioFailed, match=said):
        parsed(answer, READ)


def test_a_job_typed_by_hand_is_the_same_job():
    """The file that a user would write has every option of the argument list."""
    text = job_file(READ, "/volume/file").decode().splitlines()
    words = {word.removeprefix("--") for word in READ.arguments("/volume/file", "")}
    left_out = {"output=", "output-format=json+", "readonly", f"name={READ.name}"}
    assert text[0] == "[randread-4k]"
    assert set(text[1:]) == words - left_out
