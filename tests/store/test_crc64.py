"""The checksum of tar-split's records, as Go computes it."""

import random

import pytest

from roadworthy.store import crc64
from roadworthy.store.crc64 import BLOCK, ONES, ROW, TABLE, Crc64


def one_by_one(data):
    """The definition, a byte at a time."""
    register = ONES
    for byte in data:
        register = TABLE[(register ^ byte) & 0xFF] ^ register >> 8
    return (register ^ ONES).to_bytes(8, "big")


def digest(*pieces):
    state = Crc64()
    for piece in pieces:
        state.update(piece)
    return state.digest()


def test_the_check_value():
    """That of CRC-64/GO-ISO in the catalogue of parametrised CRC algorithms."""
    assert digest(b"123456789").hex() == "b90956c775a41001"


@pytest.mark.parametrize("size", [0, 1, ROW - 1, ROW, ROW + 1, 7 * ROW + 3, 200_000])
def test_rows_side_by_side_are_bytes_one_by_one(size):
    data = random.Random(size).randbytes(size)
    assert digest(data) == one_by_one(data)


def test_pieces_are_the_whole():
    data = random.Random(1).randbytes(BLOCK + 5000)
    assert digest(data) == digest(data[:1], data[1:3000], data[3000:]) == digest(data[:BLOCK], data[BLOCK:])


def test_without_numpy_it_is_the_same_sum(monkeypatch):
    """Who verifies a store need not install what benchmarks need."""
    data = random.Random(2).randbytes(5 * ROW + 7)
    with_numpy = digest(data)
    monkeypatch.setattr(crc64, "side_by_side", lambda: False)
    assert digest(data) == with_numpy == one_by_one(data)
