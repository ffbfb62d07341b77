"""Calls of a transcript become values again, or the reason is said why they cannot."""

import pytest

from roadworthy.reports.records import Call
from roadworthy.repro.calls import Made, NoScript, Word, made, parsed


def one(call, answer="None"):
    return parsed(Call("A", call, answer))


@pytest.mark.parametrize(
    ("call", "name", "arguments"),
    [
        ("open('f', O_RDWR|O_CREAT)", "open", ("f", Word("O_RDWR|O_CREAT"))),
        ("mkdir('d', 0755)", "mkdir", ("d", 0o755)),
        ("chmod('0644', 0600)", "chmod", ("0644", 0o600)),
        ("mknod('null', 020666, 0x103)", "mknod", ("null", 0o20666, 0x103)),
        ("pread(3, 4, 0)", "pread", (3, 4, 0)),
        ("store('f', b'\\x00it\\'s', 420)", "store", ("f", b"\x00it's", 420)),
        ("store(b'new')", "poke", (b"new",)),
        ("load('f')", "load", ("f",)),
        ("load(3 bytes)", "peek", (3,)),
        ("chown('f', -1, 1000)", "chown", ("f", -1, 1000)),
        ("renameat2('a', 'b', RENAME_EXCHANGE)", "renameat2", ("a", "b", Word("RENAME_EXCHANGE"))),
    ],
)
def test_a_call_is_read(call, name, arguments):
    """Flags stay words, modes are octal outside of texts, and a store to memory is told from one to a file."""
    assert one(call) == Made("A", name, arguments, "None")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("write(3, b'aa …271 more… bb')", "cut short"),
        ("execve(/toolbox/bin/sleep 5)", "its call execve cannot be read"),
        ("__import__('os').system('id')", "cannot be read"),
        ("open('f', os.O_RDONLY)", "cannot be read"),
        ("12 calls in a row", "cannot be read"),
    ],
)
def test_what_is_no_whole_call_is_refused(call, said):
    """Nothing is guessed, and nothing of a bundle is evaluated."""
    with pytest.raises(NoScript, match=said):
        one(call)


def test_a_transcript_that_is_not_whole_is_refused():
    with pytest.raises(NoScript, match="not whole"):
        made([Call("A", "close(3)", "None")], omitted=7)


def test_a_descriptor_is_a_number():
    """An answer that is one names a descriptor in later calls; an errno does not."""
    assert (one("open('f', O_RDONLY)", "3").number, one("open('f', O_RDONLY)", "ENOENT").number) == (3, None)
