"""What a tree is, and how a cut has changed it."""

import hashlib
import io
import tarfile
from dataclasses import replace

import pytest

from roadworthy.cuts.contents import ATTRIBUTE, Kept, damage, tree_of
from roadworthy.reports.states import HARMS

WAS = Kept(tarfile.REGTYPE, 0o644, (0, 0), 4, hashlib.sha256(b"data").hexdigest())
LINK = Kept(tarfile.SYMTYPE, 0o777, (0, 0), target="f")


def archive(*members):
    """A tar of these members, each with its content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:", format=tarfile.PAX_FORMAT) as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    packed.seek(0)
    return packed


def member(name, **fields):
    made = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def test_a_tree_has_all_that_has_to_survive():
    headers = {f"{ATTRIBUTE}user.x": "y", "mtime": "1.5"}
    found = tree_of(
        archive(
            (member("./d", type=tarfile.DIRTYPE, mode=0o750, uid=7, gid=8), b""),
            (member("d/f", mode=0o100640, pax_headers=headers), b"data"),
            (member("d/l", type=tarfile.SYMTYPE, linkname="f"), b""),
        )
    )
    assert found == {
        "d": Kept(tarfile.DIRTYPE, 0o750, (7, 8)),
        "d/f": replace(WAS, mode=0o640, attributes=frozenset({(f"{ATTRIBUTE}user.x", "y")})),
        "d/l": Kept(tarfile.SYMTYPE, 0o644, (0, 0), target="f"),
    }


def test_a_tree_may_be_of_one_directory():
    packed = archive((member("d/f"), b"data"), (member("dd/f"), b""), (member("f"), b""))
    assert list(tree_of(packed, "d")) == ["d/f"]


@pytest.mark.parametrize("length", [100, 700])
def test_an_archive_that_is_damaged_is_refused(length):
    """Cut within a header, or within a file's data."""
    cut = io.BytesIO(archive((member("f"), b"data" * 100)).getvalue()[:length])
    with pytest.raises(tarfile.TarError):
        tree_of(cut)


def test_an_equal_tree_is_not_damaged():
    assert damage({"f": WAS, "l": LINK}, {"l": LINK, "f": replace(WAS)}) == ""


ZEROED = hashlib.sha256(bytes(4)).hexdigest()


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (None, "missing"),
        (replace(WAS, size=0, digest=hashlib.sha256(b"").hexdigest()), "empty"),
        (replace(WAS, size=3, digest=hashlib.sha256(b"dat").hexdigest()), "cut short"),
        (replace(WAS, digest=ZEROED), "zeroed"),
        (replace(WAS, digest=hashlib.sha256(b"atad").hexdigest()), "of other content"),
        (replace(WAS, size=8, digest=hashlib.sha256(b"datadata").hexdigest()), "of other content"),
        (replace(WAS, kind=tarfile.DIRTYPE), "of another kind"),
        (replace(WAS, owner=(1, 0)), "of another owner"),
        (replace(WAS, owner=(0, 1)), "of another owner"),
        (replace(WAS, mode=0o600), "of another mode"),
        (replace(WAS, attributes=frozenset({("SCHILY.xattr.user.x", "y")})), "without their attributes"),
    ],
)
def test_each_harm_has_its_word(now, told):
    found = {"f": now, "kept": WAS} if now else {"kept": WAS}
    assert damage({"f": WAS, "kept": WAS}, found) == f"1 of 2 files {told}"
    assert told in HARMS


def test_a_link_elsewhere_is_another():
    assert damage({"l": LINK}, {"l": replace(LINK, target="g")}) == "1 of 1 files of another kind"


def test_files_are_counted_once_and_the_worst_first():
    """A file that is empty and of another owner is empty."""
    expected = {str(number): WAS for number in range(6)}
    found = {
        "0": replace(WAS, mode=0o600), "1": replace(WAS, size=0, owner=(1, 1)), "2": replace(WAS, size=0),
        "3": WAS, "more": WAS,
    }  # fmt: skip
    assert (
        damage(expected, found)
        == "2 of 6 files missing, 2 of 6 files empty, 1 of 6 files of another mode, 1 files are new"
    )
