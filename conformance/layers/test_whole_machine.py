"""What a check can only ask on a machine of its own: it empties caches, swaps, and takes devices."""

import pytest

from roadworthy import WHITEOUTS, check, lower, needs

EVERYWHERE = ("lower", "upper", "copied-up")
MANY = 40
MIB = 1 << 20


@check(
    "identity/ino-stable-after-drop-caches",
    source="POSIX.1-2017, sys/stat.h, st_ino; xfstests overlay/017; proc_sys_vm(5), drop_caches",
    provenance=EVERYWHERE,
)
@lower({f"f{number}": b"data" for number in range(MANY)})
def test_inode_numbers_outlive_the_caches(fs, own_kernel, observe):
    """Forty files keep their inode numbers when the kernel forgets all that it had cached of them."""
    before = [fs.stat(f"f{number}").ino for number in range(MANY)]
    own_kernel.drop_caches()
    after = [fs.stat(f"f{number}").ino for number in range(MANY)]
    changed = sum(map(int.__ne__, before, after))
    observe("inode numbers that changed", f"{changed} of {MANY}")
    assert changed == 0


@pytest.mark.slow
@check("special/swapon", source="swapon(2), EINVAL; swapon(8), files without holes")
def test_machine_swaps_to_a_file_of_a_container(containers, own_kernel, observe):
    """A file without holes that a container has written can be used for swapping."""
    fs = containers.process(live := containers.run())
    fs.store("swap", b"s" * (4 * MIB), 0o600)
    fs.fsync(fs.open("swap", 0))
    outcome = observe("swapon", own_kernel.swapping(live, f"{fs.directory}/swap"))
    assert outcome == "success"


@pytest.mark.slow
@check("special/loop-on-layer", source="loop(4); LTP ioctl_loop05")
@lower(disk=b"image" + bytes(MIB - 5))
def test_loop_device_on_a_file_of_the_image(containers, own_kernel, observe):
    """A loop device on a file of the image shows its content, and what is written to the device is in the file."""
    fs = containers.process(live := containers.run())
    with own_kernel.loop_device(live, f"{fs.directory}/disk") as device:
        shown = device.read(5)
        device.write(b"other")
    content = fs.load("disk")
    observe("device, then file", f"{shown.decode()}, then {content[:5].decode()}")
    assert shown == b"image"
    assert content == b"other" + bytes(MIB - 5)


@pytest.mark.slow
@check("whiteout/dtype-less-backing", source="overlayfs.rst, Upper and Lower, d_type; moby/moby issue 27358")
@needs(WHITEOUTS)
def test_daemon_refuses_a_file_system_without_types(daemons, driver, observe):
    """A daemon that marks removals by device nodes refuses a file system that does not list the types of files."""
    outcome = daemons.without_types(driver)
    observe("dockerd on XFS with ftype=0", outcome)
    assert outcome.driver == "", str(outcome)
    assert "d_type" in outcome.words
