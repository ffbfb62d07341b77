"""A loop device ends with whoever holds it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from roadworthy.deadline import wait_until
from roadworthy.machines.loop_device import LoopDevice

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="attaches loop devices, which needs root"),
]
HOLDS = """
import sys
from pathlib import Path
from roadworthy.machines.loop_device import LoopDevice
print(LoopDevice(Path(sys.argv[1])).path, flush=True)
sys.stdin.read()
"""


def attached_to(device):
    """What a loop device lies on, or None."""
    shown = Path("/sys/block", Path(device).name, "loop/backing_file")
    return shown.read_text().strip() if shown.exists() else None


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image"
    with path.open("xb") as file:
        file.truncate(1 << 20)
    return path


def test_a_device_lies_on_its_file_until_it_is_closed(image):
    """What is written to the device is in the file, and closing detaches it."""
    loop = LoopDevice(image)
    assert attached_to(loop.path) == str(image)
    with Path(loop.path).open("r+b", buffering=0) as device:
        device.write(b"written")
        os.fsync(device.fileno())
    assert image.read_bytes()[:7] == b"written"
    loop.close()
    loop.close()  # whoever has its number by now keeps it
    wait_until(lambda: attached_to(loop.path) != str(image), 20, "the device to be detached")


def test_a_device_ends_with_a_killed_program(image):
    """SIGKILL of the program that holds it leaves no device."""
    held = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(image)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    device = held.stdout.readline().strip()
    assert attached_to(device) == str(image)
    held.kill()
    held.communicate()
    wait_until(lambda: attached_to(device) != str(image), 20, "the device to be detached")
