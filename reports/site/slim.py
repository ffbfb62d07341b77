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
    """The bundle without transcripts and kernel messages."""
    results = tuple(
        msgspec.structs.replace(result, transcript=[], kernel_log=[]) if result.transcript or result.kernel_log
        else result for result in bundle.results
    )  # fmt: skip
    return dataclasses.replace(bundle, results=results)


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
