"""What a user namespace takes away is no failure of a driver, and everything else is."""

import stat

import pytest

from roadworthy.calls.answers import Refused
from roadworthy.reasons import Unsupported
from roadworthy.verdict.first_namespace import without_what_is_kept


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (f"mknod('null', {stat.S_IFCHR | 0o644}, 259)", "make device nodes"),
        ("mknod('dir/null', 020666, 0x103)", "make device nodes"),
        ("setxattr('foo', 'trusted.note', b'value', True)", "use trusted attributes"),
        ("getxattr('foo', 'trusted.note')", "use trusted attributes"),
        ("fanotify_init(6)", "decide for others by fanotify"),
        ("ioctl_flags(3, 16)", "make files immutable"),
    ],
)
def test_what_the_kernel_keeps_is_unsupported(call, what):
    """The reason says that it is the user namespace, and what it takes."""
    found = without_what_is_kept(Refused(call, "EPERM"))
    assert isinstance(found, Unsupported)
    assert str(found).startswith(f"user namespace: only root of the first one may {what} (Linux fs/")


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (f"mknod('fifo', {stat.S_IFIFO | 0o644}, 0)", "EPERM"),
        ("mknod('null', 8612, 259)", "EEXIST"),
        ("setxattr('foo', 'user.note', b'trusted.', True)", "EPERM"),
        ("setxattr('foo', 'trusted.note', b'value', True)", "ENOTSUP"),
        ("chown('foo', 1000, 1000)", "EPERM"),
    ],
)
def test_another_refusal_stays_what_it_is(call, code):
    """Whatever else is refused says something about the driver."""
    broken = Refused(call, code)
    assert without_what_is_kept(broken) is broken


@pytest.mark.parametrize("broken", [None, AssertionError("mknod('null', 8612, 259) was refused with EPERM")])
def test_what_is_no_refusal_stays_what_it_is(broken):
    """An assertion of a check about a refusal is its promise."""
    assert without_what_is_kept(broken) is broken
