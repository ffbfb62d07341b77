"""How long a hunt is, what it says meanwhile, and that its seed repeats it."""

from roadworthy.run import hunt as hunts
from roadworthy.run.hunt import Hunt, drawn_seed


def draws(hunt, most=3):
    """What the dice of the first rounds show."""
    return [dice.random() for dice, _ in zip(hunt.rounds(), range(most), strict=False)]


def test_an_ordinary_run_has_one_small_round_and_says_nothing():
    """Whatever the clock says."""
    said = []
    hunt = Hunt(None, 1, None, said.append)
    assert len(draws(hunt)) == 1
    assert hunt.size(2, 100) == 2
    assert (said, str(hunt)) == ([], "1 round")


def test_minutes_are_rounds_until_they_are_over_each_with_a_message(monkeypatch):
    """A round that begins in time is ended, and the next one does not begin."""
    clock = iter(range(0, 1000, 50))
    monkeypatch.setattr(hunts, "running", lambda: float(next(clock)))
    said = []
    hunt = Hunt(3, 1, None, said.append)
    assert len(draws(hunt, 100)) == 2
    assert hunt.size(2, 100) == 100
    assert said[0].startswith("hunted for 0.8 of 3 minutes: 1 round")


def test_a_seed_repeats_the_rounds():
    """And another one does not; rounds differ from each other."""
    first, again, other = (draws(Hunt(100, seed, None, lambda _: None)) for seed in (5, 5, 6))
    assert first == again
    assert len({*first, *other}) == 6
    assert Hunt(None, 5, None, print).content("f", 9) == Hunt(1, 5, None, print).content("f", 9)


def test_a_seed_is_drawn_for_minutes_only():
    """Ordinary runs have to agree with each other, and who names a seed gets it."""
    assert drawn_seed(None, None) == hunts.ORDINARY
    assert len({drawn_seed(5, None) for _ in range(20)}) > 1
    assert drawn_seed(5, 7) == drawn_seed(None, 7) == 7
