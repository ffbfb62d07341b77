"""What reaches the whole machine is done on a kernel of the lane's own, and on no other."""

from types import SimpleNamespace

import pytest

from roadworthy.lane.own_kernel import OwnKernel
from roadworthy.machines.host import Host
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Precondition


class Place:
    """Notes what it is told to run, and refuses the program of this name."""

    def __init__(self, refused=""):
        self.ran = []
        self._refused = refused

    def run(self, argv, seconds=60):
        self.ran.append(argv[0])
        if argv[0] == self._refused:
            raise ProgramFailed(f"{argv[0]} /f ended with 255: swapon: /f: swapon failed: Invalid argument")
        return "/dev/loop7\n"

    def inside(self, path):
        return str(path)


GUEST = SimpleNamespace(own_kernel=lambda what: SimpleNamespace(met=True))
CONTAINER = SimpleNamespace(proc=Host()._root / "proc/self")


def test_this_host_is_left_alone():
    """A check that needs it is skipped, with the option that gives it a machine."""
    with pytest.raises(Precondition, match="--kernel="):
        OwnKernel(Host(), Place())


def test_a_file_that_cannot_be_swapped_to_has_its_reason():
    """The reason is swapon's last words, and nothing is switched off that was not on."""
    place = Place("swapon")
    assert OwnKernel(GUEST, place).swapping(CONTAINER, "/f") == "Invalid argument"
    assert place.ran == ["mkswap", "swapon"]


def test_a_file_that_was_swapped_to_is_given_back():
    """Swapping ends with the question."""
    place = Place()
    assert OwnKernel(GUEST, place).swapping(CONTAINER, "/f") == "success"
    assert place.ran[-1] == "swapoff"


def test_a_loop_device_goes_with_its_block():
    """Even if the block fails."""
    place = Place()
    with pytest.raises(ValueError, match="so"), OwnKernel(GUEST, place).loop_device(CONTAINER, "/f"):
        raise ValueError("so")
    assert place.ran == ["losetup", "losetup"]
