"""Which functions of a module are lost because a later one has their name."""

import pytest

from roadworthy.declaring.redefined import Redefinition, redefined

CHECK = "@check('a/b')\ndef test_one(fs): ...\n"
PLAIN = "def test_one(fs): ...\n"


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        (CHECK + CHECK, [(2, 4)]),
        (CHECK + PLAIN, [(2, 3)]),
        (PLAIN + CHECK, [(1, 3)]),
        (CHECK + CHECK + CHECK, [(2, 4), (4, 6)]),
        ("@roadworthy.check('a/b')\n@lower()\ndef test_one(fs): ...\n" + PLAIN, [(3, 4)]),
        ("@pytest.mark.check('a/b')\nasync def test_one(fs): ...\n" + PLAIN, [(2, 3)]),
        ("@measured('a/b', SMOKE)\ndef test_one(bench): ...\n" + PLAIN, [(2, 3)]),
        ("class TestIt:\n" + "".join(f"  {line}\n" for line in (CHECK + PLAIN).splitlines()), [(3, 4)]),
    ],
    ids=["checks", "by a test", "of a test", "three", "of the package", "mark", "benchmark", "in a class"],
)
def test_a_second_function_of_a_name_is_found(source, lines):
    """Both lines are told, whichever of the two is a check."""
    assert redefined(source.encode()) == [Redefinition("test_one", *pair) for pair in lines]


@pytest.mark.parametrize(
    "source",
    [
        CHECK,
        PLAIN + PLAIN,
        CHECK + "def test_other(fs):\n  def test_one(): ...\n",
        CHECK + "class TestIt:\n  def test_one(self, fs): ...\n",
        f"if LINUX:\n  {CHECK.replace(chr(10), chr(10) + '  ')}\nelse:\n  {PLAIN}",
    ],
    ids=["one", "no checks", "inside a function", "another class", "alternatives"],
)
def test_what_is_lost_for_no_check_is_left_alone(source):
    """Names that do not replace one another are no redefinition, nor are functions that are no checks."""
    assert redefined(source.encode()) == []
