"""native, the reference."""

from roadworthy.declaring.features import PLAIN_FILES
from roadworthy.drivers.base import Driver


class Native(Driver):
    """Not a driver: the same trees on a bind-mounted volume of the backing file system, in the same kind of container.

    The engine underneath uses vfs, which runs on every backing; nothing under test lies in its layers.
    """

    name = "native"
    engine_name = "vfs"
    engines = ("docker", "podman")
    another = "overlay2"
    backings = ("ext4", "xfs", "btrfs", "tmpfs", "zfs")
    features = PLAIN_FILES
