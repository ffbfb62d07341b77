"""Whom the users of a container are outside its user namespace."""

import pytest

from roadworthy.trees.layers import Directory, File, acl, acl_rules
from roadworthy.trees.owners import UNCHANGED, Owners, Range

#: As of a rootless engine: root is the user, and the others are subordinate ids.
TWO = Owners((Range(0, 1000, 1), Range(1, 100_000, 65_536)))


@pytest.mark.parametrize(("inside", "outside"), [(0, 1000), (1, 100_000), (1000, 100_999), (65_536, 165_535)])
def test_an_id_is_looked_up_in_its_range(inside, outside):
    """Each line of a map has its own first id on both sides."""
    assert TWO.outside(inside) == outside


def test_an_id_without_a_range_is_refused():
    """A file of such an owner cannot be made, and the id is named."""
    with pytest.raises(ValueError, match="no user outside is 65537 of a container"):
        TWO.outside(65_537)


def test_without_a_map_every_id_is_its_own():
    """A tree is the tree that was given, with ids beyond any range, too."""
    tree = {"f": File(b"data", uid=4_000_000, gid=5)}
    assert UNCHANGED.seen_outside(tree) == tree


def test_a_tree_has_its_owners_outside():
    """And nothing else of it changes."""
    seen = TWO.seen_outside(
        {"d": Directory(mode=0o2770, gid=5), "d/f": File(b"data", uid=1000, xattrs={"user.a": b"b"})}
    )
    assert seen == {
        "d": Directory(mode=0o2770, uid=1000, gid=100_004),
        "d/f": File(b"data", uid=100_999, gid=1000, xattrs={"user.a": b"b"}),
    }


def test_an_access_control_list_names_users_outside():
    """Its other rules name nobody, and stay."""
    rules = [(1, 6, None), (2, 7, 1000), (4, 0, None), (8, 5, 3), (16, 7, None), (32, 0, None)]
    seen = TWO.seen_outside({"f": File(b"", xattrs={"system.posix_acl_access": acl(*rules)})})["f"]
    moved = [(1, 6, None), (2, 7, 100_999), (4, 0, None), (8, 5, 100_002), (16, 7, None), (32, 0, None)]
    assert acl_rules(seen.xattrs["system.posix_acl_access"]) == moved
