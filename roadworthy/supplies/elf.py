"""What a program's ELF header says: the processor that it is for, and the loader that it needs. See elf(5)."""

from __future__ import annotations

import platform
import struct
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"\x7fELF"
#: e_machine as uname(2) writes it, for the processors that engines are built for.
MACHINES = {
    3: "i686", 20: "ppc", 21: "ppc64le", 22: "s390x", 40: "armv7l", 62: "x86_64", 183: "aarch64", 243: "riscv64",
    258: "loongarch64",
}  # fmt: skip
PT_INTERP = 3
#: By the word length: the offsets of e_phoff, with its format, and of e_phentsize in the header, and those of p_offset
#: and p_filesz, with their format, in a program header.
LAYOUT = {1: (28, "I", 42, 4, 16, "I"), 2: (32, "Q", 54, 8, 32, "Q")}


@dataclass(frozen=True)
class Elf:
    """A program as its header describes it. `loader` is empty for a static one."""

    machine: str
    loader: str

    @property
    def runs_here(self) -> bool:
        """Whether it is for this machine's processor."""
        return self.machine == platform.machine()


def elf(path: Path) -> Elf | None:
    """What the ELF header of a file says; None for any other file, such as a script. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(64)
        if len(head) < 52 or head[:4] != MAGIC or head[4] not in LAYOUT:
            return None
        order = ">" if head[5] == 2 else "<"
        at, word, sizes, offset, length, long = LAYOUT[head[4]]
        (machine,) = struct.unpack_from(f"{order}H", head, 18)
        (table,) = struct.unpack_from(f"{order}{word}", head, at)
        size, count = struct.unpack_from(f"{order}HH", head, sizes)
        file.seek(table)
        headers = file.read(size * count)
        loader = b""
        for begin in range(0, len(headers) - size + 1, size):
            if struct.unpack_from(f"{order}I", headers, begin)[0] == PT_INTERP:
                (where,) = struct.unpack_from(f"{order}{long}", headers, begin + offset)
                (bytes_of_it,) = struct.unpack_from(f"{order}{long}", headers, begin + length)
                file.seek(where)
                loader = file.read(bytes_of_it).rstrip(b"\0")
    return Elf(MACHINES.get(machine, f"the processor {machine} of ELF"), loader.decode(errors="replace"))
