"""What an answer amounts to: a value, a refusal, a death, or trouble that is not the driver's."""

import errno
import os

import pytest

from roadworthy.calls.answers import HOST_TROUBLE, Died, HostTrouble, Refused, judged
from roadworthy.calls.exchange import AgentFault, Answer
from roadworthy.linux import open_flags


def test_a_value_is_shown_as_it_is():
    """A value is no outcome to raise."""
    assert judged("read(3, 1)", Answer(b"x")) == ("b'x'", None)


def test_a_refusal_is_a_broken_promise():
    """An errno is a refusal by its name, also one that Python does not name."""
    said, outcome = judged("rename('a', 'b')", Answer(errno=errno.EXDEV))
    assert said == "EXDEV"
    assert isinstance(outcome, Refused)
    assert isinstance(outcome, AssertionError)
    assert judged("x()", Answer(errno=524))[0] == "errno 524"


@pytest.mark.parametrize("number", sorted(HOST_TROUBLE), ids=lambda number: errno.errorcode[number])
def test_a_full_host_is_not_the_drivers_fault(number):
    """Want of space, memory or descriptors says nothing about the driver."""
    said, outcome = judged("write(3, b'x')", Answer(errno=number))
    assert isinstance(outcome, HostTrouble)
    assert not isinstance(outcome, AssertionError)
    assert said == errno.errorcode[number]
    assert str(outcome.__cause__) == said


@pytest.mark.parametrize(
    ("died", "kind"), [(-7, Died), (-11, Died), (-9, AgentFault), (0, AgentFault), (70, AgentFault)]
)
def test_a_death_is_the_calls_only_where_a_call_can_cause_it(died, kind):
    """SIGBUS and SIGSEGV are the call's; SIGKILL and leaving are not."""
    assert type(judged("load(1 bytes)", Answer(died=died))[1]) is kind


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (os.O_RDONLY, "O_RDONLY"),
        (os.O_WRONLY | os.O_CREAT | os.O_EXCL, "O_WRONLY|O_CREAT|O_EXCL"),
        (os.O_RDWR | os.O_SYNC, "O_RDWR|O_SYNC"),
        (os.O_RDWR | os.O_TMPFILE, "O_RDWR|O_TMPFILE"),
        (os.O_RDONLY | os.O_DIRECTORY, "O_RDONLY|O_DIRECTORY"),
        (os.O_RDONLY | 0o4000000000, "O_RDONLY|04000000000"),
    ],
)
def test_flags_are_shown_by_name(flags, text):
    """open(2)'s flags are written as in C, and unknown bits in octal."""
    assert open_flags(flags) == text
