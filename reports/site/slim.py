"""A bundle without what few pages show: its transcripts and kernel messages, which are read again where one does."""

from __future__ import annotations

import dataclasses
import json
import zlib
from array import array
from datetime import datetime
from typing import Any

import msgspec

from roadworthy.reports.bundle import Bundle
from roadworthy.reports.records import Benchmark, Count, End, LaneRecord, Plan, Result, Trend


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    file: str
    plan: Plan
    started: datetime
    lanes: tuple[LaneRecord, ...]
    results: tuple[Result, ...]
    benchmarks: tuple[Benchmark, ...]
    end: End | None
    troubles: tuple[str, ...]
    trends: tuple[Trend, ...]
    counts: tuple[Count, ...]


#: How a packed bundle begins, by its encoding.
_COMPACT, _LONG = b"m", b"j"
_DECODER = msgspec.msgpack.Decoder(_Packed)


def slim(bundle: Bundle) -> Bundle:
    """The bundle without transcripts and kernel messages; the calls that are gone count as omitted."""
    return dataclasses.replace(bundle, results=tuple(map(_slim, bundle.results)))


def _slim(result: Result) -> Result:
    if not result.transcript and not result.kernel_log:
        return result
    omitted = result.omitted_calls + len(result.transcript)
    return msgspec.structs.replace(result, transcript=[], kernel_log=[], omitted_calls=omitted)


def packed(bundle: Bundle) -> tuple[bytes, bytes]:
    """A slim bundle for the index, and the places of its results."""
    value = _Packed(*(getattr(bundle, name) for name in _Packed.__struct_fields__))
    try:
        encoded = _COMPACT + msgspec.msgpack.encode(value)
    except OverflowError:  # an integer of more than 64 bits, which a bundle may hold
        encoded = _LONG + json.dumps(msgspec.to_builtins(value)).encode()
    return zlib.compress(encoded, 1), zlib.compress(array("Q", bundle.places).tobytes(), 1)


def unpacked(values: bytes, places: bytes) -> Bundle:
    """The slim bundle that was packed."""
    encoded = zlib.decompress(values)
    if encoded.startswith(_COMPACT):
        found = _DECODER.decode(memoryview(encoded)[1:])
    else:
        found = msgspec.convert(json.loads(encoded[1:]), type=_Packed)
    every: dict[str, Any] = {name: getattr(found, name) for name in _Packed.__struct_fields__}
    numbers = array("Q")
    numbers.frombytes(zlib.decompress(places))
    return Bundle(**every, places=tuple(numbers))
