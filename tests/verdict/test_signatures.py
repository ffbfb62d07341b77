"""A signature holds what was seen: what any break of its check would show is refused."""

from pathlib import Path

import pytest

from roadworthy.verdict.signatures import Told, fits, restates, restates_tree, told

CONFORMANCE = Path(__file__).parents[2] / "conformance"
#: What entries were known by that restated the assertion, or no more than began to say what was seen.
RESTATED = [
    ("app/docker-in-docker", "mount of an overlay upon this file system is refused"),
    ("conc/parallel-builds", "[['d: mtime "),
    ("copyup/rdwr-open-copies-whole-file", "opening the file took 16."),
    ("copyup/one-byte-write-cost", "one byte took 16."),
    ("copyup/chmod-copies-data", "chmod took 8."),
    ("copyup/mtime-kept-on-chmod", "== (946684800000000000 + 5)"),
    ("copyup/deep-path-parents", "== {1000000000000000000}"),
    ("copyup/utimens-on-lower", "== (946684800000"),
    ("identity/proc-locks-ino", "assert"),
    ("image/layer-ids-vs-dirs", "} == set()"),
    ("image/dir-mtime", "== 1100000000000000000"),
    ("life/read-only-rootfs", "} == {}"),
    ("link/lower-pair-visible", "== 2"),
    ("link/lower-pair-after-chmod", "== ('0600', '0600')"),
    ("link/lower-pair-after-restart", "== (b'new', b'new')"),
    ("link/write-survives-unlink", "== (b'new', b'new')"),
    ("link/chown-unlink-link-cycle", "== (1000, 1000)"),
    ("link/nlink-after-sibling-unlink", "== 1"),
    ("link/new-link-cost", "the link took 4."),
    ("metadata/nanoseconds-from-image", "== 1500000000123456789"),
    ("mmap/ro-shared-map-sees-truncate", "0123456789"),
    ("plumb/no-driver-named", "== 'vfs'"),
    ("plumb/unknown-storage-opt", "runs "),
    ("readdir/seekdir-after-unlink", "== '0 lost, 0 repeated'"),
    ("readdir/listing-goes-on", " repeated' == '0 lost, 0 repeated'"),
    ("readdir/concurrent-mutation", "== 0"),
    ("readdir/dino-eq-stino", "assert "),
    ("space/new-container-cost", "MiB"),
    ("space/image-disk-cost", "MiB"),
    ("space/image-disk-cost", "16."),
    ("space/image-disk-cost", "18."),
    ("space/image-disk-cost", "48."),
    ("space/shared-base-counted-once", "MiB"),
    ("space/shared-base-counted-once", "5."),
    ("space/image-inode-cost", "inodes or some more"),
    ("space/docker-ps-size", "== 5"),
    ("space/docker-ps-size", " == 5"),
    ("space/deleted-file-returns-space", "<= 1048576"),
    ("unlink/open-lower-fd-nlink", "== 0"),
    ("xattr/remove-lower", "ENODATA"),
    # Of these breaks five faulty drivers showed others, which were known all the same.
    ("rename/lower-empty-dir", "EXDEV"),
    ("xattr/remove-lower", "was refused with ENODATA"),
    ("acl/kept-over-write", "refused with ENOTSUP"),
    ("copyup/device-node-chmod", "'EIO' == 'success'"),
    ("unlink/recreate-while-open", "… was refused with ESTALE"),
    ("unlink/open-lower-fd-nlink", "assert … == 0"),
]
#: What tells the break from others of the same check.
TELLING = [
    ("link/nlink-after-sibling-unlink", "assert 2 == "),
    ("unlink/open-lower-fd-nlink", "1 == 0"),
    ("acl/lost-in-image", "assert 'lost' =="),
    ("rename/exchange-file-with-lower-dir", "assert [] == ['from-image']"),
    ("image/hardlink-across-layers", "assert ['a', 'c'] == ['a', 'b', 'c']"),
    ("image/invalid-whiteouts-rejected", "assert 'success' != 'success'"),
    ("copyup/chown-layer-size", "the layer has 4.0 MiB"),
    ("identity/ino-stable-over-copyup", "the inode changed"),
    ("rename/lower-empty-dir", "'EXDEV' == 'success'"),
    ("unlink/open-lower-fd-nlink", "fstat(…) was refused with ESTALE"),
    ("exec/replace-running-binary", "exe') was refused with ESTALE"),
    ("mmap/ro-shared-map-sees-truncate", "assert b'0123456789' == b'012"),
    ("xattr/remove-lower", "removexattr('foo', 'user.note', True) was refused with ENODATA"),
]


@pytest.fixture(scope="module")
def sources():
    """What the suite's own checks tell of their failures."""
    return told(CONFORMANCE)


@pytest.mark.parametrize(("check", "signature"), RESTATED)
def test_a_signature_that_any_break_would_show_is_refused(sources, check, signature):
    """What is promised, a unit, the beginning of a number or of a message says nothing of the break."""
    assert restates(signature, sources[check].assertions)


@pytest.mark.parametrize(("check", "signature"), TELLING)
def test_a_signature_that_holds_what_was_seen_is_taken(sources, check, signature):
    """A value of the left side, an errno, or a message that names one of two outcomes."""
    assert restates(signature, sources[check].assertions) == ""


@pytest.mark.parametrize(
    ("difference", "refused"),
    [
        ("the fifo's mtime is", True),
        ("fifo's mtime is ", True),
        ("the file's mode", True),
        ("against", True),
        ("the fifo's mtime is 1000000000.000000000 against new", False),
        ("the file's mode is 6755 against 0755", False),
        ("EACCES against EPERM", True),
        ("nnnnnnnn", True),
        ("is missing", True),
        ("file's mode is … against 0755", True),
        ("open('disk', 0, 420): EACCES against EPERM", False),
        ("ficlone(…): ENOTSUP against success", False),
        ("g is missing", False),
    ],
)
def test_a_difference_of_a_tree_says_what_a_field_is(difference, refused):
    """That a field differs is what every difference says."""
    assert bool(restates_tree(difference)) is refused


SOURCE = '''
from roadworthy import check

LIMIT = 2 * 1024


def helper(fs, observe):
    assert fs.mode() == 0o600, f"mode {fs.mode():o} of {LIMIT}"


@check("family/one", source="x")
def test_one(fs, observe, wanted):
    """Text."""
    size = observe("size", f"{fs.size()} bytes")
    helper(fs, observe)
    again = 0
    again += fs.size()
    assert fs.code() == -5 or not again, "constant"
    assert (size, again) == (wanted, 1 << 4)
    assert size == "5 bytes"
    assert LIMIT * 3 <= fs.size() + again
    assert [] == fs.names()


@check("family/two", source="x")
def test_two(fs, observe):
    """Text."""
    for name in "ab":
        observe(f"size of {name}", fs.size())
    assert not fs.wrong()
'''


@pytest.fixture
def sample(tmp_path):
    """What a file with two checks tells."""
    (tmp_path / "family").mkdir()
    (tmp_path / "family/test_sample.py").write_text(SOURCE)
    return told(tmp_path)


def test_assertions_are_read_with_holes_for_values(sample):
    """Constants are as pytest shows them; names that change, calls and parameters are holes."""
    assert sample["family/one"].assertions == (
        ("constant",),
        ("assert ", " == ", ""),
        ("assert '", " bytes' == '5 bytes'"),
        ("assert (2048 * 3) <= (", " + ", ")"),
        ("assert [] == ", ""),
        ("mode ", " of ", ""),
    )
    assert sample["family/two"].assertions == (("assert not ", ""),)


def test_names_of_observations_are_read(sample):
    """Where one of them is made while the check runs, none can be said not to be there."""
    assert sample["family/one"].observations == {"size"}
    assert sample["family/two"].observations == set()


def test_an_observation_decides_the_assertions_that_use_it(sample):
    """By a variable in both, or because it stands in the assertion; the variables of a comprehension mean nothing."""
    one = sample["family/one"]
    assert {name: [one.assertions[place] for place in sorted(places)] for name, places in one.decided.items()} == {
        "size": [("assert ", " == ", ""), ("assert '", " bytes' == '5 bytes'")],
    }


@pytest.mark.parametrize(
    ("line", "fit"), [("assert 5 == 2", True), ("assert b'5 == 2' == 2", True), ("assert 5 == 23", False)]
)
def test_a_line_is_that_of_an_assertion_or_not(line, fit):
    """Its constant pieces are in the line, in order and from end to end."""
    assert fits(("assert ", " == 2"), line) is fit


def test_what_pytest_cuts_short_is_a_value(tmp_path):
    """The middle of a long constant is not in the line that is compared."""
    (tmp_path / "family").mkdir()
    (tmp_path / "family/test_sample.py").write_text(
        f'@check("family/long", source="x")\ndef test_long(fs):\n    assert fs.load() == {"x" * 40!r}\n'
    )
    assert told(tmp_path)["family/long"].assertions == (("assert ", " == ", ""),)


def test_where_there_are_no_sources_only_the_text_is_judged(tmp_path):
    """A directory without checks tells nothing, and refuses what needs no source to be refused."""
    assert told(tmp_path) == {}
    assert Told() == Told((), frozenset())
    assert restates("MiB")
    assert restates("the size is ignored") == ""
