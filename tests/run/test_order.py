"""Random order: from a seed that is printed, and lane by lane."""

import re
import shutil

import pytest

from roadworthy.run.order import Order, OrderError, order

MANY = """
def sample(number):
    @check(f"sample/c{number:02d}")
    def test(declaration_of):
        '''It holds.'''
        assert declaration_of
    return test

for number in range(12):
    globals()[f"test_{number:02d}"] = sample(number)
"""


def group(word):
    return None if word == "alone" else ("ab".index(word[0]), word[0], int(word[1]))


WORDS = [f"{lane}{turn}-{number}" for number in range(20) for lane in "ba" for turn in (2, 1)]


def test_what_shares_a_lane_and_a_round_stays_together():
    """Items come lane by lane and round by round, whatever order they had; those without a lane come first."""
    for seed in (None, 7):
        found = Order(seed).arranged([*WORDS, "alone"], group)
        assert found[0] == "alone"
        assert list(dict.fromkeys(word[:2] for word in found[1:])) == ["a1", "a2", "b1", "b2"]
        assert [word[:2] for word in found[1:]] == sorted(word[:2] for word in found[1:])
        assert sorted(found) == sorted([*WORDS, "alone"])


def test_without_a_seed_the_order_is_the_written_one():
    """Within a group nothing moves unless that is asked for."""
    assert [word for word in Order().arranged(WORDS, group) if word.startswith("b1")] == [
        f"b1-{number}" for number in range(20)
    ]


def test_a_seed_gives_the_same_order_again_and_each_round_another():
    """The order depends on the seed, the lane and the round, and on nothing else."""
    first = Order(7).arranged(WORDS, group)
    assert first == Order(7).arranged(WORDS, group)
    assert first != Order(8).arranged(WORDS, group)
    alone = Order(7).arranged([word for word in WORDS if word.startswith("b")], group)
    assert alone == [word for word in first if word.startswith("b")]
    numbers = {key: [word[3:] for word in first if word.startswith(key)] for key in ("a1", "a2", "b1")}
    assert numbers["a1"] != numbers["a2"] != numbers["b1"] != numbers["a1"]


def test_words_for_a_seed():
    """Nothing is the written order, the empty text draws, a number is itself, and other words are refused."""
    assert order(None).seed is None
    assert order("41").seed == 41
    assert len({order("").seed for _ in range(10)}) > 1
    with pytest.raises(OrderError, match=r"a whole number as seed.*got 'conformance/posix'; name paths before it"):
        order("conformance/posix")


def test_the_seed_of_a_run_is_printed_and_is_a_fact_of_its_lane(run, fake_stand, deviations):
    """A run in random order can be repeated with what it has printed."""
    done = run(MANY, "--random-order")
    seed = re.search(r"again with --shuffle-checks=(\d+)", done.text)[1]
    assert [line["facts"]["random order"] for line in done.records if line["type"] == "lane"] == [{"seed": int(seed)}]
    asked = list(done.verdicts)
    assert len(asked) == 12
    shutil.rmtree(done.bundle)
    assert list(run(MANY, f"--random-order={seed}").verdicts) == asked
    shutil.rmtree(done.bundle)
    assert list(run(MANY, f"--random-order={int(seed) + 1}").verdicts) != asked


def test_a_word_that_is_no_seed_is_a_usage_error(run, unrooted):
    """The error names the option, what it takes and what it got."""
    done = run(MANY, "--random-order=soon")
    assert (done.code, "--random-order=7; got 'soon'" in done.text) == (4, True)
    assert "Traceback" not in done.text
