#!/usr/bin/env -S python3 -I -S -B
"""An OCI runtime that puts a notification filter into each container it creates, and is the real runc otherwise.

Standard library only, run by path: a copy of this file lies in a daemon's runtime directory, with its settings beside
it in `<name>.json`: {"runc": path, "calls": [names], "listener": socket path, "mutant": name}. With "copy" in it, a
container's root is a copy of what the daemon has mounted for it.

The daemon's own seccomp profile stays in force. Calls that it refuses are not notified, because an answer of the
supervisor would let them through.
"""

# It starts with each call of the runtime and imports little.
# ruff: noqa: PTH109, PTH118, PTH123
from __future__ import annotations

import json
import os
import sys
from typing import Any


def bundle_of(arguments: list[str]) -> str | None:
    """The bundle's directory if the arguments say `create`, else None."""
    if "create" not in arguments:
        return None
    for position, word in enumerate(arguments):
        if word in ("--bundle", "-b") and position + 1 < len(arguments):
            return arguments[position + 1]
        if word.startswith("--bundle="):
            return word.partition("=")[2]
    return os.getcwd()


def allowed(seccomp: dict[str, Any], name: str) -> bool:
    """Whether the profile allows `name` with any arguments."""
    rules = [rule for rule in seccomp.get("syscalls") or [] if name in rule["names"]]
    if not rules:
        return bool(seccomp["defaultAction"] == "SCMP_ACT_ALLOW")
    return any(rule["action"] == "SCMP_ACT_ALLOW" and not rule.get("args") for rule in rules)


def edited(config: dict[str, Any], calls: list[str], listener: str, mutant: str) -> dict[str, Any]:
    """`config`, the OCI runtime configuration, with `calls` notified to `listener`."""
    linux = config.setdefault("linux", {})
    seccomp = linux.get("seccomp") or {"defaultAction": "SCMP_ACT_ALLOW"}
    wanted = [name for name in calls if allowed(seccomp, name)]
    if not wanted:
        return config
    kept = []
    for rule in seccomp.get("syscalls") or []:
        names = [name for name in rule["names"] if name not in wanted]
        if names:  # a rule without names is invalid
            kept.append({**rule, "names": names})
    kept.append({"names": wanted, "action": "SCMP_ACT_NOTIFY"})
    linux["seccomp"] = {**seccomp, "syscalls": kept, "listenerPath": listener, "listenerMetadata": mutant}
    return config


def copy_root(bundle: str) -> None:
    """Replace the container's root with a copy in the bundle's directory."""
    import subprocess

    path = os.path.join(bundle, "config.json")
    with open(path) as file:
        config = json.load(file)
    copy = os.path.join(bundle, "copy")
    words = ["cp", "-a", os.path.join(bundle, config["root"]["path"]), copy]
    done = subprocess.run(words, stderr=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}, timeout=120, check=False)
    # Some images have a whiteout in the lowest layer, which is listed but not found; all else has to be copied.
    for line in done.stderr.decode(errors="replace").splitlines():
        if not line.endswith(": No such file or directory"):
            raise SystemExit(line)
    config["root"]["path"] = copy
    with open(path, "w") as file:
        json.dump(config, file)


def main(argv: list[str]) -> None:
    with open(argv[0] + ".json") as file:
        settings = json.load(file)
    bundle = bundle_of(argv[1:])
    if bundle is not None and settings.get("copy"):
        copy_root(bundle)
    if bundle is not None and settings["calls"]:
        path = os.path.join(bundle, "config.json")
        with open(path) as file:
            config = json.load(file)
        config = edited(config, settings["calls"], settings["listener"], settings["mutant"])
        with open(path, "w") as file:
            json.dump(config, file)
    os.execv(settings["runc"], [settings["runc"], *argv[1:]])


if __name__ == "__main__":
    main(sys.argv)
