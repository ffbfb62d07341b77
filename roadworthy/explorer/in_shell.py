"""Operations as shell commands, for those that have a command which makes this one system call and no other."""

from __future__ import annotations

import shlex

from roadworthy.explorer.operations import Operation


def command(operation: Operation) -> str | None:
    """The command that makes this one system call, or None if no command makes it alone."""
    values = operation.arguments
    words = [shlex.quote(str(value)) for value in values if not isinstance(value, bytes)]
    match operation.name:
        case "chmod":
            return f"chmod {values[1]:04o} {words[0]}"
        case "chown" | "lchown":
            user, group = ("" if number == -1 else str(number) for number in values[1:])
            return f"chown {'-h ' if operation.name == 'lchown' else ''}{user}:{group} {words[0]}"
        case "utimens" | "lutimens":
            seconds, nanoseconds = divmod(values[2], 10**9)
            link = "-h " if operation.name == "lutimens" else ""
            return f"touch -c {link}-m -d @{seconds}.{nanoseconds:09d} {words[0]}"
        case "setxattr":
            return f"setfattr -n {words[1]} -v '{values[2].decode()}' {words[0]}"
        case "removexattr":
            return f"setfattr -x {words[1]} {words[0]}"
        case "getxattr":
            return f"getfattr -n {words[1]} {words[0]}"
        case "listxattr":
            return f"getfattr -d {words[0]}"
        case "stat" | "lstat":
            return f"stat {'-L ' if operation.name == 'stat' else ''}-c '%F %a %u:%g %s bytes %h links %y' {words[0]}"
        case "load":
            return f"cat {words[0]}"
        case "listdir":
            return f"ls -A {words[0]}"
        case "mkdir":
            return f"mkdir -m {values[1]:o} {words[0]}"
        case "symlink":
            return f"ln -sT {words[0]} {words[1]}"
        case "link":
            return f"ln -PT {words[0]} {words[1]}"
        case "rmdir" | "unlink" | "readlink":
            return f"{operation.name} {words[0]}"
        case "truncate":
            return f"truncate -c -s {values[1]} {words[0]}"
    return None
