"""Operations as a C program whose calls each print their outcome."""

from __future__ import annotations

from typing import Any

from roadworthy.explorer.operations import PROCESSES, USER, Operation
from roadworthy.linux import open_flags

INCLUDES = ("errno.h", "fcntl.h", "stdio.h", "stdlib.h", "string.h", "unistd.h", "sys/mman.h", "sys/stat.h",
            "sys/time.h", "sys/xattr.h", "dirent.h", "linux/fs.h")  # fmt: skip


def program(operations: list[Operation], intro: str, ending: str, lines: int) -> str:
    """A C program of at most `lines` lines, in which every call prints its outcome."""
    compiled = f"gcc -w -static -D_GNU_SOURCE {' '.join(f'-include {name}' for name in INCLUDES)} r.c"
    statements: list[str] = []
    who = 0
    for operation in operations:
        user = operation.process == len(PROCESSES) - 1
        if user != (who == len(PROCESSES) - 1):
            number = USER if user else 0
            statements.append(f"seteuid(0); setegid({number}); seteuid({number});")
        who = operation.process
        statements.append(statement(operation))
    head = [
        f"// {intro}",
        f"// {compiled}",
        r'#define T(x) ({ long r = (long)(x); printf("%s: %s\n", #x, r == -1 ? strerror(errno) : "ok"); r; })',
        "int main(void) { char b[5001] = {0}; struct stat s;",
    ]
    tail = [f"}} // {ending}"]
    return "\n".join([*head, *folded(statements, lines - len(head) - len(tail), " "), *tail]) + "\n"


def c_text(value: Any) -> str:
    text = value.decode() if isinstance(value, bytes) else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def c_times(access: int, change: int) -> str:
    pair = ", ".join(f"{{{time // 10**9}, {time % 10**9}}}" for time in (access, change))
    return f"(struct timespec[]){{{pair}}}"


def statement(operation: Operation) -> str:
    """One operation as a statement of C."""
    values = operation.arguments
    on, made = operation.held, operation.made
    first = c_text(values[0]) if values else ""
    fields = "s.st_mode, s.st_uid, s.st_gid, s.st_size, s.st_nlink, s.st_mtime"
    status = f'; printf("%o %d:%d %ld bytes %ld links %ld\\n", {fields});'
    match operation.name:
        case "open":
            return f"int {made} = T(open({first}, {open_flags(values[1])}, 0644));"
        case "tmpfile":
            return f"int {made} = T(open({first}, O_RDWR|O_TMPFILE, 0644));"
        case "reopen":
            return f'sprintf(b, "/proc/self/fd/%d", {on}); int {made} = T(open(b, {open_flags(values[0])}));'
        case "dup":
            return f"int {made} = T(dup({on}));"
        case "linkfd":
            return f'sprintf(b, "/proc/self/fd/%d", {on}); T(linkat(-1, b, AT_FDCWD, {first}, AT_SYMLINK_FOLLOW));'
        case "map":
            flags = "PROT_READ|PROT_WRITE" if values[0] else "PROT_READ"
            return f"char *{made} = T(mmap(0, 4096, {flags}, MAP_SHARED, {on}, 0));"
        case "peek":
            return f'printf("{on}: %.{values[0]}s\\n", {on});'
        case "poke":
            return f"memcpy({on}, {first}, {len(values[0])});"
        case "unmap":
            return f"T(munmap({on}, 4096));"
        case "read" | "pread":
            more = ", ".join(map(str, values))
            return f'memset(b, 0, sizeof b); T({operation.name}({on}, b, {more})); printf("%s\\n", b);'
        case "write" | "pwrite":
            more = "".join(f", {value}" for value in values[1:])
            return f"T({operation.name}({on}, {first}, {len(values[0])}{more}));"
        case "fstat":
            return f"T(fstat({on}, &s)){status}"
        case "stat" | "lstat":
            return f"T({operation.name}({first}, &s)){status}"
        case "fchmod":
            return f"T(fchmod({on}, {values[0]:#06o}));".replace("0o", "0")
        case "chmod" | "mkdir":
            return f"T({operation.name}({first}, {values[1]:#06o}));".replace("0o", "0")
        case "futimens":
            return f"T(futimens({on}, {c_times(*values)}));"
        case "utimens" | "lutimens":
            link = "AT_SYMLINK_NOFOLLOW" if operation.name == "lutimens" else "0"
            return f"T(utimensat(AT_FDCWD, {first}, {c_times(*values[1:])}, {link}));"
        case "fsetxattr":
            return f"T(fsetxattr({on}, {first}, {c_text(values[1])}, {len(values[1])}, 0));"
        case "setxattr":
            return f"T(setxattr({first}, {c_text(values[1])}, {c_text(values[2])}, {len(values[2])}, 0));"
        case "getxattr":
            return f'memset(b, 0, sizeof b); T(getxattr({first}, {c_text(values[1])}, b, 5000)); printf("%s\\n", b);'
        case "listxattr":
            return f'memset(b, 0, sizeof b); T(listxattr({first}, b, 5000)); printf("%s\\n", b);'
        case "removexattr":
            return f"T(removexattr({first}, {c_text(values[1])}));"
        case "load":
            return f"{{ int f = T(open({first}, O_RDONLY)); memset(b, 0, sizeof b); read(f, b, 5000); puts(b); }}"
        case "readlink":
            return f"memset(b, 0, sizeof b); T(readlink({first}, b, 5000)); puts(b);"
        case "listdir":
            return f"{{ DIR *d = opendir({first}); struct dirent *e; while (d && (e = readdir(d))) puts(e->d_name); }}"
        case "noreplace" | "exchange":
            flag = f"RENAME_{operation.name.upper()}"
            return f"T(renameat2(AT_FDCWD, {first}, AT_FDCWD, {c_text(values[1])}, {flag}));"
        case "fallocate":
            return f"T(-posix_fallocate({on}, {values[0]}, {values[1]}));"
    words = [on] if on else []
    words += [c_text(value) if isinstance(value, str) else str(value) for value in values]
    return f"T({operation.name}({', '.join(words)}));"


def folded(statements: list[str], lines: int, glue: str) -> list[str]:
    """Join statements with `glue` into at most `lines` lines."""
    each = -(-len(statements) // lines)
    return [glue.join(statements[at : at + each]) for at in range(0, len(statements), each)]
