"""Workload files: what they may say, what is refused, and the argument list that follows."""

import pytest

from roadworthy.measuring.workloads import DIRECTORY, WorkloadError, load

GOOD = """
promise = "reads"
rw = "randread"
bs = "4k"
size = "1m"
direct = 1
ioengine = "psync"
iodepth = 1
runtime_ms = 200
reach = "device"
"""


@pytest.fixture
def written(tmp_path):
    def written(text):
        (tmp_path / "w.toml").write_text(text)
        return load("w", tmp_path)

    return written


def test_a_workload_becomes_an_argument_list(written):
    """Each key is one argument, numbers are bytes, and fio never sees a job file of somebody's."""
    words = written(GOOD).arguments("FILE", "REPORT")
    assert {"--filename=FILE", "--output=REPORT", "--rw=randread", "--bs=4096", "--size=1048576", "--direct=1"} <= set(
        words
    )
    assert "--readonly" in words
    assert "--allow_file_create=0" in words
    assert "--runtime=200ms" in words
    assert all(word.startswith("--") for word in words)


def test_one_pass_has_no_time_limit(written):
    """A runtime of 0 is one pass over the size."""
    words = written(GOOD.replace("runtime_ms = 200", "runtime_ms = 0")).arguments("FILE", "REPORT")
    assert not [word for word in words if word.startswith(("--runtime", "--time_based"))]


def test_flushes_are_asked_for(written):
    """Writes between two flushes, and one flush at the end."""
    text = GOOD.replace('"randread"', '"randwrite"') + "fdatasync = 1\nend_fsync = 1\njobs = 4\n"
    words = written(text).arguments("FILE", "REPORT")
    assert {"--fdatasync=1", "--end_fsync=1", "--numjobs=4"} <= set(words)
    assert "--readonly" not in words


def test_a_cold_pass_drops_the_cache_itself(written):
    """Pages are dropped by fio, when it opens the file, and otherwise stay as they are."""
    cold = GOOD.replace("runtime_ms = 200", "runtime_ms = 0") + "invalidate = 1\n"
    assert "--invalidate=1" in written(cold).arguments("FILE", "REPORT")
    assert "--invalidate=0" in written(GOOD).arguments("FILE", "REPORT")


@pytest.mark.parametrize(
    ("pattern", "directions"),
    [("read", ("read",)), ("randwrite", ("written",)), ("randrw", ("read", "written")), ("rw", ("read", "written"))],
)
def test_a_workload_knows_what_a_device_would_see_of_it(written, pattern, directions):
    """Reads, writes, or both, in a device counter's words."""
    assert written(GOOD.replace('"randread"', f'"{pattern}"')).directions == directions


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + 'exec_prerun = "rm -rf /"\n', "unknown key 'exec_prerun'"),
        (GOOD.replace("iodepth", "iodept"), "did you mean 'iodepth'"),
        (GOOD.replace('"4k"', '"${HOME}"'), "bs is '${HOME}'; it is a size"),
        (GOOD.replace('"psync"', '"external:/tmp/x.so"'), "ioengine is 'external:/tmp/x.so'"),
        (GOOD.replace("direct = 1", "direct = 2"), "direct is 2"),
        (GOOD.replace('reach = "device"', 'reach = "moon"'), "reach is 'moon'; it is one of device, cache, none"),
        (GOOD.replace("bs =", "# bs ="), "has no bs"),
        (GOOD + "invalidate = 1\n", "invalidate is 1 and runtime_ms is not 0"),
        (GOOD + "fresh = 1\n", "fresh is 1 and rw is 'randread'"),
        ("rw = ", "w.toml"),
    ],
)
def test_F50_what_is_refused(written, text, said):
    """Nothing that runs programs, expands variables or is misspelt; the sentence names key and value."""
    with pytest.raises(WorkloadError, match=r"w\.toml") as caught:
        written(text)
    assert said in str(caught.value)


def test_an_unknown_workload_names_the_nearest():
    """A name that was mistyped is answered with the one that was meant."""
    with pytest.raises(WorkloadError, match="did you mean 'randread-4k'"):
        load("randred-4k")


@pytest.mark.parametrize("name", sorted(path.stem for path in DIRECTORY.glob("*.toml")))
def test_every_workload_that_ships_can_be_used(name):
    """All files of workloads/ load, and say in a sentence what they do."""
    assert load(name).promise
