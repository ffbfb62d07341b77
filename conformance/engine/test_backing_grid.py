"""The file systems that a driver's data root can lie on: the outcome for each of them."""

import pytest

from roadworthy import LAYERS, check, needs

pytestmark = pytest.mark.slow

ON_EACH_BACKING = pytest.mark.parametrize("backing", ["ext4", "xfs", "btrfs", "tmpfs", "overlay"])


@check("grid/runs-or-refuses", source="Docker documentation, Select a storage driver")
@needs(LAYERS)
@ON_EACH_BACKING
def test_daemon_runs_this_driver_here_or_says_why_not(daemons, driver, observe, backing):
    """A daemon with this driver runs with it on this file system, or refuses to start and gives a reason."""
    outcome = daemons.attempt(driver, backing)
    observe(f"dockerd on {backing}", outcome)
    assert (outcome.driver, outcome.backing) == (driver.daemon_name, backing) or outcome.words, str(outcome)


@check("grid/as-documented", source="Docker documentation, Select a storage driver")
@needs(LAYERS)
@ON_EACH_BACKING
def test_driver_runs_where_it_claims_to(daemons, driver, observe, backing):
    """The driver runs on every file system that it is documented for."""
    outcome = daemons.documented(driver, backing)
    observe(f"dockerd on {backing}", outcome)
    assert (outcome.driver, outcome.backing) == (driver.daemon_name, backing), str(outcome)
