"""A file that is overwritten in small pieces, and the model of what it has to hold."""

from __future__ import annotations

from binascii import crc32

from roadworthy.calls.agent import overwrites
from roadworthy.calls.process import Process

PAGE = 4096
#: Bytes of a file that are read at once, to find what differs.
READ_AT_ONCE = 4 << 20
#: Seconds that may be needed for a mebibyte of a file, or for a thousand overwrites, on a slow machine.
SLOWEST = 4.0


class Overwritten:
    """A file of a container, of which every byte is known.

    Processes say what the file holds; they may be of a container that came later, as long as it has the file.
    """

    def __init__(self, path: str, content: bytes) -> None:
        self.path = path
        self._model = bytearray(content)
        #: What it held before it was last overwritten, by which a page is known that came back.
        self._before = bytes(content)

    def __repr__(self) -> str:
        return f"<{self.path}, {len(self._model)} bytes>"

    @property
    def patience(self) -> float:
        """Seconds that one call may take which passes over the file."""
        return 60 + SLOWEST * len(self._model) / (1 << 20)

    def overwrite(self, process: Process, seed: int, count: int, mapped: bool = False) -> int:
        """Overwrite small pieces of the file, by pwrite(2) or by stores into a mapping; returns their bytes."""
        self._before = bytes(self._model)
        written = 0
        for at, data in overwrites(seed, count, len(self._model)):  # type: ignore[no-untyped-call]
            self._model[at : at + len(data)] = data
            written += len(data)
        process.overwrite(self.path, seed, count, mapped, self.patience + SLOWEST * count / 1000)
        return written

    def difference(self, process: Process) -> str:
        """What of the file is not as it has to be, in words; empty if nothing is."""
        checksum, size = process.digest(self.path, self.patience)
        if size != len(self._model):
            return f"{self.path} has {size} bytes instead of {len(self._model)}"
        if checksum == crc32(self._model):
            return ""
        return self._described(self._content(process))

    def _content(self, process: Process) -> bytes:
        descriptor = process.open(self.path, 0)
        offsets = range(0, len(self._model), READ_AT_ONCE)
        return b"".join(process.pread(descriptor, READ_AT_ONCE, at) for at in offsets)

    def _described(self, found: bytes) -> str:
        wrong = [at for at in range(0, len(found), PAGE) if found[at : at + PAGE] != self._model[at : at + PAGE]]
        if not wrong:
            return f"{self.path} differed when it was summed, and not when it was read"
        first = wrong[0]
        page = found[first : first + PAGE]
        if page == self._before[first : first + PAGE]:
            origin = "what was there before"
        elif not any(page):
            origin = "zeroes"
        elif (elsewhere := self._model.find(page)) >= 0:
            origin = f"what belongs to {elsewhere:#x}"
        else:
            origin = "something else"
        return f"{self.path} has {len(wrong)} wrong pages, the first at {first:#x}: it holds {origin}"
