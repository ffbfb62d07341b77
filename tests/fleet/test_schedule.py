"""Who gets which lane: workers with some of the lanes each, and what becomes of a lost worker's."""

from types import SimpleNamespace

import pytest

from roadworthy.fleet.schedule import FleetScheduling

#: Four lanes of three tests.
CELLS = {f"{lane}{number}": [lane, f"check/{number}", 1] for lane in "ABCD" for number in range(3)}


class Worker:
    """xdist's end of a worker, as far as a scheduler sees it."""

    def __init__(self, name, lanes):
        self.gateway = SimpleNamespace(id=name)
        self.tests = [test for test, (lane, *_) in CELLS.items() if lane in lanes]
        self.asked = []
        self.shutting_down = False

    def send_runtest_some(self, places):
        self.asked += places

    def shutdown(self):
        self.shutting_down = True

    def lanes(self):
        return list(dict.fromkeys(CELLS[self.tests[place]][0] for place in self.asked))


@pytest.fixture
def scheduling():
    def of(*workers):
        config = SimpleNamespace(getvalue=lambda name: ["popen"] * len(workers))
        made = FleetScheduling(config, None, CELLS)
        for worker in workers:
            made.add_node(worker)
        for worker in workers:
            made.add_node_collection(worker, worker.tests)
        return made

    return of


def finish(scheduling, worker, number=None):
    """Let a worker do what it was asked for, or a number of tests."""
    done = 0
    while done < len(worker.asked) and done != number:
        scheduling.mark_test_complete(worker, worker.asked[done])
        done += 1


def test_a_worker_gets_one_lane_after_another_of_its_own(scheduling):
    """Never one that its node was not offered; and all ends when all is done."""
    first, second = Worker("a-1", "AB"), Worker("b-1", "CD")
    made = scheduling(first, second)
    assert (first.lanes(), second.lanes()) == (["A"], ["C"])
    finish(made, first)
    finish(made, second)
    assert (first.lanes(), second.lanes(), made.tests_finished) == (["A", "B"], ["C", "D"], True)
    assert first.shutting_down
    assert second.shutting_down


def test_a_lane_that_both_could_take_runs_once(scheduling):
    """Whoever is free takes it, and leaves the rare one to the only worker that has it."""
    first, second = Worker("a-1", "AB"), Worker("b-1", "ABC")
    made = scheduling(first, second)
    assert (first.lanes(), second.lanes()) == (["A"], ["C"])
    finish(made, first)
    finish(made, second)
    assert sorted(first.lanes() + second.lanes()) == ["A", "B", "C"]


def test_a_lost_worker_costs_one_test_and_its_lanes_go_elsewhere(scheduling):
    """The test that was running counts as done; the others of the lane are asked of who has collected it, once."""
    first, second = Worker("a-1", "AB"), Worker("b-1", "AB")
    made = scheduling(first, second)
    finish(made, first, 1)
    assert made.remove_node(first) == "A1"
    assert made.orphans() == []
    finish(made, second)
    assert [second.tests[place] for place in second.asked] == ["B0", "B1", "B2", "A2"]
    assert made.tests_finished


def test_a_lane_that_nobody_else_has_is_an_orphan_until_it_is_dropped(scheduling):
    """The run does not end while it waits for a worker that is started for it."""
    first, second = Worker("a-1", "A"), Worker("b-1", "B")
    made = scheduling(first, second)
    finish(made, second)
    assert made.remove_node(first) == "A0"
    assert made.orphans() == ["A"]
    made.expect_another()
    third = Worker("b-2", "A")
    made.add_node(third)
    assert not made.tests_finished
    made.add_node_collection(third, third.tests)
    assert [third.tests[place] for place in third.asked] == ["A1", "A2"]
    assert made.remove_node(third) == "A1"
    made.drop("A")
    assert (made.orphans(), made.tests_finished) == ([], True)


def test_a_worker_that_is_lost_before_it_has_collected_is_not_waited_for(scheduling):
    """Nor one that was never ready, which xdist's scheduler does not know."""
    first, second, third = Worker("a-1", "A"), Worker("b-1", "B"), Worker("c-1", "C")
    config = SimpleNamespace(getvalue=lambda name: ["popen"] * 3)
    made = FleetScheduling(config, None, CELLS)
    made.add_node(first)
    made.add_node(second)
    made.add_node_collection(first, first.tests)
    assert made.remove_node(second) is None
    with pytest.raises(KeyError):
        made.remove_node(third)
    assert not made.brought("B")
    finish(made, first)
    assert made.tests_finished
