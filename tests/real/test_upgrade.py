"""A daemon's upgrade between two engine roots, which a power cut may fall into."""

import pytest

from roadworthy.reports.bundle import read_bundle
from roadworthy.supplies.engine_roots import newest

pytestmark = [pytest.mark.real, pytest.mark.builds]

CHECKS = """
from roadworthy.cuts.operation import operation

@operation("upgrade-alone", usual=2)
def upgrade_alone(store):
    '''The daemon's upgrade, and the version that answers then.'''
    image = store.containers.image({"f": b"image"})
    to_newest = store.newer_engine()
    yield None
    to_newest()
    VERSIONS.append(store.client.version()["Version"])
    yield store.image(image)

VERSIONS = []

@check("sample/upgraded")
def test_upgraded(cuts, engine, observe):
    '''The newer daemon has the image, and the lane's own is not touched.'''
    found = cuts(upgrade_alone)
    observe("versions", " ".join([engine.client.version()["Version"], *VERSIONS]))
    assert (found.not_started().worst, found.hurt().worst) == ("whole", "whole")
"""


def test_a_daemon_is_upgraded_in_its_place(start):
    """The newest series answers on the data root after it, and on each disk that a cut has left."""
    run = start(CHECKS)
    assert run.process.wait(300) == 0, run.text()[-3000:]
    (result,) = read_bundle(run.bundle).results
    assert (result.verdict, result.cuts.operation) == ("pass", "upgrade-alone")
    (versions,) = (one.value for one in result.observations if one.name == "versions")
    before, after = versions.split()
    assert before != after
    assert after.startswith(f"{newest('docker').partition('-')[2]}.")
