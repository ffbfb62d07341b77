"""Programs small enough to be written by hand, for checks that need one in an image layer.

An image under test holds no libraries, so a program in it must be static. Each is an ELF header, one program header
and a few bytes of code (x86-64). See elf(5), pause(2) and creat(2).
"""

from __future__ import annotations

import struct

BASE = 0x400000
HEADERS = 64 + 56
#: mov eax, 34 (pause); syscall; jump back to the beginning.
PAUSE = b"\xb8\x22\x00\x00\x00\x0f\x05\xeb\xf7"
#: mov eax, 85 (creat); lea rdi, [the path behind the code]; mov esi, 0644; syscall.
TOUCH = b"\xb8\x55\x00\x00\x00\x48\x8d\x3d\x10\x00\x00\x00\xbe\xa4\x01\x00\x00\x0f\x05"
#: mov eax, 60 (exit); xor edi, edi; syscall.
EXIT = b"\xb8\x3c\x00\x00\x00\x31\xff\x0f\x05"


def pausing_program() -> bytes:
    """The bytes of a static x86-64 executable that pauses for ever."""
    return executable(PAUSE)


def touching_program(path: str) -> bytes:
    """The bytes of a static x86-64 executable that creates the file `path`, or truncates it, and ends."""
    return executable(TOUCH + EXIT + path.encode() + b"\0")


def executable(code: bytes) -> bytes:
    """The bytes of a static executable with this code."""
    size = HEADERS + len(code)
    identification = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bits, little-endian, version 1
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, BASE + HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    readable_and_executable = 5
    segment = struct.pack("<IIQQQQQQ", 1, readable_and_executable, 0, BASE, BASE, size, size, 4096)
    return identification + header + segment + code
