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
@check("space/full-thin-pool", claim="S32", source="dockerd, dm.min_free_space; Linux Documentation, thin-provisioning")
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
