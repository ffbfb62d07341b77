"""A check whose tree cannot be made is an error of its own, and of no other."""

from contextlib import contextmanager

from roadworthy.run import session

CHECKS = """
@check("sample/right")
@lower(f=b"data")
def test_right(declaration_of):
    '''It holds.'''
    assert declaration_of

@check("sample/nested")
@lower(d={"f": b"data"})
def test_nested(declaration_of):
    '''It holds.'''
    assert declaration_of

@check("sample/made")
def test_made(declaration_of):
    '''It holds.'''
    assert declaration_of
"""


def test_a_tree_that_cannot_be_made_is_an_error_of_its_check(run, fake_stand, monkeypatch):
    """The lane comes up without it, and the words say what a tree may hold."""
    loaded = []

    @contextmanager
    def lane_up(lane, checks, *_):
        loaded.extend(check.identity for check in checks)
        yield fake_stand(lane)

    monkeypatch.setattr(session, "lane_up", lane_up)
    done = run(CHECKS)
    assert done.verdicts == {"sample/right": "pass", "sample/nested": "error", "sample/made": "pass"}
    assert (
        "@lower or @layers of sample/nested: 'd' is a dict: a tree maps paths to bytes or to"
        in (done.reasons["sample/nested"])
    )
    assert loaded == ["sample/right", "sample/made"]
