"""What the kernel keeps for root of the first user namespace, whatever the storage driver: a check that needs it has no
answer in a container with a user namespace of its own, see user_namespaces(7).
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable

from roadworthy.calls.answers import Refused
from roadworthy.reasons import Unsupported


def makes_a_device(mode: str) -> bool:
    """Whether mknod(2) was asked for a device, by its mode as a transcript has it; anybody may make other nodes."""
    kind = stat.S_IFMT(int(mode, 8) if mode.startswith("0") else int(mode))
    return kind in (stat.S_IFCHR, stat.S_IFBLK)


#: Calls as a refusal tells them, what is kept, and where the kernel says so. A function looks at what the form caught.
KEPT: tuple[tuple[re.Pattern[str], Callable[[str], bool], str], ...] = (
    (re.compile(r"mknod\('[^']*', (\w+), "), makes_a_device, "make device nodes (Linux fs/namei.c, vfs_mknod())"),
    (re.compile(r"\w+xattr\(.*, '(trusted\.)"), bool, "use trusted attributes (Linux fs/xattr.c, xattr_permission())"),
    (
        re.compile(r"(fanotify_init)\("), bool,
        "decide for others by fanotify (Linux fs/notify/fanotify/fanotify_user.c, fanotify_init())",
    ),
    (
        re.compile(r"(ioctl_flags)\("), bool,
        "make files immutable (Linux fs/ioctl.c, fileattr_set_prepare(): CAP_LINUX_IMMUTABLE)",
    ),
)  # fmt: skip


def without_what_is_kept(broken: BaseException | None) -> BaseException | None:
    """What broke a check in a user namespace: Unsupported if the kernel keeps the refused call for the first one."""
    if not isinstance(broken, Refused) or broken.code != "EPERM":
        return broken
    for form, kept, what in KEPT:
        found = form.match(str(broken))
        if found and kept(found[1]):
            return Unsupported(f"user namespace: only root of the first one may {what}")
    return broken
