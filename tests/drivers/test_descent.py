"""What layers stem from, as the tools of their file systems say it."""

from types import SimpleNamespace

import pytest

from roadworthy.declaring.features import SNAPSHOTS
from roadworthy.drivers import DRIVERS
from roadworthy.drivers.btrfs import Btrfs
from roadworthy.drivers.zfs import Zfs
from roadworthy.machines.host_path import HostPath

CHAIN, CONTAINER = "sha256:0a", {"Id": "c1"}


@pytest.fixture
def root(tmp_path):
    """A data root whose one layer is `layer`, and whose container's is `mount`."""

    def made(driver):
        place = tmp_path / "image" / driver / "layerdb"
        for path, name in (("sha256/0a/cache-id", "layer"), ("mounts/c1/mount-id", "mount")):
            (place / path).parent.mkdir(parents=True)
            (place / path).write_text(name)
        return HostPath(tmp_path)

    return made


def daemon(root, run):
    place = SimpleNamespace(run=run, inside=str)
    info = {"DriverStatus": [["Parent Dataset", "pool/docker"]]}
    return SimpleNamespace(root=root, place=place, info=lambda: info)


def test_a_subvolume_names_its_parent(root):
    """btrfs subvolume show has both identities; a dash stands for none."""
    said = {
        "layer": "\tUUID: \t\t\tu1\n\tParent UUID: \t\t-\n\tReceived UUID: \t\t-\n",
        "mount-init": "\tUUID: \t\t\tu2\n\tParent UUID: \t\tu1\n",
        "mount": "\tUUID: \t\t\tu3\n\tParent UUID: \t\tu2\n",
    }
    engine = daemon(root("btrfs"), lambda argv: said[argv[-1].rpartition("/")[2]])
    assert Btrfs().descent(engine, [CHAIN], CONTAINER) == [("u1", ""), ("u2", "u1"), ("u3", "u2")]


def test_a_clone_names_the_snapshot_that_it_was_made_from(root):
    """Zfs's origin is a snapshot of the layer below; a dash stands for none."""
    said = {"layer": "-\n", "mount-init": "pool/docker/layer@1\n", "mount": "pool/docker/mount-init@2\n"}
    engine = daemon(root("zfs"), lambda argv: said[argv[-1].rpartition("/")[2]])
    names = [f"pool/docker/{name}" for name in said]
    assert Zfs().descent(engine, [CHAIN], CONTAINER) == list(zip(names, ["", *names[:-1]], strict=True))


def test_drivers_with_the_feature_say_it():
    """And no other is asked."""
    saying = {name for name, driver in DRIVERS.items() if "descent" in vars(type(driver))}
    assert saying == {name for name, driver in DRIVERS.items() if SNAPSHOTS in driver.features}
