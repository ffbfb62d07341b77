"""Lanes whose storage lies in pools of the kernel: what a daemon leaves there goes with it."""

import shutil

import pytest

from roadworthy.programs import ENVIRONMENT
from roadworthy.reports.bundle import read_bundle
from roadworthy.supplies.packages import needs

pytestmark = [pytest.mark.real, pytest.mark.guest]

CHECKS = """
def left(stand):
    '''Devices, volume groups and pools that the guest's kernel has.'''
    guest = stand.machine.guest
    seen = "dmsetup info -c --noheadings -o name; losetup -a; vgs --noheadings -o vg_name; zpool list -H -o name; true"
    return sorted(guest.run(["sh", "-c", seen]).split())

BEFORE = []

@check("sample/main")
@lower(f=b"lower")
def test_main(fs, storage, container, stand):
    '''The lane's container runs, and its layer is looked at from outside.'''
    fs.store("f", b"upper")
    assert storage.upper(container, "f").read_bytes() == b"upper"
    with storage.layers_at_hand() as layers:
        assert {path.read_bytes() for path in (layers[0] / "c").rglob("f")} == {b"lower"}
    BEFORE.extend(left(stand))

@pytest.mark.parametrize("time", ["first", "again"])
@check("sample/second")
@lower(f=b"lower")
def test_second(own_containers, own_storage, stand, time):
    '''A second daemon runs beside the first on disks that an earlier one may have had.'''
    fs = own_containers.process(live := own_containers.run())
    before = own_storage.backing.used_bytes()
    fs.store("g", b"1" * (4 << 20))
    assert own_storage.backing.used_bytes() - before > 3 << 20
    assert set(left(stand)) > set(BEFORE)

@check("sample/left")
def test_nothing_left(fs, stand):
    '''What a second daemon and its killed containers had in the kernel is gone.'''
    assert left(stand) == BEFORE
"""


@pytest.fixture(autouse=True)
def emulator():
    for program in ("qemu-system-x86_64", "mmdebstrap"):
        if not shutil.which(program, path=ENVIRONMENT["PATH"]):
            pytest.skip(needs(program))


@pytest.mark.parametrize(
    ("driver", "backing"), [("devicemapper", "direct-lvm"), ("devicemapper", "loop-lvm"), ("zfs", "zfs")]
)
def test_F30_daemons_leave_nothing_in_the_guests_kernel(start, driver, backing):
    """On each kind of pool, two daemons run at once, one after another on the same disks, and leave nothing."""
    run = start(CHECKS, "--kernel=6.1", f"--backing={backing}", driver=driver)
    assert run.process.wait(1500) == 0, run.text()[-3000:]
    assert set(run.verdicts().values()) == {"pass"}
    found = read_bundle(run.bundle)
    assert found.troubles == ()
    (lane,) = found.plan.lanes
    assert lane.id == f"{driver}-{backing}-docker20.10-linux6.1"
    run.ledger()
    assert run.left() == []
