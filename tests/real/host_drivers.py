"""The drivers that a host can run without a kernel of their own."""

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.machines.host import Host

#: All but overlay2, each with the engine root that it needs.
OTHERS = ("overlay", "vfs", "btrfs", "fuse-overlayfs", "native", "podman:overlay --engine=podman-5",
          "podman:vfs --engine=podman-5", "podman:btrfs --engine=podman-5",
          "containerd:overlayfs --engine=docker-28.5", "containerd:native --engine=docker-28.5",
          "containerd:btrfs --engine=docker-28.5", "containerd:erofs --engine=docker-28.5",
          "containerd:blockfile --engine=docker-28.5")  # fmt: skip


def words_of(named):
    """The driver that is named here, and its options; skips the test if this host cannot run it."""
    driver, *options = named.split()
    if unmet := [need.reason for need in DRIVERS[driver].requirements(Host()) if not options and not need.met]:
        pytest.skip(unmet[0])
    return driver, options
