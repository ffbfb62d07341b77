"""Each parser of other people's input refuses what is no such input, with its own refusal and nothing else."""

import random
from pathlib import Path

import pytest
from parsers import TARGETS

FOUND = sorted((Path(__file__).parent / "found").glob("*"))
TURNS = 150
SEED = 14
#: What parsers trip over: brackets without an end, numbers without a bound, text that is none, words of TOML and JSON.
BITS = (
    b"[" * 3000, b"{", b'"', b"\0", b"\xff\xfe", b"1e999", b"-1", b"NaN", b"9" * 400, b"\n", b"null", b"true", b"[[",
    b"a.b.c=", b"\na=" + b"[" * 3000, b"\na=" + b"{a=" * 3000,
)  # fmt: skip


def spoiled(seed, chance):
    """A seed with some bytes changed, removed, repeated, or replaced by a word."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randrange(len(data) + 1), chance.choice((1, 2, 8, 100))
        kind = chance.randrange(4)
        if kind == 0:
            data[at : at + length] = b""
        elif kind == 1:
            data[at : at + length] = chance.choice(BITS)
        elif kind == 2:
            data[at:at] = data[at : at + length]
        else:
            data[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_spoiled_is_refused(name):
    """Seeds are taken, and their changes are taken or refused; nothing else comes of them."""
    target, seeds = TARGETS[name]
    chance = random.Random(f"{SEED} {name}")
    known = seeds()
    assert known
    for seed in known:
        target(seed)
    for _ in range(TURNS):
        target(spoiled(chance.choice(known), chance))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("data", [b"", b"\0", b"[" * 100_000, b'{"a":' * 100_000, b"\xff" * 100], ids=range(5))
def test_what_is_nothing_at_all_is_refused(name, data):
    """Emptiness, brackets without an end and bytes that are no text are refused by each of them."""
    TARGETS[name][0](data)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_a_fuzzer_found_stays_mended(path):
    """An input that once broke a parser is refused."""
    TARGETS[path.name.partition("-")[0]][0](path.read_bytes())
