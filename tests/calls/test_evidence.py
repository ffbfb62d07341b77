"""Evidence: a transcript of bounded size, and observations that a person can read."""

from roadworthy.calls.evidence import CALLS_KEPT, TEXT_KEPT, Evidence, shortened


def test_a_long_text_is_cut_in_the_middle():
    """Beginning and end of a long text are kept, and how much was left out is told."""
    text = "a" * 500 + "b" * 500
    found = shortened(text)
    assert len(found) <= TEXT_KEPT
    assert found.startswith("aaa")
    assert found.endswith("bbb")
    assert "more" in found
    assert shortened("short") == "short"


def test_calls_beyond_the_limit_are_counted():
    """A check of very many calls does not fill the bundle."""
    evidence = Evidence()
    for _ in range(CALLS_KEPT + 5):
        evidence.record("A", "getpid()", "1", False, 0.0001)
    assert len(evidence.transcript) == CALLS_KEPT
    assert evidence.omitted == 5
    assert evidence.transcript[0].microseconds == 100


def test_an_observation_is_text():
    """Bytes are shown as text where they are text, and by their values where they are not."""
    evidence = Evidence()
    evidence.observe("data", b"new")
    evidence.observe("raw", b"\xff\x00a")
    evidence.observe("inode", 7)
    evidence.observe("long", b"x" * 10_000)
    assert [seen.value for seen in evidence.observations[:3]] == ["new", "\\xff\x00a", "7"]
    assert len(evidence.observations[3].value) <= TEXT_KEPT


def test_what_is_observed_is_given_back():
    """A check asserts the very value that it recorded, of whatever type."""
    evidence = Evidence()
    for value in (b"new", "same", 7, None, ["a", "b"], object()):
        assert evidence.observe("seen", value) is value
    assert len(evidence.observations) == 6
