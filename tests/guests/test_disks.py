"""The disks of a guest, whose contents change while it runs: what QEMU is told, and when."""

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from roadworthy.guests.guest import Guest, GuestFailed
from roadworthy.guests.qemu import Disk
from roadworthy.guests.qmp import QmpFailed


class Control:
    """QEMU's control socket: notes what it is asked."""

    def __init__(self):
        self.told = []

    def ask(self, command, seconds=10.0, **words):
        node = words.get("node-name", "")
        if command == "blockdev-reopen":
            (through,) = words["options"]
            node = f"{through['node-name']} over {through['file']}"
        self.told.append(f"{command} {node}".strip())


@pytest.fixture
def guest(monkeypatch):
    """A guest with one disk, and one that can write down what it is told; it knows every size at once."""
    made = object.__new__(Guest)
    fresh = Disk("data0", Path("/s/0.img"), 1), Disk("logged", Path("/s/1.img"), 1, logged=True)
    made.hardware, made.scale, made._control = SimpleNamespace(fresh=fresh), 0.01, Control()
    made._free, made._logged, made._below = ["data0"], ["logged"], {}
    made._content = {disk.serial: disk.path for disk in fresh}
    monkeypatch.setattr(made, "device", lambda serial: f"/dev/{serial}")
    monkeypatch.setattr(made, "run", lambda argv: made._control.told.append(" ".join(argv[-1:])))
    monkeypatch.setattr(made, "_resize", lambda serial, size: made._control.told.append(f"{serial} has {size} bytes"))
    made.calls = lambda call, *words: 3
    return made


def test_a_disk_has_the_content_of_a_file_until_it_is_given_back(guest, tmp_path):
    """The device stays; what lies below it changes, is read anew by the guest's kernel, and goes."""
    (image := tmp_path / "image").write_bytes(b"x" * 512)
    assert guest.take_disk_with(image) == "data0"
    assert guest._control.told == [
        "data0", "blockdev-add content-data0", "blockdev-reopen disk-data0 over content-data0",
        "data0 has 512 bytes", "/dev/data0",
    ]  # fmt: skip
    assert guest.content("data0") == image
    guest._control.told.clear()
    guest.give_disk("data0")
    assert guest._control.told == ["blockdev-reopen disk-data0 over own-data0", "blockdev-del content-data0"]
    assert (guest._free, guest.content("data0")) == (["data0"], Path("/s/0.img"))


def test_the_log_lies_between_the_device_and_its_content(guest, tmp_path):
    """The nodes go in the order in which none is in use; the disk is no other's before that."""
    (image := tmp_path / "image").write_bytes(b"x" * 512)
    assert guest.take_logged_disk(image, tmp_path / "log") == "logged"
    assert "blockdev-reopen disk-logged over writes-logged" in guest._control.told
    with pytest.raises(GuestFailed, match="all disks"):
        guest.take_logged_disk(image, tmp_path / "log")
    guest.give_disk("logged")
    assert guest._control.told[-3:] == [
        "blockdev-del writes-logged", "blockdev-del log-logged", "blockdev-del content-logged",
    ]  # fmt: skip
    assert guest._logged == ["logged"]


def test_a_disk_in_use_is_not_given_another_content(guest, tmp_path):
    """A file system is unmounted a moment after its last process, and what it writes then must not meet a cut."""
    (image := tmp_path / "image").write_bytes(b"x" * 512)
    guest.take_disk_with(image)

    def calls(call, *words):
        if call == "open":
            raise OSError(errno.EBUSY, "busy")

    guest.calls = calls
    guest._control.told.clear()
    with pytest.raises(TimeoutError, match="data0 to be released"):
        guest.give_disk("data0")
    assert guest._control.told == []
    assert guest._free == []


def test_a_halted_guest_goes_on_whatever_happens(guest):
    """Its disks are copied while it is halted; a copy that fails must not leave it so."""
    with pytest.raises(ZeroDivisionError), guest.halted():
        raise ZeroDivisionError
    assert guest._control.told == ["stop", "cont"]


def test_a_refusal_of_qemu_is_the_guests_failure(guest):
    """It says nothing about a driver."""

    def ask(command, seconds=10.0, **words):
        raise QmpFailed(f"QEMU refused {command}: no such node")

    guest._control.ask = ask
    with pytest.raises(GuestFailed, match="QEMU refused stop"), guest.halted():
        pass
