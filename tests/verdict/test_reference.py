"""The reference of a tree: which checks have one, what is made again, what is compared, and the verdict."""

import os
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from roadworthy.calls.answers import Refused
from roadworthy.calls.evidence import Evidence, Made
from roadworthy.declaring.checks import Declared
from roadworthy.trees.layers import File, SparseFile
from roadworthy.verdict import reference
from roadworthy.verdict.deviations import Deviation
from roadworthy.verdict.judge import Judgement
from roadworthy.verdict.reference import (
    AHEAD,
    CARRIED,
    FOREIGN,
    NotCompared,
    Reference,
    ReferenceFault,
    TreeDiffers,
    differences,
    judge_tree,
    outside,
    refuse,
    replayed,
)

HERE, THERE = "/c/sample.check", "/volume/r/1"
NAMES = {THERE: HERE}


def check(provenance="lower", **trees):
    return Declared("sample/check", "sample", "It holds.", "", provenance, "sample.check", (trees,) if trees else ())


class FakeProcess:
    """A process of a container, as far as one is told from another."""

    directory = HERE

    def __init__(self, exchange="talk"):
        self.exchange = exchange
        self.name = "A"

    def leave(self):
        """Nothing is running."""


def call(name, *arguments, of=None, **more):
    return Made(of or A, name, arguments, more.pop("beside", False), **{"outcome": "", **more})


A, B = FakeProcess(), FakeProcess()
CONTAINER = SimpleNamespace(exchange=lambda: "talk")


@pytest.mark.parametrize(
    ("made", "fixtures", "said"),
    [
        ([], ["fs"], "makes no calls"),
        ([call("open", "f", 0)], ["fs", "containers"], "uses containers"),
        ([call("open", "f", 0)], ["fs", "storage"], "uses storage"),
        ([call("read", 3, 1, beside=True)], ["fs"], "at the same time"),
        ([call("open", "f", 0), call("open", "f", 0, of=FakeProcess("another"))], ["fs"], "several containers"),
        ([call("start", ["/toolbox/bin/tail"])], ["fs"], "calls start"),
        ([call("mkdir", "../elsewhere", 0o755)], ["fs"], "leaves its directory"),
        ([call("open", "/etc/passwd", 0)], ["fs"], "leaves its directory"),
        ([call("fsync", 3, seconds=9.0)], ["fs"], "take long"),
        ([call("getpid")] * 401, ["fs"], "take long"),
    ],
)
def test_what_cannot_be_made_again_has_no_reference(made, fixtures, said):
    """A check is left out, with the reason, where its calls are not all that made its tree."""
    with pytest.raises(NotCompared, match=said):
        refuse(check(), set(fixtures), made, CONTAINER)


def test_what_can_be_made_again_is_not_left_out():
    """Calls below the check's directory, of programs of the toolbox, and of what /proc shows."""
    made = [
        call("open", f"{HERE}/f", 0),
        call("run", ["/toolbox/bin/mv", "a", "b"]),
        call("readlink", "/proc/self/fd/3"),
    ]
    refuse(check(), {"fs", "other", "observe", "toolbox"}, made, CONTAINER)


@pytest.mark.parametrize(
    ("word", "out"),
    [("f", False), ("d/../f", False), ("d/../../f", True), (f"{HERE}/f", False), (f"{HERE}-other/f", True), ("/", True),
     (f"{HERE}/../f", True), ("..", True), ("...", False)],
)  # fmt: skip
def test_paths_out_of_the_directory(word, out):
    """A path is followed by its words, not by its first letters."""
    assert outside(word, HERE, moved=False) is out


class Again:
    """A process that answers from a table and remembers what it was asked."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    def leave(self):
        """Nothing is running."""

    def ahead(self, name, *arguments):
        self.asked.append((name, *arguments))
        answer = self.answers.get(name)

        def finish():
            if isinstance(answer, Exception):
                raise answer
            return answer

        return SimpleNamespace(answer=finish)


def test_calls_are_made_again_in_their_order_below_the_other_directory():
    """Paths of the check's directory become the reference's, in lists too; data and other words stay."""
    again = Again(open=3, write=2)
    made = [call("open", f"{HERE}/f", os.O_RDWR, answer=3), call("write", 3, b"/c", answer=2),
            call("run", ["/toolbox/bin/mv", f"{HERE}/f", "/c"], answer=[0, b""])]  # fmt: skip
    assert replayed(made, {A: again}, HERE, THERE) == []
    assert again.asked == [("open", f"{THERE}/f", os.O_RDWR), ("write", 3, b"/c"),
                           ("run", ["/toolbox/bin/mv", f"{THERE}/f", "/c"])]  # fmt: skip


def test_a_call_that_ends_otherwise_is_told():
    """A refusal that the reference does not make, and the other way around, are differences."""
    again = Again(rmdir=Refused("rmdir('d')", "ENOTEMPTY"))
    made = [call("rename", "a", "b", outcome="EXDEV"), call("rmdir", "d")]
    assert replayed(made, {A: again}, HERE, THERE) == [
        "rename('a', 'b'): EXDEV against success", "rmdir('d',): success against ENOTEMPTY",
    ]  # fmt: skip


class Slow(Again):
    """A process of which the calls that are under way are counted, and how many there were at most."""

    under_way = most = 0

    def ahead(self, name, *arguments):
        Slow.under_way += 1
        Slow.most = max(Slow.most, Slow.under_way)
        pending = super().ahead(name, *arguments)

        def finish():
            Slow.under_way -= 1
            return pending.answer()

        return SimpleNamespace(answer=finish)


@pytest.mark.parametrize(
    ("made", "most"),
    [
        ([call("getpid")] * 20, 20),
        ([call("getpid")] * 120, AHEAD),
        ([call("getpid"), call("getpid", of=B)] * 10, 1),
        ([call("mmap", 3, 4096, 3, 1, answer=0x1000), call("poke", 0x1010, b"x"), call("poke", 0x1020, b"x")], 1),
        ([call("write", 3, bytes(CARRIED // 2 - 1))] * 9, 2),
        ([call("pread", 3, CARRIED, 0, answer=bytes(CARRIED + 1))] * 9, 1),
    ],
)
def test_calls_go_ahead_of_answers_that_they_do_not_need(made, most):
    """One process's calls do not wait for each other; another process, memory, and full pipes do."""
    Slow.under_way = Slow.most = 0
    assert replayed(made, {A: Slow(mmap=0x9000), B: Slow()}, HERE, THERE) == []
    assert (Slow.most, Slow.under_way) == (most, 0)


def test_memory_is_found_where_the_new_mapping_lies():
    """A store into a mapping goes to the same place of the new one."""
    again = Again(mmap=0x9000)
    made = [call("mmap", 3, 4096, 3, 1, answer=0x1000), call("poke", 0x1010, b"x")]
    assert replayed(made, {A: again}, HERE, THERE) == []
    assert again.asked[-1] == ("poke", 0x9010, b"x")
    with pytest.raises(NotCompared, match="memory that it has not mapped"):
        replayed([call("peek", 0x5000, 1)], {A: again}, HERE, THERE)


def test_other_numbers_of_descriptors_are_no_reference():
    """What comes after would go to another file."""
    with pytest.raises(NotCompared, match="descriptors have other numbers"):
        replayed([call("open", "f", 0, answer=4)], {A: Again(open=3)}, HERE, THERE)


FILE = {"kind": "file", "mode": "0644", "owner": "0:0", "mtime": "1000000000.000000000", "links": "1", "checksum": "7"}


@pytest.mark.parametrize("name", ["kind", "mode", "owner", "mtime", "links", "checksum", "user.a"])
def test_every_field_is_compared(name):
    """A file that differs in one thing is told with what it has and what the reference has."""
    found = differences({"f": FILE}, {"f": {**FILE, name: "5.000000000"}}, NAMES)
    assert found == [f"f: the file's {name} is 5.000000000 against {FILE.get(name, 'absent')}"]


def test_what_programs_write_is_not_compared(tmp_path, monkeypatch):
    """A program may write the clock's time into a file; its content has no reference, its mode has."""
    walks = [{"f": {**FILE, "checksum": "8", "mode": "0600"}}, {"f": FILE}]
    container = SimpleNamespace(exchange=lambda: "talk", process=lambda *_: FakeProcess())
    monkeypatch.setattr(reference, "Process", lambda *_: Again(run=[0, b""], getpid=1))
    monkeypatch.setattr(reference, "walked", lambda *_: walks)
    for made, fields in ((call("run", ["/toolbox/bin/tar"], answer=[0, b""]), ["mode"]),
                         (call("getpid", answer=1), ["checksum", "mode"])):  # fmt: skip
        with pytest.raises(TreeDiffers) as told:
            Reference(tmp_path).compare(check(), ["fs"], container, Evidence(made=[made]))
        assert [difference.split()[3] for difference in told.value.differences] == fields


def test_counts_of_links_are_not_compared_where_layers_are_linked(tmp_path, monkeypatch):
    """What the driver does to every file of an image is not told of each; other drivers' counts are compared."""
    container = SimpleNamespace(exchange=lambda: "talk", process=lambda *_: FakeProcess())
    monkeypatch.setattr(reference, "Process", lambda *_: Again(getpid=1))
    monkeypatch.setattr(reference, "walked", lambda *_: [{"f": {**FILE, "links": "5"}}, {"f": FILE}])
    calls = [call("getpid", answer=1)]
    Reference(tmp_path, links_layers=True).compare(check(), ["fs"], container, Evidence(made=list(calls)))
    with pytest.raises(TreeDiffers, match="links is 5 against 1"):
        Reference(tmp_path).compare(check(), ["fs"], container, Evidence(made=list(calls)))


def test_what_is_missing_and_what_is_there_is_told():
    """The listings are compared, too."""
    assert differences({"a": FILE}, {"b": FILE}, NAMES) == ["a is missing", "b is there"]
    assert differences({"a": FILE}, {"a": FILE}, NAMES) == []


def test_times_of_the_clock_are_equal_and_old_ones_are_not():
    """What both trees made just now has no time that could be compared; a time that was kept or set has."""
    now, before = f"{time.time():.9f}", f"{time.time() - 30:.9f}"
    assert differences({"f": {**FILE, "mtime": before}}, {"f": {**FILE, "mtime": now}}, NAMES) == []
    assert differences({"f": {**FILE, "mtime": now}}, {"f": FILE}, NAMES) == [
        "f: the file's mtime is 1000000000.000000000 against new"
    ]


def test_a_link_into_the_directory_is_the_same_link():
    """Where a symbolic link names the check's directory, the reference's names its own."""
    link = {"kind": "symlink", "target": f"{HERE}/f"}
    assert differences({"l": {**link, "target": f"{THERE}/f"}}, {"l": link}, NAMES) == []
    assert differences({"l": {**link, "target": "/f"}}, {"l": link}, NAMES) == [
        f"l: the symlink's target is {HERE}/f against /f"
    ]


def test_a_tree_is_laid_out_as_the_check_has_found_it(tmp_path):
    """The layers' result, the file above a deep object, and nothing for what the container makes itself."""
    deep = check("lower-deep", f=File(b"x"))
    made = check("upper", f=File(b"x"))
    cases = [(deep, HERE, [".above", "f"]), (deep, "/volume/c/sample.check", ["f"]), (made, HERE, [])]
    for number, (declared, here, names) in enumerate(cases):
        Reference(tmp_path).lay_out(declared, here, f"r/{number}")
        assert sorted(os.listdir(tmp_path / f"r/{number}")) == names


def test_large_trees_and_those_that_cannot_be_made_are_left_out(tmp_path):
    """A reference that would cost more than it tells is not made."""
    with pytest.raises(NotCompared, match="many entries"):
        Reference(tmp_path).lay_out(check(**{f"f{number}": File(b"") for number in range(600)}), HERE, "r/1")
    with pytest.raises(NotCompared, match="cannot hold"):
        Reference(tmp_path).lay_out(check(f=SparseFile(size=1, tail=b"too long")), HERE, "r/2")


def test_a_reference_that_cannot_be_made_is_no_verdict_about_the_driver(tmp_path, monkeypatch):
    """Trouble of the host is an error of the suite, and what was left out is counted with its reason."""
    found, evidence = Reference(tmp_path), Evidence(made=[call("open", "f", 0)])
    found.compare(check(), ["fs", "engine"], CONTAINER, evidence)
    assert found.facts() == {"compared": 0, "not compared": {"it uses engine": 1}}
    monkeypatch.setattr(found, "_differences", lambda *_: (_ for _ in ()).throw(OSError("no volume")))
    with pytest.raises(ReferenceFault, match="no volume"):
        found.compare(check(), ["fs"], CONTAINER, Evidence(made=[call("open", "f", 0)]))


def test_a_difference_is_an_assertion_with_the_first_and_the_number_of_others(tmp_path, monkeypatch):
    """The reason of the verdict names what differs."""
    found = Reference(tmp_path)
    monkeypatch.setattr(found, "_differences", lambda *_: ["f: mode is 0600 against 0644", "g is missing"])
    evidence = Evidence(made=[call("open", "f", 0)])
    with pytest.raises(
        TreeDiffers, match="the tree differs from the reference's: f: mode is 0600 against 0644; and 1 more"
    ):
        found.compare(check(), ["fs"], CONTAINER, evidence)
    assert evidence.compared
    assert evidence.made is None, "calls are not kept longer than they are needed"


RECORDED = Deviation("sample/check", {}, "mtime", "why", "a document", "sample.toml", 3, tree=True)


def test_a_recorded_difference_leaves_the_verdict():
    """The promise was kept; what differs is told with the entry. Another difference is a failure."""
    differs = TreeDiffers(["f: mtime is 1 against 2"])
    failed = Judgement("fail", str(differs))
    assert judge_tree(failed, differs, []) == failed
    assert judge_tree(failed, differs, [RECORDED]) == Judgement("pass", f"{differs}, as recorded", RECORDED)
    both = TreeDiffers(["f: mtime is 1 against 2", "g is missing"])
    told = judge_tree(Judgement("fail", str(both)), both, [RECORDED])
    assert told == Judgement("fail", "the tree differs from the reference's: g is missing")
    missing = replace(RECORDED, check="tree/missing", signature="is missing")
    assert judge_tree(Judgement("fail", str(both)), both, [RECORDED, missing]).verdict == "pass"


def test_a_recorded_difference_that_is_gone_is_fixed():
    """An entry that speaks of what does not happen has to go; where the promise itself is broken it says nothing."""
    assert judge_tree(Judgement("pass"), None, [RECORDED]).verdict == "fixed"
    assert judge_tree(Judgement("pass"), None, [replace(RECORDED, check="tree/mtime")]).verdict == "pass"
    broken = Judgement("fail", "assert 1 == 2")
    assert judge_tree(broken, AssertionError("assert 1 == 2"), [RECORDED]) == broken


def test_calls_that_overlap_are_told_from_those_that_do_not():
    """A call is `beside` another where that one had not been answered."""
    evidence = Evidence(made=[])
    first = evidence.make(A, "read", (3, 1))
    second = evidence.make(A, "write", (4, b"x"))
    evidence.answered(second, 1, "", 0.1)
    evidence.answered(first, b"x", "", 0.1)
    third = evidence.make(A, "close", (3,))
    assert [one.beside for one in (first, second, third)] == [False, True, False]
    assert evidence.made == [first, second, third]


def test_link_counts_are_left_out_where_layers_are_linked():
    """A driver that links every layer's files to those below shows it in each count, and is told apart by a check."""
    wanted, found = {"f": {"kind": "file", "links": "1"}}, {"f": {"kind": "file", "links": "5"}}
    assert differences(wanted, found, {}) == ["f: the file's links is 5 against 1"]
    assert differences(wanted, found, {}, FOREIGN | {"links"}) == []
