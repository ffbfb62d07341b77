"""Records a trace: the calls of a program and its children on files below a directory, as strace(1) shows them."""

from __future__ import annotations

import json
import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from roadworthy.measuring.traces import MOST_BYTES
from roadworthy.programs import run

#: The calls that strace records; `%file` and `%desc` would add sockets, terminals and signals.
WATCHED = (
    "openat,open,creat,close,read,pread64,write,pwrite64,lseek,fstat,newfstatat,stat,lstat,access,faccessat,faccessat2,"
    "statx,fsync,fdatasync,ftruncate,getdents64,mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,"
    "linkat,chmod,fchmodat,readlink,readlinkat,mmap,chdir"
)
LINE = re.compile(r"(\d+)\s+(\w+)\((.*)\)\s+= (-?\d+|0x[0-9a-f]+)(?: (E\w+))?.*")
FLAGS = {
    "O_WRONLY": 0o1, "O_RDWR": 0o2, "O_CREAT": 0o100, "O_EXCL": 0o200, "O_TRUNC": 0o1000, "O_APPEND": 0o2000,
    "O_DIRECTORY": 0o200000, "O_NOFOLLOW": 0o400000,
}  # fmt: skip
#: Calls that take one path, with the agent's names for them.
OF_A_PATH = {"mkdir": "mkdir", "mkdirat": "mkdir", "rmdir": "rmdir", "unlink": "unlink", "unlinkat": "unlink",
             "readlink": "readlink", "readlinkat": "readlink"}  # fmt: skip
OF_TWO_PATHS = {"rename": "rename", "renameat": "rename", "renameat2": "rename", "link": "link", "linkat": "link"}
LOOKING = ("newfstatat", "stat", "lstat", "statx", "access", "faccessat", "faccessat2")
OF_A_FILE = {"fsync": "fsync", "fdatasync": "fdatasync", "getdents64": "list", "fstat": "fstat"}


@dataclass
class Recorder:
    """Turns lines of strace into lines of a trace. Files get numbers in the order in which they are opened."""

    root: Path
    opened: dict[tuple[str, str], str] = field(default_factory=dict)
    number: int = 0

    def lines(self, text: str) -> Iterator[str]:
        for line in text.splitlines():
            matched = LINE.match(line)
            if matched:
                yield from self._line(*matched.groups())

    def _line(self, process: str, call: str, inside: str, answer: str, refused: str | None) -> Iterator[str]:
        words = split(inside)
        paths = [place for word in words if (place := self._below(word)) is not None]
        if refused:
            if refused == "ENOENT" and paths and call in (*LOOKING, "openat", "open", "readlink"):
                yield f"missing {paths[0]}"
            return
        if call in ("open", "openat", "creat"):
            if paths:
                self.number += 1
                self.opened[process, answer] = str(self.number)
                flags = next((word for word in words if word.startswith("O_")), "O_RDONLY")
                yield f"open {paths[0]} {sum(FLAGS.get(flag, 0) for flag in flags.split('|'))} {self.number}"
        elif call in LOOKING and paths and '""' not in words:
            nofollow = call == "lstat" or any("AT_SYMLINK_NOFOLLOW" in word for word in words)
            yield f"{'lstat' if nofollow else 'stat'} {paths[0]}"
        elif call == "newfstatat" and (file := self.opened.get((process, words[0]))):
            yield f"fstat {file}"
        elif call in OF_A_PATH and paths:
            removed = "rmdir" if any("AT_REMOVEDIR" in word for word in words) else OF_A_PATH[call]
            yield f"{removed} {paths[0]}"
        elif call in OF_TWO_PATHS and len(paths) == 2:
            yield f"{OF_TWO_PATHS[call]} {paths[0]} {paths[1]}"
        elif call in ("chmod", "fchmodat") and paths:
            mode = next(word for word in words if re.fullmatch(r"0[0-7]+", word))
            yield f"chmod {paths[0]} {int(mode, 8)}"
        elif call == "mmap":
            if file := self.opened.get((process, words[4])):
                yield f"pread {file} {min(int(words[1]), MOST_BYTES)} {int(words[5], 16)}"
        else:
            yield from self._on_a_file(process, call, words, answer)

    def _on_a_file(self, process: str, call: str, words: list[str], answer: str) -> Iterator[str]:
        file = self.opened.get((process, words[0]))
        if file is None:
            return
        if call == "close":
            del self.opened[process, words[0]]
            yield f"close {file}"
        elif call in ("read", "write"):
            count = int(words[2]) if call == "read" else int(answer)
            yield f"{call} {file} {min(count, MOST_BYTES)}"
        elif call in ("pread64", "pwrite64"):
            count = int(words[2]) if call == "pread64" else int(answer)
            yield f"{call.removesuffix('64')} {file} {min(count, MOST_BYTES)} {words[3]}"
        elif call == "lseek":
            yield f"lseek {file} {answer} 0"
        elif call == "ftruncate":
            yield f"ftruncate {file} {words[1]}"
        elif call in OF_A_FILE:
            yield f"{OF_A_FILE[call]} {file}"

    def _below(self, word: str) -> str | None:
        """A quoted path, relative to the directory; None for other words and for paths elsewhere."""
        if not re.fullmatch(r'"[^"]*"', word) or word == '""':
            return None
        path = (self.root / word.strip('"')).resolve() if word != '"."' else self.root
        if not path.is_relative_to(self.root) or path == self.root or " " in str(path):
            return None
        return str(path.relative_to(self.root))


def split(inside: str) -> list[str]:
    """Split a call's arguments as strace writes them; structures stay whole, and strings keep their quotes."""
    return [word.strip() for word in re.findall(r'(?:"[^"]*"(?:\.\.\.)?|\{[^}]*\}|\[[^\]]*\]|[^,{\["])+', inside)]


def touched(lines: Sequence[str], files: Mapping[str, int]) -> Iterator[str]:
    """Yield the files that the calls replace or open for writing."""
    for call, *words in map(str.split, lines):
        if call == "rename" and words[1] in files:
            yield words[1]
        elif call == "open" and int(words[1]) & (FLAGS["O_WRONLY"] | FLAGS["O_RDWR"]) and words[0] in files:
            yield words[0]


def record(directory: Path, argv: Sequence[str]) -> str:
    """Run a program in `directory`, which it may change, and return its trace as TOML. Raises ProgramFailed."""
    root = directory.resolve()
    inside = sorted(path for path in root.rglob("*") if not path.is_symlink() and " " not in str(path))
    directories = [str(path.relative_to(root)) for path in inside if path.is_dir()]
    files = {str(path.relative_to(root)): path.stat().st_size for path in inside if path.is_file()}
    with tempfile.NamedTemporaryFile("r", prefix="trace-") as report:
        words = ["-f", "-s", "0", "-e", f"trace={WATCHED}", "-e", "signal=none", "-o", report.name]
        run(["env", f"--chdir={root}", "strace", *words, *argv], 600)
        lines = [*Recorder(root).lines(report.read())]
    changed = next(touched(lines, files), "")
    return "\n".join([
        f"promise = {json.dumps(f'what {Path(argv[0]).name} does')}", f"recorded = {json.dumps(shlex.join(argv))}",
        f"changed = {json.dumps(changed)}", f"directories = {json.dumps(directories)}",
        'calls = """', *lines, '"""', "", "[files]", *(f"{json.dumps(path)} = {size}" for path, size in files.items()),
        "",
    ])  # fmt: skip
