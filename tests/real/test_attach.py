"""Checks on a daemon that somebody else has started: they have verdicts, and what is somebody's stays as it was."""

import signal

import pytest
from private_daemon import private_daemon
from somebodys import Somebodys

from roadworthy.calls.toolbox import toolbox
from roadworthy.machines.lent import DISK, LIFE
from roadworthy.upkeep import reaper

pytestmark = pytest.mark.real

ASKED = '''
@check("attach/file")
@lower({"file": b"below", "gone": b"x"})
def test_file(fs, storage, container):
    """A file of the image is copied up, and lies in the writable layer."""
    fs.attempt.unlink("gone")
    fs.store("file", b"above")
    assert storage.upper(container, "file").read_bytes() == b"above"
    assert storage.form(container, "gone") == "character device 0:0"


@check("attach/made")
@lower({"file": b"below"})
def test_made(fs, containers):
    """Containers, images and volumes of a check's own are made as on any daemon."""
    live = containers.run(volumes={containers.volume(): {"bind": "/v"}})
    containers.process(live).store("new", b"1")
    again = containers.process(containers.run(containers.commit(live.stop())))
    assert again.load("new") == b"1"
    containers.create(containers.import_tree(live.export()))
    built = containers.build(["FROM scratch", "COPY context /built"], {"f": b"1"})
    assert containers.layer_size(built) == 1
    assert containers.process(containers.run(containers.image({"g": b"2"}))).load("g") == b"2"


@check("attach/volume", provenance=("volume",))
@lower({"file": b"on the volume"})
def test_volume(fs):
    """The volume is one of the daemon's."""
    assert fs.load("file") == b"on the volume"


@check("attach/life")
def test_life(own_containers):
    """No daemon is started beside it."""
    own_containers.run()


@check("attach/growth")
def test_growth(fs, storage):
    """The disk is not measured."""
    with storage.growth():
        fs.store("f", b"1")


@check("attach/theirs")
def test_theirs(fs, engine):
    """A check that reaches for what is somebody's is refused."""
    engine.client.containers.get("busy").stop()


@check("attach/layer")
@lower({"file": b"below"})
def test_layer(fs, storage):
    """A check that would change a layer from outside is refused."""
    storage.lower("file").write_bytes(b"x")
'''
MANY = '''
@pytest.mark.parametrize("turn", range(60))
@check("attach/many")
@lower({"file": b"below"})
def test_many(fs, containers, turn):
    """Each has a container, an image and a volume of its own."""
    live = containers.run(volumes={containers.volume(): {"bind": "/v"}})
    containers.commit(live)
    assert fs.load("file") == b"below"
'''


@pytest.fixture(scope="module", params=["overlay2"])
def theirs(request):
    """A daemon of somebody's in a capsule of its own."""
    with private_daemon(request.param) as engine:
        yield Somebodys(engine, toolbox())


def test_checks_have_verdicts_and_leave_what_is_somebodys(start, theirs):
    """What needs the daemon's life, the disk alone, or a change from outside is unsupported, with that reason."""
    before = theirs.seen()
    run = start(ASKED, f"--engine={theirs.url}", "--among-others")
    assert run.end(120) == 0, run.text()
    assert theirs.seen() == before
    assert {check: verdict for check, verdict in run.verdicts().items() if verdict != "pass"} == dict.fromkeys(
        ("attach/life", "attach/growth", "attach/theirs", "attach/layer"), "unsupported"
    )
    reasons = run.reasons()
    assert (reasons["attach/life"], reasons["attach/growth"]) == (LIFE, DISK)
    assert "would reach what this run has not made" in reasons["attach/theirs"]
    assert run.left() == []
    assert theirs.url.removeprefix("unix://") not in str(run.records()[1:])


def test_a_killed_run_leaves_nothing_after_a_reap(start, theirs):
    """Its ledger has the daemon's address and the label."""
    before = theirs.seen()
    run = start(MANY, f"--engine={theirs.url}", "--among-others")
    run.until(lambda: len(run.results()) >= 3)
    run.ledger()
    run.process.send_signal(signal.SIGKILL)
    run.process.wait(10)
    assert theirs.seen()["containers"] != before["containers"]
    reaper.reap()
    assert theirs.seen() == before
    assert run.left() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--among-others", "--driver=vfs"], "runs overlay2, and not vfs"),
        ([], "1 container of others (busy) run on the daemon"),
        (["--among-others", "--backing=xfs"], "--backing=xfs would change the daemon"),
    ],
)
def test_what_it_does_not_run_is_a_usage_error(start, theirs, options, said):
    """Before anything is made on it."""
    before = theirs.seen()
    run = start(ASKED, f"--engine={theirs.url}", *options)
    assert run.end(60) == 4
    assert said in run.text()
    assert theirs.seen() == before


@pytest.mark.builds
def test_podmans_service_is_asked_in_the_same_way(start):
    """By its socket, for the driver that it has."""
    with private_daemon("podman:overlay", "podman-5") as engine:
        run = start(ASKED, f"--engine=unix://{engine.socket}", "-k", "not theirs", driver="podman:overlay")
        assert run.end(120) == 0, run.text()
        assert set(run.verdicts().values()) == {"pass", "unsupported"}
        assert engine.client.containers.list(all=True) == engine.client.images.list() == []
