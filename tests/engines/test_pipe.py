"""The stream of `docker exec`: multiplexed output over a socket."""

import socket
import struct
from types import SimpleNamespace

import pytest

from roadworthy.engines.pipe import COMPLAINTS_KEPT, ExecPipe

OUT, ERR = 1, 2


def chunk(stream, data):
    return struct.pack(">BxxxI", stream, len(data)) + data


class FakeHijacked:
    """What the Docker SDK hands out: an object that holds the socket of the connection."""

    def __init__(self, held):
        self._sock = held
        self.closed = False

    def close(self):
        self.closed = True


@pytest.fixture
def ends():
    """A pipe, and the engine's end of its connection."""
    ours, theirs = socket.socketpair()
    pipe = ExecPipe(FakeHijacked(ours))
    yield pipe, theirs
    theirs.close()
    ours.close()


def received(pipe, count):
    """`count` bytes of output, however many reads they take."""
    data = b""
    while len(data) < count:
        try:
            data += pipe.receive()
        except BlockingIOError:
            continue
    return data


def test_output_arrives_without_its_headers(ends):
    """Several chunks in one read are one piece of output."""
    pipe, engine = ends
    engine.sendall(chunk(OUT, b"one ") + chunk(OUT, b"two"))
    assert pipe.receive() == b"one two"


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_chunk_may_be_cut_anywhere(ends, cut):
    """A header or a chunk that arrives in two reads is put together."""
    pipe, engine = ends
    whole = chunk(OUT, b"data")
    engine.sendall(whole[:cut])
    with pytest.raises(BlockingIOError):
        pipe.receive()
    engine.sendall(whole[cut:])
    assert pipe.receive() == b"data"


def test_standard_error_is_kept_apart(ends):
    """What the agent complains of is not output, and is not lost."""
    pipe, engine = ends
    engine.sendall(chunk(ERR, b"warn") + chunk(OUT, b"data") + chunk(ERR, b"ing"))
    assert pipe.receive() == b"data"
    assert pipe.complaints() == "warning"


def test_standard_error_alone_is_no_output_and_no_end(ends):
    """A read that brings only complaints comes back at once and says that there is no output yet."""
    pipe, engine = ends
    engine.sendall(chunk(ERR, b"still starting"))
    with pytest.raises(BlockingIOError):
        pipe.receive()
    assert pipe.complaints() == "still starting"


def test_F15_a_flood_of_complaints_is_cut_to_its_end(ends):
    """Of a flooded standard error the last part is kept."""
    pipe, engine = ends
    for _ in range(40):
        engine.sendall(chunk(ERR, b"x" * 8192))
        with pytest.raises(BlockingIOError):
            pipe.receive()
    engine.sendall(chunk(ERR, b"the end") + chunk(OUT, b"."))
    assert received(pipe, 1) == b"."
    assert len(pipe.complaints()) == COMPLAINTS_KEPT
    assert pipe.complaints().endswith("the end")


def test_complaints_that_are_not_text_are_shown(ends):
    """Bytes that are not UTF-8 do not raise."""
    pipe, engine = ends
    engine.sendall(chunk(ERR, b"\xff\xfe") + chunk(OUT, b"."))
    received(pipe, 1)
    assert pipe.complaints() == "\N{REPLACEMENT CHARACTER}" * 2


def test_a_chunk_over_the_limit_is_refused_by_its_header(ends):
    """An announced gigabyte is refused before it is collected."""
    pipe, engine = ends
    engine.sendall(struct.pack(">BxxxI", OUT, 1 << 30))
    with pytest.raises(OSError, match="1073741824 bytes"):
        pipe.receive()


def test_the_end_of_the_stream_is_empty(ends):
    """An engine that closes the connection ends the output."""
    pipe, engine = ends
    engine.close()
    assert pipe.receive() == b""


def test_input_goes_out_whole(ends):
    """What is sent arrives as it is."""
    pipe, engine = ends
    pipe.send(b"request")
    assert engine.recv(100) == b"request"


def test_closing_lets_go_of_the_connection(ends):
    """Closing closes the socket and the SDK's object."""
    pipe, _ = ends
    pipe.close()
    assert pipe.fileno() == -1
    assert pipe._holder.closed


def test_a_response_is_closed_before_its_connection(ends):
    """http.client flushes what it reads from; on a connection that is closed, Python 3.13 complains of that."""
    pipe, _ = ends
    seen = []
    pipe._holder._response = SimpleNamespace(close=lambda: seen.append(pipe.fileno()))
    pipe.close()
    assert seen[0] >= 0
    assert pipe._holder.closed
