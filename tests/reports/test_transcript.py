"""A transcript as lines."""

from roadworthy.reports.records import Call
from roadworthy.reports.transcript import FIRST_CALLS, LAST_CALLS, TRANSCRIPT_LIMIT, lines


def test_processes_stand_in_a_column():
    """The names of the processes have one width, so that the calls begin below each other."""
    found = lines([Call("A", "getpid()", "7"), Call("engine", "POST /images/load", "200")])
    assert found == ["A       getpid() = 7", "engine  POST /images/load = 200"]


def test_what_is_left_out_is_said_where_it_is_left_out():
    """Of a long transcript the first and the last calls are shown, and those that were not recorded are counted."""
    calls = [Call("A", f"lseek(3, {number}, 0)", str(number)) for number in range(1_000)]
    found = lines(calls, omitted=7)
    assert found[FIRST_CALLS - 1] == "A  lseek(3, 39, SEEK_SET) = 39"
    left_out = 1_000 - FIRST_CALLS - LAST_CALLS
    assert found[FIRST_CALLS] == f"… {left_out} calls left out here, see the bundle"
    assert found[-2:] == ["A  lseek(3, 999, SEEK_SET) = 999", "… 7 more calls, not recorded"]


def test_a_transcript_is_bounded():
    """Long answers leave room for fewer calls; the last one is kept."""
    calls = [Call("A", f"chdir(b{'x' * 300}) {number}", "None") for number in range(400)]
    found = lines(calls)
    assert sum(map(len, found)) < 2 * TRANSCRIPT_LIMIT
    assert found[-1].endswith(" 399 = 0")


def test_a_step_of_the_suite_stands_apart():
    """What the suite does for a check's setting says which calls it consists of; a system call says nothing."""
    found = lines([Call("A", "store('f', b'data', 420)", "None"), Call("A", "rename('f', 'g')", "None")])
    assert found == [
        'A  store("f", "data", 0644) = 0  /* the suite\'s step: open, write, close */', 'A  rename("f", "g") = 0',
    ]  # fmt: skip
