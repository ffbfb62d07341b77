"""containerd's snapshotters: where their layers lie by what containerd answers, and what a containerd of ours reads."""

import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from roadworthy.declaring.checks import Declared
from roadworthy.declaring.features import Feature
from roadworthy.drivers import DRIVERS
from roadworthy.engines.dockerd import Dockerd
from roadworthy.lane.stand import Stand
from roadworthy.machines.host_path import HostPath
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Unsupported
from roadworthy.trees.layers import SparseFile

ROOT = Path("/r/m/docker")
CTR = ["ctr", "--address", "/r/sock", "--namespace", "moby", "snapshots", "--snapshotter"]
SUBVOLUMES = """\
ID 256 gen 20 top level 5 parent_uuid -                                    uuid 1c-6f path docker/snapshots/1
ID 279 gen 31 top level 5 parent_uuid 1c-6f                                uuid 77-a0 path docker/view/9
ID 280 gen 33 top level 5 parent_uuid 1c-6f                                uuid 55-b1 path docker/active/10
"""


class Place:
    """Writes down what is run in it, and gives its answers in their order."""

    runtime = Path("/r")

    def __init__(self, *answers, mounted=(), directory=""):
        self.ran = []
        self._answers = list(answers)
        self._mounted = mounted
        self._directory = directory

    def run(self, argv, seconds=60):
        self.ran.append(list(argv))
        answer = self._answers.pop(0) if self._answers else ""
        if isinstance(answer, Exception):
            raise answer
        return answer

    def path(self, inside):
        return HostPath(f"{self._directory}{inside}")

    def mounts(self):
        return [f"1 1 0:1 / {point} rw - erofs x ro" for point in self._mounted]


def engine(place):
    return SimpleNamespace(
        place=place, containerd="/r/sock", containerd_namespace="moby", data_root=ROOT, root=place.path(ROOT)
    )


@pytest.mark.parametrize(
    ("name", "said", "found"),
    [
        ("overlayfs", "mount -t overlay overlay /unused -o index=off,lowerdir=/s/3/fs:/s/1/fs", "/s/3/fs"),
        ("overlayfs", "mount -t overlay x /unused -o workdir=/s/4/w,upperdir=/s/4/fs,lowerdir=/s/3/fs", "/s/4/fs"),
        ("overlayfs", "mount -t bind /s/1/fs /unused -o ro,rbind", "/s/1/fs"),
        ("native", "mount -t bind /n/1 /unused -o ro,rbind", "/n/1"),
    ],
)
def test_a_snapshot_is_found_by_its_mount(name, said, found):
    """Of an overlay's mount, what is the snapshot's own: its upper directory, or the highest lower one of a view."""
    assert str(DRIVERS[f"containerd:{name}"].directory(engine(Place()), said)) == found


def test_a_layer_s_place_is_what_the_view_itself_answers():
    """A view may be collected at once: nobody asks for it a second time, and that it is gone is no failure."""
    place = Place("mount -t bind /s/1/fs /unused -o ro", ProgramFailed("not found"))
    assert str(DRIVERS["containerd:overlayfs"].image_layer(engine(place), "sha256:1")) == "/s/1/fs"
    made, removed = place.ran
    assert made[:-2] == [*CTR, "overlayfs", "view", "--target", "/unused"]
    assert made[-1] == "sha256:1"
    assert removed == [*CTR, "overlayfs", "rm", made[-2]]


def test_two_looks_at_a_layer_have_views_of_their_own():
    """The name of a view is not given twice: the first may not be collected yet."""
    place = Place("mount -t bind /s/1/fs /unused -o ro", "", "mount -t bind /s/1/fs /unused -o ro")
    for _ in range(2):
        DRIVERS["containerd:native"].image_layer(engine(place), "sha256:1")
    assert place.ran[0][-2] != place.ran[2][-2]


def test_a_subvolume_is_found_by_its_number():
    """A container's is the subvolume of the mount itself."""
    place = Place(SUBVOLUMES)
    said = "mount -t btrfs /dev/loop0 /unused -o subvolid=280"
    assert str(DRIVERS["containerd:btrfs"].directory(engine(place), said)) == "/r/m/docker/active/10"
    assert len(place.ran) == 1


def test_a_layer_s_subvolume_is_the_parent_of_its_view():
    """The view goes at once, so that the snapshot which it was made from is what counts; it can be written to then."""
    place = Place(SUBVOLUMES)
    said = "mount -t btrfs /dev/loop0 /unused -o subvolid=279,ro"
    assert str(DRIVERS["containerd:btrfs"].directory(engine(place), said)) == "/r/m/docker/snapshots/1"
    assert place.ran[1][-3:] == ["/r/m/docker/snapshots/1", "ro", "false"]


@pytest.mark.parametrize("mounted", [True, False])
def test_the_lowest_erofs_layer_is_mounted_once(mounted):
    """Where a container has its image mounted already, that mount is looked at."""
    place = Place(mounted=["/s/1/fs"] if mounted else [])
    said = "mount -t erofs /s/1/layer.erofs /unused -o ro,loop"
    assert str(DRIVERS["containerd:erofs"].directory(engine(place), said)) == "/s/1/fs"
    assert [argv[0] for argv in place.ran] == ([] if mounted else ["mount"])


def test_a_mount_that_names_no_directory_is_unsupported():
    """Nothing is guessed."""
    with pytest.raises(Unsupported, match="containerd:native keeps its layers in no directory: mount -t ext4 /f"):
        DRIVERS["containerd:native"].directory(engine(Place()), "mount -t ext4 /f /unused -o loop")


def test_blockfile_s_layers_are_mounted_beside_their_files(tmp_path):
    """Each once, read-only."""
    place = Place(directory=str(tmp_path))
    said = "mount -t ext4 /b/snapshots/7 /unused -o loop,ro"
    driver = DRIVERS["containerd:blockfile"]
    found = driver.directory(engine(place), said)
    assert str(found) == f"{tmp_path}/b/looked-at/7"
    assert place.ran[1] == ["mount", "-t", "ext4", "-o", "loop,ro", "/b/snapshots/7", "/b/looked-at/7"]
    found.mkdir(parents=True)
    driver.directory(engine(place), said)
    assert len(place.ran) == 2


def daemon(tmp_path, name):
    """A dockerd that was not started, and its command line."""
    made = Dockerd.__new__(Dockerd)
    made.place = Place(directory=str(tmp_path))
    made.data_root = ROOT
    made._runtime = Path("/r")
    (tmp_path / "r").mkdir()
    return made, made._command_line(DRIVERS[name], [], "", [])


def test_a_containerd_of_ours_lies_on_the_data_root(tmp_path):
    """Its root is where dockerd's own has it, its state is not, and it has the plugin's settings."""
    made, argv = daemon(tmp_path, "containerd:blockfile")
    said = tomllib.loads(made._containerd_configuration())
    assert said["root"] == "/r/m/docker/containerd/daemon"
    assert said["state"].startswith("/r/c/")
    assert said["plugins"]["io.containerd.snapshotter.v1.blockfile"] == {
        "scratch_file": "/r/m/docker/blockfile", "fs_type": "ext4", "mount_options": ["loop"],
    }  # fmt: skip
    assert said["plugins"]["io.containerd.internal.v1.opt"]["path"].startswith("/r/m/docker/")
    assert argv[argv.index("--containerd") + 1] == said["grpc"]["address"] == made.containerd
    assert ["mkfs.ext4", "/r/m/docker/blockfile"] in [[words[0], words[-1]] for words in made.place.ran]


@pytest.mark.parametrize("name", ["containerd:overlayfs", "overlay2"])
def test_dockerd_starts_its_own_containerd_elsewhere(tmp_path, name):
    """A driver that needs no configuration of containerd is run as users run it."""
    made, argv = daemon(tmp_path, name)
    assert "--containerd" not in argv
    assert made.containerd == "/r/x/containerd/containerd.sock"


@pytest.mark.parametrize(
    ("name", "provenance", "refused"),
    [
        ("containerd:erofs", "lower", True),
        ("containerd:erofs", "upper", False),
        ("containerd:erofs", "volume", False),
        ("containerd:overlayfs", "lower", False),
        ("native", "lower", False),
    ],
)
def test_holes_of_an_image_need_layers_that_can_be_prepared(name, provenance, refused):
    """An archive has no holes: where they cannot be made afterwards, a check of them has nothing to look at."""
    check = Declared(
        identity="a/b", family="a", promise="", source="", provenance=provenance, slug="a.b",
        trees=({"f": SparseFile(size=4096)},), feature=Feature.NONE, capabilities=frozenset(),
    )  # fmt: skip
    stand = Stand.__new__(Stand)
    stand.lane = SimpleNamespace(driver=DRIVERS[name])
    if not refused:
        stand.refuse_holes(check)
        return
    with pytest.raises(Unsupported, match="EROFS image"):
        stand.refuse_holes(check)


@pytest.mark.parametrize("name", ["containerd:overlayfs", "containerd:blockfile"])
def test_roots_of_containers_are_mounted_by_dockerd(name):
    """With the containerd image store, every snapshotter's mount is made in one directory of the data root."""
    assert DRIVERS[name].mounts_root
    assert DRIVERS[name].mount_directory == f"rootfs/{name.partition(':')[2]}"


def test_sync_fs_is_a_setting_of_containerd():
    """The option makes containerd sync a layer's file system before it commits; without it nothing is set."""
    driver = DRIVERS["containerd:overlayfs"]
    asked = {"io.containerd.service.v1.diff-service": {"sync_fs": True}}
    assert driver.containerd_plugins(None, ROOT, ["sync_fs=true"]) == asked
    assert driver.containerd_plugins(None, ROOT, []) == {}
    assert "sync_fs" in driver.containerd_options


@pytest.mark.parametrize(
    ("name", "option", "plugin", "value"),
    [
        ("overlayfs", "upperdir_label=true", "snapshotter.v1.overlayfs", True),
        ("overlayfs", "mount_options=volatile,index=off", "snapshotter.v1.overlayfs", ["volatile", "index=off"]),
        ("native", "max_concurrent_unpacks=4", "transfer.v1.local", 4),
        ("erofs", "set_immutable=true", "snapshotter.v1.erofs", True),
        ("erofs", "enable_dmverity=true", "differ.v1.erofs", True),
        ("erofs", "dmverity_mode=on", "snapshotter.v1.erofs", "on"),
    ],
)
def test_a_setting_reaches_its_plugin(name, option, plugin, value):
    """As containerd's configuration has it."""
    found = DRIVERS[f"containerd:{name}"].containerd_plugins(None, ROOT, [option])
    assert found == {f"io.containerd.{plugin}": {option.partition("=")[0]: value}}


@pytest.mark.parametrize(
    ("name", "key", "value", "said"),
    [
        ("overlayfs", "upper_label", "true", r"unknown setting 'upper_label' .*did you mean 'upperdir_label'"),
        ("native", "set_immutable", "true", "unknown setting 'set_immutable' of containerd:native"),
        ("erofs", "max_unmerged_layers", "some", "takes max_unmerged_layers=NUMBER; got max_unmerged_layers=some"),
        ("erofs", "set_immutable", "no", "takes set_immutable=true, or no set_immutable"),
    ],
)
def test_a_setting_that_a_snapshotter_does_not_have_is_refused_by_name(name, key, value, said):
    """With the nearest, and what it takes."""
    assert re.search(said, DRIVERS[f"containerd:{name}"].mistake_in(key, value))
    assert DRIVERS["overlay2"].mistake_in(key, value) == ""
