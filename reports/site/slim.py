"""A bundle without what few pages show: its transcripts and kernel messages, which are read again where one does."""

from __future__ import annotations

import dataclasses
import json
import zlib
from array import array
from typing import Any, get_type_hints

import msgspec

from roadworthy.reports.bundle import Bundle
from roadworthy.reports.records import Result

#: A bundle as a list of its values, but for the places of its results, which are packed apart.
_TYPES = get_type_hints(Bundle)
_NAMES = [field.name for field in dataclasses.fields(Bundle) if field.name != "places"]
_Packed = msgspec.defstruct("_Packed", [(name, _TYPES[name]) for name in _NAMES], frozen=True, array_like=True)
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
    value = _Packed(*(getattr(bundle, name) for name in _NAMES))
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
    every: dict[str, Any] = {name: getattr(found, name) for name in _NAMES}
    numbers = array("Q")
    numbers.frombytes(zlib.decompress(places))
    return Bundle(**every, places=tuple(numbers))
