"""Which functions do nothing."""

import pytest

from roadworthy.declaring.vacuous import asks_nothing


@pytest.mark.parametrize(
    ("body", "nothing"),
    [
        ("pass", True), ("'''It holds.'''", True), ("x = [1, 2]", True), ("f", True),
        ("def inner(): f()", True),
        ("assert f", False), ("f()", False), ("f(*[1], **{})", False), ("raise ValueError", False),
        ("with f: pass", False), ("f.a.b()", False), ("[f(x) for x in f]", False),
    ],
)  # fmt: skip
def test_a_body_without_a_call_or_an_assertion_does_nothing(body, nothing):
    """What is defined and not called is not done."""
    scope = {}
    exec(f"def check(f):\n    {body}", scope)
    assert asks_nothing(scope["check"]) is nothing


def test_what_has_no_body_is_not_judged():
    """A function of the interpreter's own is somebody else's."""
    assert not asks_nothing(len)
