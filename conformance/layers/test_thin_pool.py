"""Containers on a full thin pool."""

from os import O_CREAT, O_RDONLY, O_RDWR, O_WRONLY

import pytest

from roadworthy import THIN_POOL, check, lower, needs

MIB = 1 << 20
#: More than the pool of a cramped daemon has.
TOO_MUCH = 400 * MIB
#: Beyond the minute for which the kernel lets writes wait for an enlarged pool: dm_thin_pool's no_space_timeout.
PATIENCE = 150.0


@pytest.mark.slow
@check("space/full-thin-pool", source="dockerd, dm.min_free_space; Linux Documentation, thin-provisioning")
@needs(THIN_POOL)
@lower(image=b"image")
def test_full_pool_refuses_and_recovers(cramped, observe):
    """A full thin pool fails writes and refuses new containers, keeps what others have, and recovers by a removal."""
    other = cramped.process(cramped.run())
    other.store("kept", b"k" * MIB)
    other.fsync(other.open("kept", O_RDWR))
    fs = cramped.process(live := cramped.run())
    fs.store("data", b"d" * (4 * MIB))
    source, file = fs.open("data", O_RDONLY), fs.open("file", O_WRONLY | O_CREAT)
    written, outcome = 0, "success"
    while outcome == "success" and written < TOO_MUCH:
        written += sum(fs.sendfile(file, source, 0, 4 * MIB) for _ in range(4))
        outcome = fs.attempt.fsync(file, PATIENCE)
    observe("fsync in the full pool", f"{outcome} after some {written // (64 * MIB) * 64} MiB")
    refused = cramped.attempt.create()
    observe("docker create in the full pool", refused)
    assert outcome in ("ENOSPC", "EIO")
    assert "free data blocks" in refused
    assert other.load("kept") == b"k" * MIB
    assert other.load("image") == b"image"
    live.remove()
    observe("docker create after the removal", again := cramped.attempt.create())
    assert again == "success"


@check("quota/default-base-size", source="Docker documentation, Use the Device Mapper storage driver, dm.basesize")
@needs(THIN_POOL)
@lower(image=b"image")
def test_container_has_ten_gigabytes_where_nobody_says_another_size(fs, storage, observe):
    """A container's root has ten gigabytes if neither the daemon nor the container was told a size."""
    said = storage.status("Base Device Size")
    seen = fs.statvfs("/")
    size = seen.f_blocks * seen.f_frsize
    observe("docker info and df", f"{said}, {size / 10**9:.1f} GB")
    assert said == "10.74GB"
    assert 10 * 10**9 <= size <= 10 << 30


@check("plumb/loop-lvm-files", source="Docker documentation, Use the Device Mapper storage driver, loop-lvm")
@needs(THIN_POOL)
def test_pool_without_a_disk_lies_in_two_sparse_files(storage, observe):
    """A pool that was given no disk lies in two sparse files below the data root, of 100 GB and of 2 GB."""
    sizes, taken = zip(*[(found.st_size, found.st_blocks * 512) for found in storage.pool_files()], strict=True)
    observe("sizes", " and ".join(f"{size / 10**9:.1f} GB" for size in sizes))
    observe("taken", " and ".join(f"{size / MIB:.0f} MiB" for size in taken))
    assert sizes == (100 << 30, 2 << 30)
    assert max(taken) < 1 << 30


@check("plumb/direct-lvm-setup", source="Docker documentation, Use the Device Mapper storage driver, direct-lvm")
@needs(THIN_POOL)
def test_pool_on_a_disk_has_no_files(engine, storage, observe):
    """A pool that was given a disk lies on it, and docker info names no file of a loop device."""
    fields = dict(engine.info()["DriverStatus"])
    observe("pool", f"{fields['Pool Name']}, loop file: {fields.get('Data loop file', 'none')}")
    assert storage.pool_disk() in storage.backing.devices
    assert "Data loop file" not in fields
