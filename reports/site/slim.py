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
    values = (getattr(bundle, name) for name in _Packed.__struct_fields__)
    places = array("Q", bundle.places)
    return zlib.compress(msgspec.msgpack.encode(_Packed(*values)), 1), zlib.compress(places.tobytes(), 1)


def unpacked(values: bytes, places: bytes) -> Bundle:
    """The slim bundle that was packed."""
    found = _DECODER.decode(zlib.decompress(values))
    every: dict[str, Any] = {name: getattr(found, name) for name in _Packed.__struct_fields__}
    numbers = array("Q")
    numbers.frombytes(zlib.decompress(places))
    return Bundle(**every, places=tuple(numbers))
