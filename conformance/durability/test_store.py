"""What a power cut leaves of the image store and of containers, at any flush of an operation.

An operation is done once, on a disk that writes down what it is told. Any moment of that log may be the last: the disk
is made again as it was then, a daemon starts on it, and everything is looked at. Each promise is asked of each
operation, never of a driver. docs/durability.md says what an operator can do.
"""

import pytest

from roadworthy import LAYERS, check, needs
from roadworthy.conformance.durability import operations

pytestmark = pytest.mark.slow


def of_each(*chosen):
    """Run a check for each of these operations; those that no ordinary run cuts need --cuts."""
    cases = [pytest.param(one, id=one.name, marks=() if one.usual else pytest.mark.flushes) for one in chosen]
    return pytest.mark.parametrize("operation", cases)


@check(
    "durability/listed-is-whole", source="OCI image-spec, config.md, DiffID; moby#35747, moby#49784, containerd#5854"
)
@needs(LAYERS)
@of_each(*operations.ON_IMAGES)
def test_what_is_listed_is_whole(cuts, operation, observe):
    """After a power cut whatever the engine lists and hands out is whole, or the engine says that it is damaged."""
    broken = cuts(operation).silent()
    observe("states", broken.states)
    observe("first cut", broken.first)
    assert observe("worst", broken.worst) == "whole"


@check("durability/acknowledged-is-there", source="moby#49784, containerd#9115, podman#8005; fsync(2)")
@needs(LAYERS)
@of_each(*operations.ON_IMAGES)
def test_what_was_acknowledged_is_there(cuts, operation, observe):
    """After a power cut an image, a container or a removal that the engine has acknowledged is as it was then."""
    broken = cuts(operation).lost()
    observe("states", broken.states)
    observe("first cut", broken.first)
    assert observe("worst", broken.worst) == "whole"


@check("durability/synced-is-there", source="POSIX.1-2017, fsync(), fdatasync(), msync(), open() with O_SYNC")
@of_each(*operations.ON_FILES, *operations.SEQUENCES)
def test_what_was_synced_is_there(cuts, operation, observe):
    """After a power cut what a container has synced is there with its content."""
    broken = cuts(operation).lost()
    observe("states", broken.states)
    observe("first cut", broken.first)
    assert observe("worst", broken.worst) == "whole"


@check("durability/replaced-is-never-half", source="POSIX.1-2017, rename(); overlayfs.rst, Non-directories")
@of_each(*operations.ON_FILES)
def test_what_was_not_yet_synced_is_old_or_new(cuts, operation, observe):
    """After a power cut a file that was being changed, but not yet synced, is as it was before or as it is after."""
    broken = cuts(operation).torn()
    observe("states", broken.states)
    observe("first cut", broken.first)
    assert observe("worst", broken.worst) == "whole"


@check("durability/daemon-starts", source="Docker documentation, dockerd; podman#8005, moby#35747")
@of_each(*operations.ALL)
def test_the_daemon_starts(cuts, operation, observe):
    """After a power cut the daemon starts; it removes or repairs what it cannot use."""
    broken = cuts(operation).not_started()
    observe("states", broken.states)
    observe("first cut", broken.first)
    assert observe("worst", broken.worst) == "whole"


@check("durability/asking-again-heals", source="moby#36135, moby#49784, containerd#8973")
@needs(LAYERS)
@of_each(*operations.REPEATED)
def test_asking_again_heals(cuts, operation, observe):
    """After a power cut the operation that was cut makes its image whole when it is asked for again."""
    broken = cuts(operation).not_healed()
    observe("states", broken.states)
    observe("first cut", broken.first)
    assert observe("worst", broken.worst) == "whole"


@check("durability/nothing-else-is-hurt", source="fsync(2); xfstests generic/482, overlay/078")
@of_each(*operations.ALL)
def test_nothing_else_is_hurt(cuts, operation, observe):
    """After a power cut images and containers that were there before the operation are as they were."""
    broken = cuts(operation).hurt()
    observe("states", broken.states)
    observe("first cut", broken.first)
    assert observe("worst", broken.worst) == "whole"


@check("durability/after-sync-all-is-whole", source="sync(2), syncfs(2)", control=True)
@of_each(*operations.ALL)
def test_after_a_sync_all_is_whole(cuts, operation, observe):
    """After a power cut that follows a sync of the data root's file system everything is whole."""
    broken = cuts(operation).after_sync()
    observe("states", broken.states)
    assert observe("worst", broken.worst) == "whole"
