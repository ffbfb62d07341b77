"""Two trees compared: what became of one in the other."""

from roadworthy.trees.manifest import Manifest

DIRECTORY = {"kind": "directory", "mode": "0755", "mtime": "1000000000.000000000"}
FILE = {"kind": "file", "mode": "0644", "mtime": "1000000000.000000000"}
WAS = Manifest({"d": DIRECTORY, "d/f": FILE, "gone": DIRECTORY, "x": DIRECTORY})


def test_times_of_directories_are_told_apart():
    """What a driver that copies trees moves is one list, and everything else another: no loss hides behind a time."""
    now = Manifest({
        "d": {**DIRECTORY, "mtime": "2.0"}, "d/f": {**FILE, "mtime": "2.0"}, "x": {**FILE, "mtime": "2.0"}, "y": FILE,
    })  # fmt: skip
    assert WAS.became(now) == (
        [
            "d/f: mtime 1000000000.000000000 became 2.0",
            "gone is gone",
            "x: kind directory became file",
            "x: mode 0755 became 0644",
            "x: mtime 1000000000.000000000 became 2.0",
            "y is new",
        ],
        ["d is earlier"],
    )
    later = Manifest({**WAS.entries, "d": {**DIRECTORY, "mtime": "1000000000.000000001"}})
    assert WAS.became(later) == ([], ["d is later"])
    assert WAS.became(WAS) == ([], [])


def test_one_field_may_be_left_out():
    """Every difference is a sentence; one field is not compared where a check says so."""
    now = Manifest({**WAS.entries, "d": {**DIRECTORY, "mtime": "2.0", "mode": "0700"}})
    assert WAS.differences(now) == ["d: mode 0755 became 0700", "d: mtime 1000000000.000000000 became 2.0"]
    assert WAS.differences(now, besides="mtime") == ["d: mode 0755 became 0700"]
