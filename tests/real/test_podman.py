"""A lane of Podman: from the command line to verdicts, and nothing of it on the host afterwards."""

import os
import shutil
from pathlib import Path

import pytest

from roadworthy.programs import ENVIRONMENT
from roadworthy.reports.bundle import read_bundle
from roadworthy.supplies.packages import needs

pytestmark = [
    pytest.mark.real,
    pytest.mark.builds,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: making a root file system takes it"),
    pytest.mark.skipif(not shutil.which("mmdebstrap", path=ENVIRONMENT["PATH"]), reason=needs("mmdebstrap")),
]

CHECKS = """
@check("sample/layers")
@needs(LAYERS)
@layers({"f": b"image", "gone": b""}, {"g": b"second"})
def test_layers(fs, storage, container, observe):
    '''Both layers are found from outside, and what the container writes lies in its own.'''
    fs.store("f", b"container")
    fs.unlink("gone")
    observe("deletion", storage.form(container, "gone"))
    found = [storage.lower(name, layer).read_bytes() for name, layer in (("f", 0), ("g", 1))]
    assert found == [b"image", b"second"]
    assert storage.upper(container, "f").read_bytes() == b"container"

@check("sample/outlives")
@lower(f=b"image")
def test_outlives(lane_daemon, own_containers):
    '''A container goes on while the service that started it is killed and started again.'''
    fs = own_containers.process(live := own_containers.run())
    fs.store("f", b"written")
    before = live.inspect()["State"]["Pid"]
    live.forget_agent()
    lane_daemon.engine.restart(kill=True)
    assert live.inspect()["State"]["Pid"] == before
    assert own_containers.process(live).load("f") == b"written"

@check("sample/switch")
@needs(DRIVER_SWITCH)
def test_switch(fs):
    '''Never asked: the engine lacks the feature.'''
    assert False
"""
#: Where a Podman of this host would have its own state.
FOREIGN = [Path(name) for name in ("/dev/shm/libpod_lock", "/run/libpod", "/run/containers", "/var/lib/containers")]


def test_a_podman_lane_has_verdicts_and_leaves_nothing(start):
    """Drivers of Podman run on its own engine root, are found on disk, and leave no process, mount or file."""
    before = {path: path.exists() for path in FOREIGN}
    run = start(CHECKS, driver="podman:overlay,podman:vfs")
    assert run.end(600) == 0, run.text()[-3000:]
    found = read_bundle(run.bundle)
    assert found.troubles == ()
    assert [lane.engine for lane in found.plan.lanes] == ["podman5", "podman5"]
    verdicts = {(result["lane"].split("-")[0], result["check"]): result["verdict"] for result in run.results()}
    wanted = {"sample/layers": "pass", "sample/outlives": "pass", "sample/switch": "unsupported"}
    assert verdicts == {(driver, check): verdict for driver in ("podman:overlay", "podman:vfs")
                        for check, verdict in wanted.items()}  # fmt: skip
    seen = {result["lane"].split("-")[0]: result["observations"] for result in run.results()
            if result["check"] == "sample/layers"}  # fmt: skip
    assert seen["podman:overlay"][0]["value"] == "character device 0:0"
    assert seen["podman:vfs"][0]["value"] == "nothing"
    assert run.left() == []
    assert {path: path.exists() for path in FOREIGN} == before
