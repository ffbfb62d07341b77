"""The controller's end of the conversation, against a scripted agent that dies, floods, lies and dawdles."""

import json
import os
import struct

import pytest

from roadworthy.calls.exchange import LIMIT, AgentFault, CallHung, Exchange

NONCE = "feedfacefeedface"


def framed(message):
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body


def answer(number, process=1, nonce=NONCE, **said):
    return framed({"n": nonce, "i": number, "p": process, **said})


class FakePipe:
    """A scripted agent: each send is answered by the next of `script`, bytes or a row of pieces, without a process."""

    def __init__(self, *script, said=""):
        self.reader, self.writer = os.pipe()  # readable while output waits, as select(2) sees it
        self.script = list(script)
        self.said = said
        self.sent = []
        self.waiting = []
        self.ended = False

    def fileno(self):
        return self.reader

    def send(self, data):
        if self.ended:
            raise BrokenPipeError(32, "Broken pipe")
        (length,) = struct.unpack(">I", data[:4])
        self.sent.append(json.loads(data[4 : 4 + length]))
        if self.script:
            said = self.script.pop(0)
            self.say(*([said] if isinstance(said, bytes) else said))

    def say(self, *pieces):
        """Let these pieces arrive, one a read; an empty one is the end of the stream."""
        self.waiting += pieces
        os.write(self.writer, b"." * len(pieces))

    def receive(self):
        os.read(self.reader, 1)
        piece = self.waiting.pop(0)
        if not piece:
            self.ended = True
            os.write(self.writer, b".")
            self.waiting.append(b"")
        return piece

    def complaints(self):
        return self.said

    def close(self):
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def talk():
    """An exchange with a scripted agent."""
    made = []

    def talk(*script, said=""):
        made.append(Exchange(FakePipe(*script, said=said), NONCE))
        return made[-1]

    yield talk
    for exchange in made:
        exchange.close()


def ask(exchange, process=1, seconds=5.0):
    return exchange.wait(exchange.request(process, "getpid"), seconds, "getpid()")


def test_a_request_carries_nonce_number_process_call_and_arguments(talk):
    """A request has all that the agent needs, and bytes travel as base64."""
    exchange = talk()
    exchange.request(3, "write", 5, b"\0\xff")
    assert exchange.pipe.sent == [{"n": NONCE, "i": 1, "p": 3, "c": "write", "a": [5, {"b": "AP8="}]}]


def test_an_answer_is_a_value_or_an_errno(talk):
    """What came back is the value, bytes decoded, or the errno."""
    exchange = talk(answer(1, r={"b": "AP8="}), answer(2, e=18))
    assert ask(exchange).value == b"\0\xff"
    assert ask(exchange).errno == 18


def test_answers_may_come_in_pieces_and_together(talk):
    """Frames are found wherever the stream is cut."""
    both = answer(1, r="first") + answer(2, r="second")
    exchange = talk((), [both[n : n + 1] for n in range(len(both))])
    first, second = exchange.request(1, "getpid"), exchange.request(1, "getpid")
    assert exchange.wait(first, 5, "first").value == "first"
    assert exchange.wait(second, 5, "second").value == "second"


def test_answers_of_two_processes_may_overtake_each_other(talk):
    """Each answer goes to its request, in whatever order they arrive."""
    exchange = talk((), answer(2, process=2, r="quick") + answer(1, process=1, r="slow"))
    slow, quick = exchange.request(1, "read"), exchange.request(2, "write")
    assert exchange.wait(slow, 5, "slow").value == "slow"
    assert exchange.wait(quick, 5, "quick").value == "quick"


def test_a_process_that_died_answers_with_its_end(talk):
    """The call that killed a process is answered with the wait status."""
    exchange = talk(framed({"n": NONCE, "p": 1, "d": -7}))
    assert ask(exchange).died == -7


def test_a_dead_process_cannot_be_asked(talk):
    """A request to a dead process is a fault, and is not sent."""
    exchange = talk(framed({"n": NONCE, "p": 1, "d": -7}))
    ask(exchange)
    with pytest.raises(AgentFault, match="process 1 is dead"):
        ask(exchange)
    assert len(exchange.pipe.sent) == 1


def test_one_death_leaves_other_processes_alone(talk):
    """A second process goes on answering when the first has died."""
    exchange = talk(framed({"n": NONCE, "p": 1, "d": -9}), answer(2, process=2, r=7))
    ask(exchange, process=1)
    assert ask(exchange, process=2).value == 7


def test_F17_an_agent_that_dies_is_a_fault_with_its_last_words(talk):
    """The end of the agent's output is a fault that carries what it wrote to its standard error."""
    with pytest.raises(AgentFault, match="the agent died; it said: Traceback: no memory"):
        ask(talk(b"", said="Traceback: no memory\n"))


def test_an_agent_that_dies_within_a_frame_is_a_fault(talk):
    """Half an answer is no answer."""
    with pytest.raises(AgentFault, match="the agent died"):
        ask(talk([answer(1, r=1)[:-3], b""]))


def test_a_dead_agent_stays_dead(talk):
    """After a fault every further request says the same, and ending a process says nothing."""
    exchange = talk(b"", said="gone")
    for _ in range(2):
        with pytest.raises(AgentFault, match="the agent died; it said: gone"):
            ask(exchange)
    exchange.end(1)


def test_letting_go_of_a_process_of_a_closed_exchange_is_quiet(talk):
    """A process can be let go although nobody is left to be told: the teardown of a hung check is no second error."""
    exchange = talk()
    exchange.pipe.ended = True
    exchange.end(1)


def test_F16_complaints_cannot_drive_a_terminal(talk):
    """Control characters in an agent's last words are shown, not passed on."""
    with pytest.raises(AgentFault) as fault:
        ask(talk(b"", said="\x1b[2J\x07tricked\x9b"))
    assert "tricked" in str(fault.value)
    assert not set("\x1b\x07\x9b") & set(str(fault.value))


@pytest.mark.parametrize("length", [1 << 30, LIMIT + 1, 0xFFFFFFFF])
def test_F15_a_frame_over_the_limit_is_refused_by_its_header(talk, length):
    """An announced gigabyte is refused before a byte of it is kept."""
    with pytest.raises(AgentFault, match=f"announced a frame of {length} bytes"):
        ask(talk(struct.pack(">I", length)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"n": ' + b"9" * 100_000 + b"}",
        b'{"b": "***="}',
    ],
    ids=["empty", "words", "not utf-8", "deep list", "deep object", "long number", "bad base64"],
)
def test_garbage_is_a_fault(talk, body):
    """A frame that is not a JSON object of ours is a fault, however it is made."""
    with pytest.raises(AgentFault, match=r"not JSON|without this run's nonce"):
        ask(talk(framed(body)))


@pytest.mark.parametrize(
    "message",
    [
        [],
        "text",
        None,
        5,
        {},
        {"i": 1, "p": 1, "r": 1},
        {"n": "wrong", "i": 1, "p": 1, "r": 1},
        {"n": None},
        {"b": "AA=="},
    ],
    ids=["list", "text", "null", "number", "empty", "no nonce", "wrong nonce", "null nonce", "bytes"],
)
def test_F16_output_without_the_nonce_cannot_answer(talk, message):
    """A frame that does not carry this run's nonce cannot forge an answer."""
    with pytest.raises(AgentFault, match="without this run's nonce"):
        ask(talk(framed(message)))


@pytest.mark.parametrize(
    ("number", "process"),
    [(2, 1), (0, 1), (-1, 1), ("1", 1), (None, 1), ([], 1), (1, 2), (1, None), (1, "1"), (1.0, 1)],
    ids=lambda value: repr(value),
)
def test_an_answer_to_what_was_not_asked_is_a_fault(talk, number, process):
    """A wrong request number or a wrong process is a fault."""
    with pytest.raises(AgentFault, match="which was not asked"):
        ask(talk(answer(number, process, r=1)))


def test_a_second_answer_is_a_fault(talk):
    """A request is answered once."""
    exchange = talk((), answer(1, r=1) + answer(1, r=2))
    exchange.request(1, "getpid")
    with pytest.raises(AgentFault, match="answered request 1"):
        ask(exchange)


def test_an_errno_is_a_number(talk):
    """An errno of another kind is a fault."""
    with pytest.raises(AgentFault, match="with errno 'EXDEV'"):
        ask(talk(answer(1, e="EXDEV")))


def test_an_agent_that_fails_by_itself_is_a_fault_of_that_request(talk):
    """The agent's own failure is a fault with its text, and the exchange goes on."""
    exchange = talk(answer(1, x="TypeError: no"), answer(2, r=5))
    with pytest.raises(AgentFault, match="the agent failed in request 1: TypeError: no"):
        ask(exchange)
    assert ask(exchange).value == 5


def test_a_failure_is_told_to_whoever_asked(talk):
    """The agent's failure in one request is not taken for the answer to another."""
    exchange = talk((), answer(1, process=1, x="KeyError: 'c'") + answer(2, process=2, r=5))
    first, second = exchange.request(1, "nonsense"), exchange.request(2, "getpid")
    assert exchange.wait(second, 5, "second").value == 5
    with pytest.raises(AgentFault, match="KeyError"):
        exchange.wait(first, 5, "first")


def test_no_answer_is_a_hang(talk):
    """A call without an answer by its deadline hangs, and is named."""
    with pytest.raises(CallHung, match=r"getpid\(\) did not return within 0.01 s"):
        ask(talk(), seconds=0.01)


def test_a_late_answer_is_kept_for_its_request(talk):
    """An answer that comes after the deadline does not confuse the next request, and can still be fetched."""
    exchange = talk((), answer(1, r="late") + answer(2, r="prompt"))
    late = exchange.request(1, "read")
    with pytest.raises(CallHung):
        exchange.wait(late, 0.01, "read()")
    assert ask(exchange).value == "prompt"
    assert exchange.wait(late, 0, "read()").value == "late"


def test_chatter_does_not_put_off_the_deadline(talk):
    """An agent that keeps sending notices and never the answer hangs all the same."""
    exchange = talk([framed({"n": NONCE, "p": 99, "d": 0})] * 1000)
    with pytest.raises(CallHung):
        ask(exchange, seconds=0)
    assert exchange.pipe.waiting


class MutteringPipe(FakePipe):
    """A scripted agent that only ever writes to its standard error."""

    def receive(self):
        raise BlockingIOError


def test_muttering_does_not_put_off_the_deadline():
    """An agent that only writes to its standard error hangs by its deadline."""
    exchange = Exchange(MutteringPipe(b"anything"), NONCE)
    with pytest.raises(CallHung):
        ask(exchange, seconds=0.01)
    exchange.close()


def test_output_that_cannot_be_read_is_a_fault(talk):
    """A connection that breaks is a fault."""
    exchange = talk(b"x")

    def broken():
        raise ConnectionResetError(104, "Connection reset by peer")

    exchange.pipe.receive = broken
    with pytest.raises(AgentFault, match=r"cannot be read .*reset"):
        ask(exchange)


def test_input_that_cannot_be_written_is_a_fault(talk):
    """A request to a closed connection is a fault."""
    exchange = talk()
    exchange.pipe.ended = True
    with pytest.raises(AgentFault, match="input is closed"):
        ask(exchange)


def test_a_request_over_the_limit_is_not_sent(talk):
    """A request that the agent would refuse is refused here."""
    exchange = talk()
    with pytest.raises(AgentFault, match="over the limit"):
        exchange.request(1, "write", 1, bytes(LIMIT))
    assert not exchange.pipe.sent


def test_what_has_no_form_is_not_sent(talk):
    """An argument that is neither JSON nor bytes is an error of the check."""
    with pytest.raises(TypeError, match="set cannot travel"):
        talk().request(1, "write", {1})


def test_a_process_is_made_with_its_directory(talk):
    """Processes are numbered from one, and each is told its directory."""
    exchange = talk()
    assert [exchange.spawn("/a"), exchange.spawn("/b")] == [1, 2]
    assert [message["a"] for message in exchange.pipe.sent] == [["/a"], ["/b"]]
