"""A finding as the source of a check, in which only the promise and its source are left to write."""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.explorer.divergence import Divergence
from roadworthy.explorer.operations import PROCESSES, USER, Operation, shown
from roadworthy.explorer.report import steps, touched

VARIABLES = ("fs", "other", "third")


def check(found: Divergence, identity: str = "family/behaviour") -> str:
    """The source of a check that shows the finding, with placeholders for its promise and its source."""
    operations = steps(found)
    layers = [tree for tree in touched(operations) if tree]
    several = sorted({0, *(operation.process for operation in operations)})
    arguments = ["fs"]
    setting: list[str] = []
    for process in several[1:]:
        arguments.append("other" if process == several[1] else "container, evidence")
        if process != several[1]:
            setting.append(f'{variable(several, process)} = container.process(fs.directory, evidence, "C")')
        if process == len(PROCESSES) - 1:
            setting.append(f"{variable(several, process)}.become({USER})")
    body = [call(operation, several) for operation in operations[:-1]]
    last = operations[-1]
    text = [
        f'@check("{identity}", source="…")',
        *(["@layers(", *(f"    {tree!r}," for tree in layers), ")"] if layers else []),
        f"def test_{identity.replace('/', '_').replace('-', '_')}({', '.join(arguments)}):",
        '    """Say what holds on a file system without layers."""',
        *(f"    {line}" for line in [*setting, *body, *assertion(found, last, several)]),
    ]
    return "\n".join(text) + "\n"


def variable(several: Sequence[int], process: int) -> str:
    return VARIABLES[list(several).index(process)]


def method(operation: Operation) -> tuple[str, list[str]]:
    """The method of a check's process for an operation, and its arguments as source."""
    values = [shown(operation, value) for value in operation.arguments]
    if operation.name == "chmod" or operation.name in ("fchmod", "mkdir"):
        values = [f"0o{value:o}" if isinstance(value, int) else repr(value) for value in operation.arguments]
    on = operation.held
    match operation.name:
        case "tmpfile":
            return "open", [*values, "O_RDWR|O_TMPFILE"]
        case "reopen":
            return "open", [f'f"/proc/self/fd/{{{on}}}"', *values]
        case "linkfd":
            return "linkat", [f'f"/proc/self/fd/{{{on}}}"', *values, "AT_SYMLINK_FOLLOW"]
        case "dup":
            return "fcntl", [on, "F_DUPFD"]
        case "map":
            writable = operation.arguments[0]
            return "mmap", [on, "4096", "PROT_READ|PROT_WRITE" if writable else "PROT_READ", "MAP_SHARED"]
        case "unmap":
            return "munmap", [on, "4096"]
        case "fchown" | "fsetxattr":
            return operation.name[1:], [on, *values]
        case "lutimens":
            return "utimens", [*values, "follow=False"]
        case "noreplace" | "exchange":
            return "renameat2", [*values, f"RENAME_{operation.name.upper()}"]
    return operation.name, [on, *values] if on else values


def call(operation: Operation, several: Sequence[int]) -> str:
    name, values = method(operation)
    made = f"{operation.made} = " if operation.made else ""
    return f"{made}{variable(several, operation.process)}.{name}({', '.join(values)})"


def assertion(found: Divergence, last: Operation, several: Sequence[int]) -> list[str]:
    """What holds on the volume, as lines of a check."""
    name, values = method(last)
    process = variable(several, last.process)
    plain = call(last, several)
    if found.what == "answer" and found.reference != "success":
        return [f"assert {process}.attempt.{name}({', '.join(values)}) == {found.reference!r}"]
    if found.what == "entry":
        wanted = "success" if found.reference == "there" else "ENOENT"
        return [f"assert {process}.attempt.lstat({found.path!r}) == {wanted!r}"]
    of_status = {"mode": "permissions", "size": "size", "nlink": "nlink", "mtime": "mtime_ns", "inode": "identity"}
    if found.what == "mode":
        return [f"assert {plain}.permissions == 0o{int(found.reference, 8):o}"]
    if found.what == "owner":
        uid, _, gid = str(found.reference).partition(":")
        return [f"found = {plain}", f"assert (found.uid, found.gid) == ({uid}, {gid})"]
    if found.what == "mtime" and found.reference == "now":
        return [f"assert {plain}.mtime_ns != {found.driver}"]
    if found.what in of_status and found.what != "inode":
        return [f"assert {plain}.{of_status[found.what]} == {found.reference}"]
    if found.what == "data":
        return [f"assert {plain} == {found.reference!r}"]
    if found.what == "answer":
        return [plain]
    return [plain, f"# {found.what}: {found.driver!r} here, {found.reference!r} on the volume"]
