"""What is looked at, and what a check's result keeps of it."""

from contextlib import nullcontext
from types import SimpleNamespace

import written_log

from roadworthy.calls.evidence import Evidence
from roadworthy.cuts.choice import Cut, flushes
from roadworthy.cuts.findings import Findings, Look, Moment, Positioned
from roadworthy.cuts.operation import Operation
from roadworthy.cuts.replica import Replica
from roadworthy.cuts.search import Replay
from roadworthy.cuts.store import Thing
from roadworthy.machines.write_log import WriteLog
from roadworthy.reports.records import FirstCut, Left

LOAD = Operation("load", lambda store: iter(()))
THING = Thing("the image", lambda store: None)
EMPTY = "silent: 3 of 9 files empty"


def test_a_disk_that_equals_an_earlier_one_is_looked_at_once(tmp_path, monkeypatch):
    """It shows what that one showed, at a cut of its own: another thing may have been acknowledged by then."""
    log = written_log.load(tmp_path / "load.log")
    entries = list(WriteLog(log).entries())
    _, first, second, _ = flushes(entries, 2, 8)
    whole = tuple((entry, entry.length) for entry in entries[first.position : first.until] if entry.writes)
    cuts = [Cut(first.position, first.until, first.flush, whole, len(whole), 5), second]
    seen_at = []

    def look(self, image, cut):
        image.unlink()
        seen_at.append(cut.flush)
        return Look(cut, states={"the image": "gone"})

    monkeypatch.setattr(Replay, "look", look)
    site = SimpleNamespace(state=tmp_path, ledger=SimpleNamespace(intend=lambda *_, **__: None))
    replica = Replica(log, entries, tmp_path / "disk", 8 * written_log.BLOCK)
    replay = Replay(LOAD, None, None, site, None, [], {}, lambda name: nullcontext())
    looks = replay.looked(replica, cuts)
    assert seen_at == [first.flush]
    assert [(one.cut, one.equal, one.states) for one in looks] == [
        (cut, equal, {"the image": "gone"}) for cut, equal in zip(cuts, (False, True), strict=True)
    ]


def test_a_result_keeps_what_breaks_the_promise_that_was_asked_for():
    """All states with their cuts, the worst first, and the first cut with the calls around it, cut short nowhere."""
    at = iter([0, 5, 15, 25])
    evidence = Positioned(lambda: next(at))
    calls = ["create", "POST /images/load", "GET /images", "late"]
    for call in calls:
        evidence.record("engine", call, "200", False, 0.0)
    states = {0: "whole", 1: "says so: no", 2: EMPTY, 3: EMPTY}
    looks = [Look(Cut(10 * n, 10 * n + 10, n), states={"the image": said}) for n, said in states.items()]
    looks[1].records = "link: 1 empty"
    taker = Evidence()
    found = Findings(LOAD, [Moment(THING, 5, {})], looks, 3, evidence, (1, 1), asked="20", kept=True).taken_by(taker)
    found.lost()
    told = taker.cuts
    assert (told.operation, told.looked, told.flushes, told.worst, told.asked, told.kept) == (
        "load", 4, 3, "silent: files empty", "20", True
    )  # fmt: skip
    assert told.states == [Left("the image", EMPTY, 2), Left("the image", "says so: no", 1)]
    assert told.first == FirstCut(
        flush=1, words="flush 1", after=calls[:3], before="late", records="link: 1 empty", exact=True
    )
    found.not_started()
    assert (taker.cuts.worst, taker.cuts.first) == ("whole", None)


def test_a_call_after_the_operation_is_not_one_of_it():
    """What the suite asks for its own look belongs to no sequence that broke anything."""
    evidence = Positioned(lambda: 7)
    evidence.record("engine", "POST /images/load", "200", False, 0.0)
    evidence.end()
    evidence.record("engine", "GET /containers/json", "200", False, 0.0)
    assert [(call.call, at) for call, at in evidence.calls] == [("POST /images/load", 7)]
    assert evidence.around(7) == (["POST /images/load"], "the end")
