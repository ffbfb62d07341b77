"""Both ends of the relay on this host's loopback: many connections, each direction ended apart."""

import socket
import stat
import subprocess
import sys
import threading

import pytest

from roadworthy.deadline import wait_until
from roadworthy.guests.parcel import RELAY


class Relays:
    """An inner and an outer relay, and a service behind them that the test drives."""

    def __init__(self, directory):
        self.service = socket.socket(socket.AF_UNIX)
        self.service.bind(str(directory / "service"))
        self.service.listen()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        self.entry = directory / "entry"
        self.missing = directory / "missing"
        words = [sys.executable, "-I", "-S", str(RELAY)]
        self.programs = [
            subprocess.Popen([*words, "inner", "127.0.0.1", port]),
            subprocess.Popen([*words, "outer", str(self.entry), "127.0.0.1", port, str(directory / "service")]),
            subprocess.Popen([*words, "outer", str(self.missing), "127.0.0.1", port, str(directory / "nowhere")]),
        ]
        wait_until(lambda: self.entry.exists() and self.missing.exists(), 20, "the relays to listen")
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", int(port))) == 0, 20, "the inner relay to listen")

    def connect(self, path=None):
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(20)
        made.connect(str(path or self.entry))
        return made

    def pair(self):
        """A client's socket, and the service's end of the same connection."""
        client = self.connect()
        served, _ = self.service.accept()
        served.settimeout(20)
        return client, served

    def close(self):
        for program in self.programs:
            program.kill()
            program.wait()
        self.service.close()


@pytest.fixture(scope="module")
def relays(tmp_path_factory):
    """Two relays in a row."""
    made = Relays(tmp_path_factory.mktemp("relay"))
    yield made
    made.close()


def whole(end):
    """Everything until the other side has ended its direction."""
    data = b""
    while piece := end.recv(1 << 16):
        data += piece
    return data


def test_both_directions_are_carried(relays):
    """What goes in comes out, either way."""
    client, served = relays.pair()
    with client, served:
        client.sendall(b"request")
        assert served.recv(100) == b"request"
        served.sendall(b"answer")
        assert client.recv(100) == b"answer"


def test_a_client_that_has_said_all_still_hears(relays):
    """`docker exec` ends its input first and then reads: the other direction stays open."""
    client, served = relays.pair()
    with client, served:
        client.sendall(b"input")
        client.shutdown(socket.SHUT_WR)
        assert whole(served) == b"input"
        served.sendall(b"late output")
        served.close()
        assert whole(client) == b"late output"


def test_a_service_that_has_said_all_still_hears(relays):
    """The same the other way round."""
    client, served = relays.pair()
    with client, served:
        served.sendall(b"output")
        served.shutdown(socket.SHUT_WR)
        assert whole(client) == b"output"
        client.sendall(b"late input")
        client.close()
        assert whole(served) == b"late input"


def test_connections_do_not_wait_for_each_other(relays):
    """A connection that is stuck holds up no other one."""
    stuck, idle = relays.pair()
    with stuck, idle:
        for turn in range(5):
            client, served = relays.pair()
            with client, served:
                client.sendall(b"%d" % turn)
                assert served.recv(10) == b"%d" % turn


def test_a_flood_arrives_whole(relays):
    """Megabytes both ways at once, in order."""
    client, served = relays.pair()
    up, down = bytes(range(256)) * 20_000, bytes(range(255, -1, -1)) * 20_000
    with client, served:
        threads = [threading.Thread(target=lambda end=end, data=data: (end.sendall(data), end.shutdown(socket.SHUT_WR)))
                   for end, data in ((client, up), (served, down))]  # fmt: skip
        for thread in threads:
            thread.start()
        received = []
        reader = threading.Thread(target=lambda: received.append(whole(served)))
        reader.start()
        assert whole(client) == down
        reader.join()
        assert received == [up]
        for thread in threads:
            thread.join()


def test_a_socket_that_is_not_there_ends_the_connection(relays):
    """Nothing listens inside: the client sees the end, not a hang."""
    with relays.connect(relays.missing) as client:
        assert client.recv(10) == b""


def test_nobody_else_may_connect(relays):
    """The socket is its user's only."""
    assert stat.S_IMODE(relays.entry.stat().st_mode) == 0o600
