"""The account of a verdict: what was expected, what was observed, and the calls behind it."""

import msgspec
import pytest
import sample

from roadworthy.reports.account import account
from roadworthy.reports.records import Call, Check, Deviation, Observation, Result
from roadworthy.reports.sides import Sides, sides

LANE = msgspec.structs.replace(sample.LANES[1], words=["--driver=overlay2", "--kernel=a path"])
CHECK = Check(
    id="rename/merged-directory", family="rename", promise="A directory can be renamed.", provenance="lower",
    file="conformance/posix/test_rename.py", line=1, source="POSIX.1-2017, rename()",
)  # fmt: skip
RESULT = Result(
    lane=LANE.id, check="rename/merged-directory", nodeid="test_rename.py::test[a-b]", verdict="fail", at="", seconds=0,
    reason="assert 'EXDEV' == 'success'", observations=[Observation("outcome", "EXDEV")],
    transcript=[Call("A", "rename('a', 'b')", "EXDEV", True, 12)], omitted_calls=1, kernel_log=["overlayfs: hm"],
)  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        ("assert '666' == '640'", ("'640'", "'666'")),
        ("assert b'a == b' == b''", ("b''", "b'a == b'")),
        ("assert 1 != 1", ("not 1", "1")),
        ("assert 0 >= 262144", ("at least 262144", "0")),
        ("assert 'success' in ('ENOTEMPTY', 'EEXIST')", ("one of ('ENOTEMPTY', 'EEXIST')", "'success'")),
        ("assert 'new' in ['old']", ("'new' among them", "['old']")),
        ("assert 'gone' not in ['gone']", ("no 'gone' among them", "['gone']")),
        ("rename('a', 'b') was refused with EXDEV", (
            "rename('a', 'b') succeeds", "-1 EXDEV (Invalid cross-device link)"
        )),
        ("load(4 bytes) killed the process: SIGBUS", ("load(4 bytes) returns", "? (killed by SIGBUS)")),
        ("the ctime changed", None),
        ("assert False", None),
        ("assert 1 < 2 < 1", None),
        ("assert <object at 0x7f> == 1", None),
        ("assert (((", None),
    ],
)  # fmt: skip
def test_a_reason_has_two_sides(reason, found):
    """A comparison has its left side observed and its right side expected; a call was expected to succeed."""
    assert sides(reason) == (found and Sides(*found))


def test_an_account_has_what_a_reader_asks_for():
    """Promise, source, both sides, what was recorded, the calls, the kernel's log, and the command."""
    told = dict(account(RESULT, LANE, CHECK))
    head, calls, log, again = told.values()
    assert next(iter(told)) == f"rename/merged-directory on {LANE.id}"
    assert head.splitlines() == [
        "verdict   fail",
        "promise   A directory can be renamed.",
        "source    POSIX.1-2017, rename()",
        "expected  'success'",
        "observed  'EXDEV'",
        "recorded  outcome: EXDEV",
    ]
    assert calls.splitlines() == [
        'A  rename("a", "b") = -1 EXDEV (Invalid cross-device link)', "… 1 more call, not recorded",
    ]  # fmt: skip
    assert log == "overlayfs: hm"
    assert again == "pytest --driver=overlay2 '--kernel=a path' \\\nconformance/posix/test_rename.py::test"


def test_an_account_explains_a_recorded_break():
    """A deviation has its reason, condition, signature, source and entry."""
    known = Deviation(
        why="no redirect", source="overlayfs.rst", signature="EXDEV", when="driver = overlay2", file="a.toml", line=3,
    )  # fmt: skip
    (_, head), *_ = account(msgspec.structs.replace(RESULT, verdict="known", deviation=known), LANE, CHECK)
    assert head.splitlines()[-5:] == [
        "deviation     no redirect",
        "when          driver = overlay2",
        "known by      EXDEV",
        "explained in  overlayfs.rst",
        "entry         a.toml:3",
    ]


def test_a_verdict_without_calls_has_no_section_of_calls():
    """What would be empty is left out; the command is always there."""
    bare = Result(lane=LANE.id, check="a/b", nodeid="t", verdict="error", at="", seconds=0, reason="no agent")
    assert [title for title, _ in account(bare, LANE, CHECK)] == [f"a/b on {LANE.id}", "run it again"]


def test_an_account_is_bounded_and_harmless():
    """Long and hostile text of a container stays short and without escapes."""
    hostile = msgspec.structs.replace(
        RESULT, reason="\x1b[2J" + "x" * 100_000, kernel_log=["\x1b]0;x\x07" + "y" * 10_000] * 1_000,
        observations=[Observation("a\nb", "z" * 10_000)] * 1_000,
    )  # fmt: skip
    text = "".join(title + told for title, told in account(hostile, LANE, CHECK))
    assert "\x1b" not in text
    assert len(text) < 150_000
