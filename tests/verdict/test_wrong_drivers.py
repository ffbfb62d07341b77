"""Drivers that break more than what is recorded of them: a looser entry would call each of them `known`."""

from pathlib import Path

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.drivers.overlayfs import SWITCHES
from roadworthy.reports.records import Observation
from roadworthy.verdict.deviations import Facts, load
from roadworthy.verdict.judge import Judgement, judge
from roadworthy.verdict.reference import TreeDiffers, judge_tree

RECORDED = load(Path(__file__).parents[2] / "conformance/deviations")
ENTRIES_OF_NATIVE = {"directories": "0:0 0755, 0:0 0755, 0:0 0755", "with another mtime": "a, a/b, a/b/c"}
#: A lane, a check, the first line of the failure, and what was seen.
BREAKS = {
    "no directory is renamed, not even a new one": (
        "overlay2", "app/npm-update-npm", "rename('node_modules/.npm-new', 'node_modules/npm') was refused with EXDEV",
        {"rename of the package": "success"},
    ),
    "an access control list is set and cannot be read": (
        "containerd:erofs", "acl/kept-over-write[lower]",
        "getxattr('foo', 'system.posix_acl_access') was refused with ENOTSUP", {"named user": "success"},
    ),
    "an early mapping turns into zeroes": (
        "overlay2", "mmap/ro-shared-map-sees-write[lower]", r"assert b'\x00\x00\x00' == 'fresh'",
        {"mapping shows": "\0\0\0"},
    ),
    "owners and modes are lost beside times": (
        "containerd:native", "copyup/deep-path-parents[lower]",
        "assert ['0:0 0755', ...', '0:0 0755'] == ['1000:0 0700...1000:2000 2775']", ENTRIES_OF_NATIVE,
    ),
    "directories are of 1970": (
        "containerd:native", "image/live-equals-committed", "assert ['d is earl... is earlier'] == []",
        {"differences": "none in 12 entries", "directories' times": "d is earlier; new is earlier"},
    ),
    "files are lost beside times": (
        "containerd:native", "image/live-equals-committed", "assert ['d/kept is gone'] == []",
        {"differences": "d/kept is gone", "directories' times": "d is later; new is later"},
    ),
    "nothing is exchanged": (
        "fuse-overlayfs", "rename/exchange-file-with-lower-dir", "assert 'ENOENT' == 'success'", {"exchange": "ENOENT"},
    ),
}  # fmt: skip


def facts(driver):
    """The facts of a lane of this driver on ext4 and the newest engine."""
    return Facts(
        driver, DRIVERS[driver].built_on, "ext4", "docker", (28, 5), (6, 18), "lower", dict.fromkeys(SWITCHES, "off")
    )


@pytest.mark.parametrize(("driver", "check", "line", "seen"), BREAKS.values(), ids=BREAKS)
def test_F49_a_worse_break_is_a_failure(driver, check, line, seen):
    """A break is recorded for the check on this lane, and this is another one."""
    entry = RECORDED.find(check, facts(driver))
    assert entry is not None
    observations = [Observation(name, value) for name, value in seen.items()]
    assert judge(AssertionError(line), entry, [], observations).verdict == "fail"


def test_a_worse_difference_of_a_tree_is_a_failure():
    """That a name is shorter excuses nothing else of the file that has it."""
    differs = TreeDiffers(["nnnnnnnnnnnn: the file's mode is 0000 against 0644"])
    recorded = RECORDED.of_tree("limit/name-max-reported", facts("fuse-overlayfs"))
    assert recorded != []
    assert judge_tree(Judgement("fail", str(differs)), differs, recorded).verdict == "fail"
