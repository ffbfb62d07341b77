"""Extended attributes, ACLs and file capabilities."""

from __future__ import annotations

import errno
import os
import stat

from roadworthy.mutants.call import Answer, Call, Error, Proceed, Value, fault

PLAIN = ("user.", "trusted.")
CAPABILITY = "security.capability"
DEFAULT_ACL, ACCESS_ACL = "system.posix_acl_default", "system.posix_acl_access"


@fault("xattr-forgotten")
def forgotten(call: Call) -> Answer | None:
    """An attribute that is set is not kept."""
    return Value() if call.string(1).startswith(PLAIN) else None


@fault("xattr-removal-forgotten")
def removal_forgotten(call: Call) -> Answer | None:
    """An attribute that is removed stays."""
    name = call.string(1)
    return Value() if name in os.listxattr(f"/proc/self/fd/{call.subject()}") else None


@fault("xattr-list-shows-private")
def list_shows_private(call: Call) -> Answer | None:
    """The driver's own attributes appear in the list."""
    names = os.listxattr(f"/proc/self/fd/{call.subject()}")
    data = b"".join(os.fsencode(name) + b"\0" for name in [*names, "trusted.overlay.origin"])
    if not call.arguments[2]:
        return Value(len(data))
    if call.arguments[2] < len(data):
        return Error(errno.ERANGE)
    call.target.write(call.arguments[1], data)
    return Value(len(data))


@fault("xattr-lookalike-refused")
def lookalike_refused(call: Call) -> Answer | None:
    """Names that only begin like the driver's own are refused."""
    name = call.string(1)
    private = name.startswith("trusted.overlay.")
    return Error(errno.EPERM) if name.startswith("trusted.overlay") and not private else None


@fault("xattr-private-accepted")
def private_accepted(call: Call) -> Answer | None:
    """Setting one of the driver's own names reports success, and sets nothing."""
    return Value() if call.string(1).startswith("trusted.overlay.") else None


@fault("xattr-cut")
def cut(call: Call) -> Answer | None:
    """Long values are cut to 255 bytes."""
    if call.arguments[3] <= 255 or not call.by_root:
        return None
    value = call.target.read(call.arguments[2], 255)
    os.setxattr(f"/proc/self/fd/{call.subject()}", call.string(1), value)
    return Value()


@fault("xattr-on-anything")
def on_anything(call: Call) -> Answer | None:
    """user.* attributes are accepted on symbolic links and special files."""
    kind = os.fstat(call.subject()).st_mode
    return Value() if call.string(1).startswith("user.") and not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)) else None


@fault("default-acl-not-inherited")
def default_acl_not_inherited(call: Call) -> Answer | None:
    """A new file inherits nothing from its directory's default ACL."""
    asked = call.opening
    if not asked.flags & os.O_CREAT or not call.by_root:
        return None
    directory, name = call.name_of(call.place)
    if DEFAULT_ACL not in os.listxattr(f"/proc/self/fd/{directory}"):
        return None
    mode = asked.mode & 0o7777 & ~call.target.umask
    made = call.target.keep(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode, dir_fd=directory))
    if ACCESS_ACL in os.listxattr(made):
        os.removexattr(made, ACCESS_ACL)
    os.fchmod(made, mode)
    return call.opened(asked.flags & ~(os.O_CREAT | os.O_EXCL))


@fault("acl-not-enforced")
def acl_not_enforced(call: Call) -> Answer | None:
    """A file's ACL denies access to no user."""
    asked = call.opening
    if call.by_root or asked.flags & (os.O_CREAT | os.O_PATH):
        return None
    return call.opened(asked.flags) if ACCESS_ACL in os.listxattr(f"/proc/self/fd/{call.subject()}") else None


@fault("acl-lost-at-opening")
def acl_lost_at_opening(call: Call) -> Answer | None:
    """Opening a file for writing loses its ACL."""
    path = f"/proc/self/fd/{call.subject()}"
    if not call.opening.writes or ACCESS_ACL not in os.listxattr(path):
        return None
    os.removexattr(path, ACCESS_ACL)
    return Proceed()


@fault("chmod-drops-capability")
def chmod_drops_capability(call: Call) -> Answer | None:
    """A program loses its file capabilities when its mode changes."""
    path = f"/proc/self/fd/{call.subject()}"
    if CAPABILITY not in os.listxattr(path):
        return None
    os.removexattr(path, CAPABILITY)
    return Proceed()


@fault("xattr-hidden")
def hidden(call: Call) -> Answer | None:
    """user.* attributes cannot be read."""
    return Error(errno.ENODATA) if call.string(1).startswith("user.") else None


_granted: dict[tuple[int, int], bytes] = {}


@fault("capability-survives-write")
def capability_survives_write(call: Call) -> Answer | None:
    """A program keeps its file capabilities when its content changes."""
    found = call.subject()
    key = os.fstat(found).st_dev, os.fstat(found).st_ino
    if call.name.startswith("open"):
        path = f"/proc/self/fd/{found}"
        if call.opening.writes and CAPABILITY in os.listxattr(path):
            _granted[key] = os.getxattr(path, CAPABILITY)
        return None
    if key not in _granted or call.string(1) != CAPABILITY:
        return None
    value = _granted[key]
    if call.arguments[3]:
        call.target.write(call.arguments[2], value)
    return Value(len(value))
