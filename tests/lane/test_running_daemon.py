"""Addresses of daemons that run already, and what is said of those that cannot be asked."""

import dataclasses
import os
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.engine_name import EngineName, names_daemon
from roadworthy.lane import lanes, running_daemon
from roadworthy.lane.lanes import LaneError, combinations_named, expand, refuse_others
from roadworthy.lane.running_daemon import DaemonRefused, RunningDaemon, driver_of

SNAPSHOTS = [["driver-type", "io.containerd.snapshotter.v1"]]


@pytest.fixture(autouse=True)
def nothing_is_remembered():
    running_daemon.running_daemon.cache_clear()


@contextmanager
def listening(path, answer):
    """A socket on which somebody gives one answer to whatever is said."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(OSError):  # whoever only looks who listens hangs up
                    connection.recv(4096)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("word", ["unix:///run/docker.sock", "mine=unix:///s", "env", "ssh://host", "tcp://host:2376"])
def test_an_address_is_told_from_a_path(word):
    assert names_daemon(word)
    assert not any(map(names_daemon, ("host", "docker-28.5", "/opt/engine", "mine=/opt/engine")))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("ssh://me@host", "only a socket of this machine is asked"),
        ("tcp://host:2376", "only a socket of this machine is asked"),
        ("unix:///none/docker.sock", "no socket /none/docker.sock: No such file"),
        ("unix://docker.sock", "has no absolute path"),
        ("unix:///dev/null", "/dev/null is not a socket"),
    ],
)
def test_an_address_of_no_daemon_here_says_what_was_expected(word, said):
    with pytest.raises(DaemonRefused, match=said):
        running_daemon.running_daemon(word)
    with pytest.raises(LaneError, match=rf"^--engine: .*{said}"):
        combinations_named([word], [], EngineName("docker", "20.10"), "linux6.1")


def test_a_socket_that_nobody_answers_on(tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
    with pytest.raises(DaemonRefused, match=r"nobody answers on .*Connection refused; is dockerd running"):
        running_daemon.running_daemon(f"unix://{path}")


#: A TLS alert, as a server with TLS answers to plain words.
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x46", "a socket that asks for TLS does not answer in plain words"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", "does not answer as dockerd or Podman does"),
        (b"", "does not answer as dockerd or Podman does"),
    ],
)
def test_a_socket_of_something_else(tmp_path, answer, said):
    with listening(tmp_path / "s", answer) as url, pytest.raises(DaemonRefused, match=said):
        running_daemon.running_daemon(url)


def test_a_socket_of_another_user(tmp_path, without_root):
    """Whoever may not write to it is told whose it is."""
    for place in (tmp_path, *tmp_path.parents[:2]):
        place.chmod(0o755)
    with listening(tmp_path / "s", b"") as url:
        (tmp_path / "s").chmod(0o600)
        asked = f"from roadworthy.lane.running_daemon import running_daemon\nrunning_daemon({url!r})"
        words = [*without_root, sys.executable, "-B", "-c", asked]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if os.geteuid() == 0:
        assert "belongs to another user (id 0): run this as root" in done.stderr


def test_the_environment_is_asked_only_if_it_is_named(monkeypatch):
    """Without the variable, the word means nothing."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    with pytest.raises(DaemonRefused, match="takes the daemon from DOCKER_HOST, which is not set"):
        running_daemon.running_daemon("env")
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    running_daemon.running_daemon.cache_clear()
    with pytest.raises(DaemonRefused, match=r"tcp://10\.0\.0\.1:2375: only a socket"):
        running_daemon.running_daemon("env")


@pytest.mark.parametrize(
    ("kind", "driver", "status", "name"),
    [
        ("docker", "overlay2", [], "overlay2"),
        ("docker", "overlayfs", SNAPSHOTS, "containerd:overlayfs"),
        ("docker", "btrfs", [], "btrfs"),
        ("docker", "btrfs", SNAPSHOTS, "containerd:btrfs"),
        ("docker", "vfs", [], "vfs"),
        ("podman", "overlay", [], "podman:overlay"),
    ],
)
def test_what_a_daemon_runs_is_a_driver_of_the_suite(kind, driver, status, name):
    """A snapshotter of the image store is told from a graph driver of its name."""
    assert driver_of(kind, {"Driver": driver, "DriverStatus": status}, "s").name == name


def test_a_driver_without_a_file_is_named():
    with pytest.raises(DaemonRefused, match="runs nydus of containerd's image store, which the suite has no file for"):
        driver_of("docker", {"Driver": "nydus", "DriverStatus": SNAPSHOTS}, "s")


# --- its lanes


@pytest.fixture
def daemon(monkeypatch):
    """A daemon with overlay2 on ext4, on which two containers of others run."""
    found = RunningDaemon("unix:///s", 1, EngineName("docker", "28.5"), DRIVERS["overlay2"], "ext4", "linux6.1",
                          ("busy", "web"))  # fmt: skip
    monkeypatch.setattr(lanes, "running_daemon", lambda word: found)
    return found


def columns(*drivers, backing=(), options=(), kernels=()):
    combinations = combinations_named(["unix:///s"], kernels, EngineName("docker", "20.10"), "linux6.1")
    return expand(drivers, backing, options, combinations)


def test_without_a_driver_it_is_asked_for_what_it_runs(daemon):
    """The reference is a volume of it."""
    (lane,) = columns()
    assert lane.id == "overlay2-ext4-docker28.5-linux6.1"
    assert lane.attached
    assert [one.id for one in columns("overlay2,native")] == [lane.id, "native-ext4-docker28.5-linux6.1"]
    assert lane.record().words[2] == "--engine=PATH"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"drivers": ["vfs"]}, "the daemon at unix:///s runs overlay2, and not vfs; without --driver"),
        ({"backing": ["xfs"]}, "--backing=xfs would change the daemon"),
        ({"options": ["overlay2.size=1G"]}, "--driver-opt=overlay2.size=1G would change the daemon"),
        ({"kernels": ["6.1"]}, "a daemon on the kernel that runs; leave out --kernel"),
    ],
)
def test_what_would_be_another_daemon_is_refused(daemon, asked, said):
    with pytest.raises(LaneError, match=said):
        columns(*asked.pop("drivers", []), **asked)


def test_it_stands_beside_an_engine_of_ours(daemon):
    """Both are asked, the daemon that runs first."""
    both = combinations_named(["unix:///s", "host"], [], EngineName("docker", "20.10"), "linux6.1")
    assert [(one.id, one.attached) for one in expand(["overlay2"], [], [], both)] == [
        ("overlay2-ext4-docker28.5-linux6.1", True), ("overlay2-ext4-docker20.10-linux6.1", False),
    ]  # fmt: skip


@pytest.mark.parametrize(("number", "named"), [(3, "(c0, c1, c2) run"), (4, "(c0, c1, c2, …) run")])
def test_three_of_the_others_are_named(daemon, monkeypatch, number, named):
    found = dataclasses.replace(daemon, others=tuple(f"c{at}" for at in range(number)))
    monkeypatch.setattr(lanes, "running_daemon", lambda word: found)
    with pytest.raises(LaneError, match=re.escape(f"{number} containers of others {named}")):
        refuse_others(columns())


def test_others_are_named_before_they_have_to_share(daemon):
    with pytest.raises(LaneError, match=r"2 containers of others \(busy, web\) run on .*--among-others asks"):
        refuse_others(columns())
