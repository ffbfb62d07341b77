"""`roadworthy verify-store`: a mistake ends with status 4 and what was expected, damage with status 1."""

import json
import os
import socket

import pytest
from click.testing import CliRunner

from roadworthy.command import verify_store as command
from roadworthy.command.cli import main
from roadworthy.store.findings import Damage, ImageFound, LayerFound
from roadworthy.store.verify import StoreFound, named_layers

USAGE = 4
BASE, TOP, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64, "sha256:" + "c" * 64


def run(*words):
    done = CliRunner().invoke(main, ["verify-store", *(str(word) for word in words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture(autouse=True)
def as_root(monkeypatch):
    """What is asked here is answered before anything needs root."""
    monkeypatch.setattr(command.os, "geteuid", lambda: 0)


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("tcp://127.0.0.1:2375", "expected unix://PATH"),
        ("/var/run/docker.sock", "did you mean unix:///var/run/docker.sock?"),
        ("unix://docker.sock", "no absolute path"),
        ("unix:///nowhere/docker.sock", "No such file or directory"),
        ("unix:///proc/self/status", "not a socket"),
    ],
)
def test_a_wrong_host_is_answered_with_what_was_expected(host, said):
    done = run("--host", host)
    assert done.exit_code == USAGE
    assert said in done.output
    assert "Traceback" not in done.output


def test_a_socket_on_which_nobody_listens_is_a_mistake(tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as unused:
        unused.bind(str(path))
    done = run("--host", f"unix://{path}")
    assert done.exit_code == USAGE
    assert "is dockerd running?" in done.output


def test_who_is_not_root_is_told(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    done = run()
    assert done.exit_code == USAGE
    assert "needs root" in done.output


def store(*damaged, reason="", image_damages=()):
    """A store of two images that share a layer, and a layer of no image."""
    images = [
        ImageFound("sha256:" + "1" * 64, ("app:1", "app:2"), (BASE, TOP), image_damages),
        ImageFound("sha256:" + "2" * 64, (), (BASE,)),
    ]
    layers = [LayerFound(BASE, BASE, "overlay2/x/diff", damages=list(damaged), reason=reason),
              LayerFound(TOP, TOP, "overlay2/y/diff"), LayerFound(OTHER, OTHER, "overlay2/z/diff")]  # fmt: skip
    return StoreFound("overlay2", "/var/lib/docker", tuple(images), named_layers(layers, images))


@pytest.fixture
def finds(monkeypatch):
    """Make the command find this."""

    def finds(found):
        monkeypatch.setattr(command, "daemon_at", lambda host: None)
        monkeypatch.setattr(command, "verified", lambda daemon, progress: found)

    return finds


def test_a_whole_store_is_a_line_for_each_image(finds):
    finds(store())
    done = run()
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "whole       app:1, app:2  111111111111  2 layers",
        "whole       no name  222222222222  1 layer",
        "whole       a layer of no image  cccccccccccc",
        "2 images, 3 layers of overlay2: all whole",
    ]


def test_damage_is_named_once_with_its_path_and_kind(finds):
    """A name that would repaint the terminal or end the line does neither."""
    finds(store(Damage("etc/a\n\x1b[2Jb\udcff", "cut short", "1 bytes, expected 2")))
    done = run()
    assert done.exit_code == 1
    assert done.output.count("cut short") == 1
    assert "    /etc/a␊b⟨U+DCFF⟩: cut short: 1 bytes, expected 2" in done.output.splitlines()
    assert "  layer 1 of 1, overlay2/x/diff: damaged, see above" in done.output.splitlines()
    assert done.output.endswith("3 layers of overlay2: 1 damage in 1 layer\n")


def test_what_was_not_compared_is_not_called_whole(finds):
    finds(store(reason="its blob is gone"))
    done = run()
    assert done.exit_code == 3
    assert "  layer 1 of 2, overlay2/x/diff: not verified: its blob is gone" in done.output.splitlines()
    assert done.output.splitlines()[0].startswith("unverified")
    assert done.output.endswith("1 layer not verified\n")


def test_a_lost_record_of_an_image_is_damage(finds):
    finds(store(image_damages=(Damage("image/overlay2/imagedb/content/x", "record", "it is empty"),)))
    done = run("--json")
    assert done.exit_code == 1
    said = json.loads(done.output)
    assert said["verdict"] == said["images"][0]["verdict"] == "damaged"
    assert said["layers"][0]["images"] == ["app:1", "222222222222"]
    assert said["layers"][0]["verdict"] == "whole"


def test_a_daemon_that_goes_away_is_no_damage(monkeypatch):
    """1 is for damage only."""

    def gone(host):
        raise ConnectionError("the daemon has ended")

    monkeypatch.setattr(command, "daemon_at", gone)
    done = run()
    assert done.exit_code == 3
    assert "did not come to its end: the daemon has ended" in done.output
