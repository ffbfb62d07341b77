"""Recorded deviations speak of lanes that somebody has run, and of releases that somebody has tried."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from roadworthy.declaring.checks import PROVENANCES
from roadworthy.drivers import DRIVERS
from roadworthy.drivers.overlayfs import SWITCHES
from roadworthy.verdict.deviations import Deviation, Facts, load
from roadworthy.versions import version

ROOT = Path(__file__).parents[2]
#: The parameters of the overlay module as kernels have them where nobody says otherwise.
AS_BUILT = {**dict.fromkeys(SWITCHES, "off"), "redirect_always_follow": "on"}
DISK = ("ext4", "xfs", "btrfs", "tmpfs")


@dataclass(frozen=True)
class Run:
    """Lanes that were run: these drivers on each of the backings and kernels, with one engine."""

    drivers: tuple[str, ...]
    backings: tuple[str, ...] = ("ext4",)
    engine: str = "docker 20.10"
    kernels: tuple[str, ...] = ("6.18",)
    #: The version of fuse-overlayfs where it merges the layers.
    server: str = "1.10"
    #: Parameters of the overlay module that are not as the kernel has them, and options of the lane.
    switched: tuple[tuple[str, str], ...] = ()

    def facts(self) -> Iterator[Facts]:
        name, _, release = self.engine.partition(" ")
        for driver in self.drivers:
            for backing in {*self.backings} & {*DRIVERS[driver].backings} or DRIVERS[driver].backings[:1]:
                for kernel in self.kernels:
                    for provenance in PROVENANCES:
                        yield Facts(
                            driver=driver, built_on=DRIVERS[driver].built_on, backing=backing, engine=name,
                            engine_version=version(release), kernel_version=version(kernel), provenance=provenance,
                            parameters={**AS_BUILT, **dict(self.switched)},
                            server_version=version(self.server) if DRIVERS[driver].server else (),
                        )  # fmt: skip


#: What was run at least once, whole or the part that an entry speaks of. A lane joins it with its first run.
WAS_RUN = (
    Run(("overlay2", "overlay", "vfs", "btrfs", "fuse-overlayfs", "native"), DISK),
    Run(("overlay2",), ("xfs",), switched=(("choice", "reflink=0"),)),
    Run(("overlay2",), kernels=("5.10", "6.1", "6.12", "7.2", "7.3")),
    *(Run(("overlay2",), kernels=("6.1",), switched=((name, "on"),)) for name in ("metacopy", "redirect_dir")),
    Run(("overlay",), kernels=("6.1",), switched=(("index", "on"),)),
    Run(("devicemapper",), ("direct-lvm", "loop-lvm"), kernels=("6.1",)),
    Run(("zfs",), ("zfs",), kernels=("6.1",)),
    Run(("aufs",), ("ext4",), kernels=("5.10",)),
    Run(("fuse-overlayfs",), engine="docker 28.5", server="1.14"),
    *(Run(("overlay2", "vfs", "btrfs"), engine=engine) for engine in ("docker 26.1", "docker 28.5")),
    Run(("containerd:overlayfs", "containerd:native", "containerd:btrfs", "containerd:erofs"), engine="docker 28.5"),
    Run(
        ("containerd:overlayfs", "containerd:native", "containerd:btrfs", "containerd:erofs"),
        engine="docker 28.5",
        switched=(("sync_fs", "true"),),
    ),
    Run(("containerd:blockfile",), ("xfs",), "docker 28.5", switched=(("sync_fs", "true"),)),
    Run(("containerd:blockfile",), ("xfs", "btrfs", "ext4"), "docker 28.5"),
    Run(("containerd:devmapper",), ("ext4",), "docker 28.5", ("6.12",)),
    Run(("podman:overlay", "podman:vfs", "podman:btrfs"), engine="podman 5.4"),
    *(Run(("podman:overlay", "podman:vfs", "podman:btrfs"), engine=engine) for engine in ("podman 5.8", "podman 6.1")),
    Run(("podman:overlay",), engine="podman 4.3"),
    # lsof on files of a volume
    Run(("containerd:overlayfs", "containerd:native", "containerd:erofs"), ("btrfs",), "docker 28.5"),
    Run(("podman:overlay", "podman:vfs"), ("btrfs",), "podman 5.4"),
    Run(("podman:overlay",), engine="podman 5.4", switched=(("overlay.mountopt", "volatile"),)),
    Run(("overlay2", "vfs", "btrfs", "native"), switched=(("mode", "userns-remap"),)),
    Run(("overlay2", "btrfs"), engine="docker 28.5", switched=(("mode", "userns-remap"),)),
    Run(("overlay2", "fuse-overlayfs"), engine="docker 28.5", switched=(("mode", "rootless"),)),
    Run(
        ("containerd:overlayfs",),
        engine="docker 28.5",
        switched=(("mode", "userns-remap"), ("layers", "copied")),
    ),
)
FACTS = [facts for run in WAS_RUN for facts in run.facts()]
ENTRIES = load(ROOT / "conformance/deviations").entries


def names(entry: Deviation) -> Iterator[tuple[str, str]]:
    """Every driver and backing that the entry's condition names."""
    return ((key, value) for key in ("driver", "backing") for value in entry.when.get(key, ()))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.check}:{entry.line}")
def test_every_lane_that_an_entry_names_was_run(entry):
    """Where nobody has looked, the first break is a failure: no entry speaks of it beforehand."""
    reached = [facts for facts in FACTS if entry.applies(facts)]
    assert [name for key, name in names(entry) if not any(getattr(facts, key) == name for facts in reached)] == []
    assert reached
