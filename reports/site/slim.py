"""A bundle without what few pages show: its transcripts and kernel messages, which are read again where one does."""

from __future__ import annotations

import dataclasses
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
    values = _Packed(*(getattr(bundle, name) for name in _Packed.__struct_fields__))
    try:
        encoded = msgspec.msgpack.encode(values)
    except OverflowError:  # a fact of 65 bits and more, which no counter has
        encoded = msgspec.msgpack.encode(_fitting(values))
    return zlib.compress(encoded, 1), zlib.compress(array("Q", bundle.places).tobytes(), 1)


def _fitting(value: Any) -> Any:
    """A value whose whole numbers fit into 64 bits; those that do not are the last that does."""
    if type(value) is int:
        return max(-(1 << 63), min(value, (1 << 64) - 1))
    if isinstance(value, dict):
        return {_fitting(key): _fitting(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_fitting, value))
    if isinstance(value, msgspec.Struct):
        return type(value)(**{name: _fitting(getattr(value, name)) for name in value.__struct_fields__})
    return value


def unpacked(values: bytes, places: bytes) -> Bundle:
    """The slim bundle that was packed."""
    found = _DECODER.decode(zlib.decompress(values))
    every: dict[str, Any] = {name: getattr(found, name) for name in _Packed.__struct_fields__}
    numbers = array("Q")
    numbers.frombytes(zlib.decompress(places))
    return Bundle(**every, places=tuple(numbers))
