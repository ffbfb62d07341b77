"""What all looks at one operation break, promise by promise."""

import pytest

from roadworthy.cuts.choice import Cut
from roadworthy.cuts.findings import Findings, Look, Moment, Positioned, coarse, rank
from roadworthy.cuts.operation import Operation
from roadworthy.cuts.store import Thing

DEAD = "the daemon does not start: it says why"
SILENT = "silent: 3 of 200 files empty"


def moment(label, at, bystander=False):
    return Moment(Thing(label, lambda store: None), at, {}, bystander)


#: One that was there before, one that is acknowledged at 10, and one at 20.
MOMENTS = moment("old", 0, bystander=True), moment("first", 10), moment("second", 20)
WHOLE = {"old": "whole", "first": "whole", "second": "whole"}


def look(position, until, start="whole", healed=(), records="", **states):
    states = WHOLE | states if start == "whole" else {}
    return Look(Cut(position, until, position), start, states, dict(healed), records)


def findings(*looks):
    evidence = Positioned(lambda: position[0])
    for at, call in ((10, "load"), (20, "tag"), (25, "stop")):
        position = [at]
        evidence.record("engine", call, "200", False, 0.1)
    return Findings(Operation("x", lambda store: iter(())), MOMENTS, looks, 7, evidence, (1.0, 2.0))


def found(broken):
    return [(look.cut.position, label, said) for look, label, said in broken.found]


def test_nothing_is_broken_by_what_is_whole():
    told = findings(look(0, 5), look(30, 30))
    for broken in (told.silent(), told.lost(), told.torn(), told.not_started(), told.not_healed(), told.hurt()):
        assert (broken.worst, broken.states, broken.first, found(broken)) == ("whole", "whole", "none", [])
    assert str(told) == "2 cuts at 7 flushes; captured in 1.0 s, 1.0 s each"


def test_silence_breaks_a_promise_of_anything_that_is_listed():
    """Acknowledged or not, and there before or not."""
    told = findings(look(0, 5, first=SILENT, second="gone"), look(30, 30, old=SILENT, first="says so: broken"))
    assert found(told.silent()) == [(0, "first", SILENT), (30, "old", SILENT)]


@pytest.mark.parametrize(("until", "lost"), [(9, False), (10, True), (11, True)])
def test_what_was_acknowledged_may_be_lost_from_then_on(until, lost):
    """A cut may happen until the next flush is over: at 10, the answer had come."""
    told = findings(look(5, until, first="as before"))
    assert found(told.lost()) == ([(5, "first", "as before")] if lost else [])


@pytest.mark.parametrize("said", ["gone", "as before", "there again", SILENT, "says so: broken"])
def test_anything_but_whole_is_lost(said):
    assert found(findings(look(20, 20, second=said)).lost()) == [(20, "second", said)]


def test_what_is_not_acknowledged_is_old_or_new():
    """After the acknowledgement that is another promise's."""
    told = findings(
        look(0, 5, first="as before", second="gone"), look(15, 19, first=SILENT, second=SILENT),
        look(20, 20, second=SILENT),
    )  # fmt: skip
    assert found(told.torn()) == [(0, "second", "gone"), (15, "second", SILENT)]


def test_what_was_there_before_is_hurt_at_any_cut():
    told = findings(look(0, 5, old="gone"), look(20, 20, old="as before", first=SILENT))
    assert found(told.hurt()) == [(0, "old", "gone"), (20, "old", "as before")]


def test_a_daemon_that_does_not_start_breaks_that_promise_alone():
    told = findings(look(0, 5), look(20, 20, start=DEAD))
    assert found(told.not_started()) == [(20, "the daemon", DEAD)]
    assert [found(one) for one in (told.silent(), told.lost(), told.torn(), told.hurt())] == [[], [], [], []]


def test_what_was_asked_for_again_has_to_be_whole():
    told = findings(look(0, 5, first="gone", healed={"first": "whole"}), look(20, 20, healed={"first": SILENT}))
    assert found(told.not_healed()) == [(20, "first", SILENT)]


@pytest.mark.parametrize(
    ("looks", "broken"),
    [
        ([look(0, 5, first="gone"), look(30, 30)], []),
        ([look(0, 5), look(30, 30, old="gone", second=SILENT)], [(30, "old", "gone"), (30, "second", SILENT)]),
        ([look(0, 5), look(30, 30, start=DEAD)], [(30, "the daemon", DEAD)]),
        ([look(25, 30, first="gone"), look(30, 30)], []),
    ],
    ids=["before the sync", "after it", "no daemon", "before the last flush"],
)
def test_after_a_sync_all_is_asked_for(looks, broken):
    assert found(findings(*looks).after_sync()) == broken


def test_states_are_counted_and_the_worst_is_named():
    told = findings(
        look(10, 12, first="gone"), look(15, 19, first="gone"), look(20, 20, first=SILENT, second="says so: no")
    )  # fmt: skip
    assert told.lost().states == f"first: gone (2); first: {SILENT} (1); second: says so: no (1)"
    assert told.lost().worst == "silent: files empty"


def test_the_first_cut_is_named_with_the_calls_around_it_and_its_records():
    told = findings(look(0, 10, first="gone", records="repositories.json: 1 empty"), look(20, 20, first="gone"))
    assert told.lost().first == "flush 0, after load, before tag; records: repositories.json: 1 empty"
    assert findings(look(20, 20, first="gone")).lost().first == "flush 20, after tag, before stop; records: all there"
    assert findings(look(25, 25, first="gone")).lost().first.startswith("flush 25, after stop, before the end;")


def test_states_are_told_without_counts():
    """What a recorded deviation holds has to be the same in each run."""
    assert coarse("silent: 3 of 200 files missing, 7 of 200 files zeroed, 2 files are new") == (
        "silent: files missing, files zeroed, files are new"
    )
    assert coarse("says so: 3 of 200") == "says so: 3 of 200"


WORST_FIRST = [
    "silent: 1 of 2 files missing", "silent: 1 of 2 files empty", "silent: 1 of 2 files of another mode",
    "the file system is not mounted: why", DEAD, "there again", "gone", "says so: no such image", "as before",
]  # fmt: skip


def test_silence_is_the_worst_and_what_was_before_the_least():
    ranks = [rank(coarse(said)) for said in WORST_FIRST]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)


def test_positions_are_those_of_the_calls_that_were_kept():
    """A transcript has a limit; positions beyond it would name other calls."""
    at = iter(range(1000))
    evidence = Positioned(lambda: next(at))
    for number in range(500):
        evidence.record("engine", f"call {number}", "", False, 0.0)
    assert len(evidence.positions) == len(evidence.transcript) < 500


def test_calls_are_recorded_from_the_beginning_of_an_operation_to_its_end():
    evidence = Positioned(lambda: 7)
    evidence.record("engine", "prepare", "", False, 0.0)
    evidence.begin()
    evidence.record("engine", "load", "", False, 0.0)
    evidence.end()
    evidence.record("engine", "look", "", False, 0.0)
    assert ([made.call for made in evidence.transcript], evidence.positions) == (["load"], [7])
