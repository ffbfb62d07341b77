"""Containers and images after a restart of the daemon, gentle or by SIGKILL."""

import pytest

from roadworthy import DRIVER_SWITCH, LAYERS, check, lower, needs, overlapped

pytestmark = pytest.mark.slow

ENDS = pytest.mark.parametrize("kill", [pytest.param(False, id="gentle"), pytest.param(True, id="sigkill")])


@check("life/persist-over-daemon-restart", source="Docker documentation, docker start")
@lower(f=b"image", gone=b"image")
@ENDS
def test_container_keeps_its_changes_over_a_restart_of_the_daemon(lane_daemon, own_containers, observe, kill):
    """A container's writes, new directories and deletions persist when it is started again under a restarted daemon."""
    fs = own_containers.process(live := own_containers.run())
    fs.store("f", b"written")
    fs.mkdir("new")
    fs.unlink("gone")
    live.forget_agent()
    lane_daemon.engine.restart(kill)
    again = own_containers.process(live.start())
    content, names = again.load("f"), again.listdir()
    observe("after the restart", f"{content.decode()}, {' '.join(names)}")
    assert content == b"written"
    assert names == ["f", "new"]
    assert again.listdir("new") == []


@check("life/killed-daemon-leaves-no-mount", source="mount_namespaces(7); moby/moby issue 26510")
@needs(LAYERS)
@lower(f=b"image")
@ENDS
def test_restarted_daemon_has_no_mounts_of_ended_containers(lane_daemon, own_containers, own_storage, observe, kill):
    """After the daemon was restarted and the containers were removed no root file system is mounted."""
    containers = [own_containers.run() for _ in range(2)]
    for container in containers:
        own_containers.process(container).listdir()
        container.forget_agent()
    running = len(own_storage.layer_mounts())
    lane_daemon.engine.restart(kill)
    for container in (*containers, lane_daemon.container()):
        container.remove()
    left = own_storage.layer_mounts()
    observe("mounts", f"{running} before, {len(left)} after")
    assert left == []


@check("life/daemon-restart-keeps-images", source="Docker documentation, docker images")
@needs(LAYERS)
@ENDS
def test_image_is_whole_after_a_restart_of_the_daemon(lane_daemon, own_containers, observe, kill):
    """An image that was committed before the daemon was restarted gives the same tree after it."""
    base = own_containers.image({"f": b"image", "gone": b"", "d/g": b""})
    fs = own_containers.process(live := own_containers.run(base))
    fs.store("f", b"written")
    fs.unlink("gone")
    image = own_containers.commit(live.stop())
    before = own_containers.process(committed := own_containers.run(image)).manifest()
    for container in (live, committed):
        container.forget_agent()
    lane_daemon.engine.restart(kill)
    lost, moved = before.became(own_containers.process(own_containers.run(image)).manifest())
    observe("differences", "; ".join(lost) or f"none in {before}")
    observe("directories' times", "; ".join(moved) or "kept")
    assert lost == []
    assert moved == []


@check("life/daemon-restart-live", source="Docker documentation, Live restore")
@lower(f=b"image", gone=b"image")
@ENDS
def test_running_container_keeps_its_root_over_a_restart_of_the_daemon(lane_daemon, own_containers, observe, kill):
    """A container that runs on over a restart of the daemon keeps its files, and can go on changing them."""
    lane_daemon.engine.keep_containers()
    fs = own_containers.process(live := own_containers.run())
    fs.store("f", b"written")
    fs.unlink("gone")
    before = live.inspect()["State"]["Pid"]
    live.forget_agent()
    lane_daemon.engine.restart(kill)
    after = live.inspect()["State"]
    again = own_containers.process(live)
    content, names = again.load("f"), again.listdir()
    again.store("new", b"again")
    outcome = "ran on" if after["Running"] and after["Pid"] == before else "ended"
    observe("the container, and its files", f"{outcome}; {content.decode()}, {' '.join(names)}")
    assert outcome == "ran on"
    assert (content, names) == (b"written", ["f"])
    assert again.load("new") == b"again"


@check("life/daemon-kill-during-build", source="moby layer/layer_store.go; containers/storage tests/check.bats")
@needs(LAYERS)
def test_daemon_killed_during_a_commit_can_commit_again(lane_daemon, own_containers, own_storage, observe):
    """After the daemon was killed in the middle of a commit the same container is committed whole."""
    fs = own_containers.process(live := own_containers.run(own_containers.image({})))
    for number in range(4):
        fs.store(f"f{number}", b"%d" % number * (2 << 20))
    before = fs.manifest()
    live.forget_agent()
    committed = own_storage.committed()
    interrupted = own_containers.begin_commit(live, lambda: own_storage.committed() > committed)
    lane_daemon.engine.restart(kill=True)
    outcome = observe("interrupted commit", interrupted.result())
    overlapped(outcome != "success", "the commit")
    live.going_on().stop()  # Podman's outlives its service, and the interrupted commit has left it paused
    image = own_containers.process(own_containers.run(own_containers.commit(live)))
    lost = before.differences(image.manifest(), besides="mtime")
    observe("differences", "; ".join(lost) or f"none in {before}")
    assert lost == []


def everything(engine):
    """The ids of all images and containers of a daemon."""
    return {made.id for made in (*engine.client.images.list(), *engine.client.containers.list(all=True))}


@check("life/driver-switch-hides", source="Docker documentation, Select a storage driver")
@needs(LAYERS)
@needs(DRIVER_SWITCH)
def test_images_of_one_driver_are_hidden_from_another(lane_daemon, own_containers, driver, observe):
    """Images and containers of a driver are hidden under another one, and are all there when the first is back."""
    engine = lane_daemon.engine
    image = own_containers.image({"f": b"image"})
    before = own_containers.process(own_containers.run(image)).manifest()
    held = everything(engine)
    engine.restart(storage_driver=driver.another)
    hidden = len(everything(engine))
    engine.restart(storage_driver=driver.daemon_name)
    observe("images and containers under another driver", hidden)
    assert hidden == 0
    back = everything(engine)
    observe("images and containers when the first is back", f"{len(held & back)} of {len(held)}")
    assert back == held
    assert before.differences(own_containers.process(own_containers.run(image)).manifest()) == []
