"""A program small enough to be written by hand, for checks that need one in an image layer.

An image under test holds no libraries, so a program in it must be static. This one is an ELF header, one program
header and nine bytes of code (x86-64): it pauses until a signal ends it. See elf(5) and pause(2).
"""

from __future__ import annotations

import struct

BASE = 0x400000
HEADERS = 64 + 56
#: mov eax, 34 (pause); syscall; jump back to the beginning.
CODE = b"\xb8\x22\x00\x00\x00\x0f\x05\xeb\xf7"


def pausing_program() -> bytes:
    """The bytes of a static x86-64 executable that pauses for ever."""
    size = HEADERS + len(CODE)
    identification = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bits, little-endian, version 1
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, BASE + HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    readable_and_executable = 5
    segment = struct.pack("<IIQQQQQQ", 1, readable_and_executable, 0, BASE, BASE, size, size, 4096)
    return identification + header + segment + CODE
