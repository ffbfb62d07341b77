"""Extended attributes, access control lists and file capabilities."""

from os import O_APPEND, O_RDONLY, O_RDWR, O_WRONLY

import pytest

from roadworthy import (
    COPY_UP,
    LAYERS,
    Directory,
    Fifo,
    File,
    Symlink,
    acl,
    capabilities,
    check,
    file_capability,
    lower,
    needs,
    pausing_program,
)

EVERYWHERE = ("lower", "upper", "copied-up")
#: Owner rw, user 1000 rw, group r, others nothing.
FOR_USER_1000 = acl((1, 6, None), (2, 6, 1000), (4, 4, None), (16, 6, None), (32, 0, None))
CAP_NET_BIND_SERVICE = 1 << 10
PROGRAM = File(pausing_program(), mode=0o755, xattrs={"security.capability": file_capability(CAP_NET_BIND_SERVICE)})


# --- attributes


@check("xattr/user-roundtrip", source="xattr(7)", provenance=EVERYWHERE)
@pytest.mark.parametrize("kind", ["file", "directory"])
@lower(file=b"data", directory=Directory())
def test_user_attribute_is_set_listed_and_removed(fs, observe, kind):
    """A user attribute can be set, read, listed and removed."""
    fs.setxattr(kind, "user.note", b"value")
    value = observe("value", fs.getxattr(kind, "user.note"))
    assert value == b"value"
    assert "user.note" in fs.listxattr(kind)
    fs.removexattr(kind, "user.note")
    assert fs.attempt.getxattr(kind, "user.note") == "ENODATA"


@check("xattr/trusted-roundtrip", source="xattr(7)", provenance=EVERYWHERE)
@capabilities("SYS_ADMIN")
@lower(foo=b"data")
def test_trusted_attribute_is_set_and_read(fs, observe):
    """A process with CAP_SYS_ADMIN can set and read a trusted attribute."""
    fs.setxattr("foo", "trusted.note", b"value")
    value = observe("value", fs.getxattr("foo", "trusted.note"))
    assert value == b"value"
    assert "trusted.note" in fs.listxattr("foo")


@check("xattr/private-namespace-hidden", source="kernel overlayfs.rst", provenance="copied-up")
@needs(COPY_UP)
@capabilities("SYS_ADMIN")
@lower({"file": b"data", "dir/foo": b""})
def test_attributes_of_the_driver_are_not_listed(fs, observe):
    """No attribute that a driver keeps for itself is listed on a copied-up file or on a directory made anew."""
    fs.unlink("dir/foo")
    fs.rmdir("dir")
    fs.mkdir("dir")
    # Nobody gave them an attribute, and a security module's are the host's.
    observed = [name for name in fs.listxattr("file") + fs.listxattr("dir") if not name.startswith("security.")]
    observe("the driver's attributes", observed or "hidden")
    assert observed == []


@check("xattr/private-namespace-set", source="kernel overlayfs.rst, Nesting overlayfs mounts", provenance="lower")
@capabilities("SYS_ADMIN")
@lower(foo=b"data")
def test_attribute_with_the_name_of_the_drivers_own(fs, observe):
    """An attribute whose name begins with trusted.overlay. is an attribute like others to its user."""
    fs.setxattr("foo", "trusted.overlay.note", b"value")
    value = observe("value", fs.getxattr("foo", "trusted.overlay.note"))
    assert value == b"value"


@check("xattr/lookalike-allowed", source="xattr(7)", provenance="lower")
@capabilities("SYS_ADMIN")
@lower(foo=b"data")
def test_attribute_that_looks_like_the_drivers_own(fs, observe):
    """An attribute whose name only resembles the driver's own can be set and read."""
    fs.setxattr("foo", "trusted.overlayfoo", b"value")
    value = observe("value", fs.getxattr("foo", "trusted.overlayfoo"))
    assert value == b"value"


@check("xattr/import-keeps-user", source="OCI image-spec, layer.md", provenance=("lower", "lower-deep"))
@needs(LAYERS)
@lower(foo=File(b"data", xattrs={"user.note": b"value"}))
def test_user_attribute_of_the_image_is_seen(fs, observe):
    """A user attribute of a file in an image is seen in a container."""
    observed = fs.attempt.getxattr("foo", "user.note")
    observe("getxattr", observed)
    assert observed == "success"
    assert fs.getxattr("foo", "user.note") == b"value"


@check("xattr/import-keeps-user-of-directory", source="OCI image-spec, layer.md", provenance=("lower", "lower-deep"))
@needs(LAYERS)
@lower({"dir": Directory(xattrs={"user.note": b"value"})})
def test_user_attribute_of_a_directory_of_the_image_is_seen(fs, observe):
    """A user attribute of a directory in an image is seen in a container."""
    observed = fs.attempt.getxattr("dir", "user.note")
    observe("getxattr", observed)
    assert observed == "success"
    assert fs.getxattr("dir", "user.note") == b"value"


@check("xattr/kept-over-copyup", source="xattr(7)", provenance="lower")
@needs(COPY_UP)
@lower(foo=File(b"data", xattrs={"user.note": b"value"}))
def test_user_attribute_outlives_copy_up(fs, observe):
    """A file of the image keeps its user attribute when it is written to."""
    fs.write(fs.open("foo", O_WRONLY | O_APPEND), b"more")
    observed = fs.attempt.getxattr("foo", "user.note")
    observe("getxattr", observed)
    assert observed == "success"
    assert fs.getxattr("foo", "user.note") == b"value"


@check("xattr/kept-over-directory-copyup", source="xattr(7)", provenance="lower")
@needs(COPY_UP)
@lower({"dir": Directory(xattrs={"user.note": b"value"})})
def test_user_attribute_of_a_directory_outlives_copy_up(fs, observe):
    """A directory of the image keeps its user attribute when something is created in it."""
    fs.store("dir/new", b"")
    observed = fs.attempt.getxattr("dir", "user.note")
    observe("getxattr", observed)
    assert observed == "success"
    assert fs.getxattr("dir", "user.note") == b"value"


@check("xattr/remove-lower", source="removexattr(2)", provenance=("lower", "upper"))
@lower(foo=File(b"data", xattrs={"user.note": b"value"}))
def test_attribute_of_the_image_can_be_removed(fs, observe):
    """A user attribute that was removed is gone, also after the file was written to."""
    fs.removexattr("foo", "user.note")
    fs.write(fs.open("foo", O_WRONLY | O_APPEND), b"more")
    observed = fs.attempt.getxattr("foo", "user.note")
    observe("getxattr", observed)
    assert observed == "ENODATA"


@check("xattr/large-value", source="xattr(7)", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_value_of_three_thousand_bytes(fs, observe):
    """An attribute's value of 3000 bytes is read back as it was set."""
    fs.setxattr("foo", "user.note", b"v" * 3000)
    value = fs.getxattr("foo", "user.note")
    observe("bytes", len(value))
    assert value == b"v" * 3000


@check("xattr/on-symlink-and-special", source="xattr(7), Extended user attributes", provenance=("lower", "upper"))
@pytest.mark.parametrize("kind", ["symlink", "fifo"])
@lower(symlink=Symlink(target="nowhere"), fifo=Fifo())
def test_user_attributes_are_for_files_and_directories(fs, observe, kind):
    """Neither a symbolic link nor a fifo takes a user attribute."""
    observed = fs.attempt.setxattr(kind, "user.note", b"value", follow=False)
    observe("setxattr", observed)
    assert observed == "EPERM"


# --- access control lists


@check("acl/access-acl-lower", source="acl(5)", provenance=EVERYWHERE)
@lower(foo=File(b"data", mode=0o660, xattrs={"system.posix_acl_access": FOR_USER_1000}))
def test_access_list_admits_the_user_that_it_names(fs, other, observe):
    """A user named in a file's access control list may write the file, another may not read it."""
    other.become(1000)
    fs.become(1001)
    observed = other.attempt.open("foo", O_RDWR), fs.attempt.open("foo", O_RDONLY)
    observe("named user, another", " ".join(observed))
    assert observed == ("success", "EACCES")


@check("acl/kept-over-write", source="acl(5)", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_access_list_outlives_a_write(fs, other, observe):
    """An access control list that was set stays in force when the file is written to."""
    fs.setxattr("foo", "system.posix_acl_access", FOR_USER_1000)
    fs.write(fs.open("foo", O_WRONLY | O_APPEND), b"more")
    other.become(1000)
    observed = other.attempt.open("foo", O_RDWR)
    observe("named user", observed)
    assert observed == "success"
    assert fs.getxattr("foo", "system.posix_acl_access") == FOR_USER_1000


@check("acl/default-acl-inherit", source="acl(5), Object creation and default ACLs", provenance=EVERYWHERE)
@lower(dir=Directory())
def test_default_list_is_inherited(fs, other, observe):
    """A file made in a directory with a default access control list has that list."""
    fs.setxattr("dir", "system.posix_acl_default", FOR_USER_1000)
    fs.close(fs.open("dir/new", O_RDWR | 0o100, 0o666))
    other.become(1000)
    observed = other.attempt.open("dir/new", O_RDWR)
    observe("named user", observed)
    assert observed == "success"
    assert fs.getxattr("dir/new", "system.posix_acl_access") == FOR_USER_1000


@check("acl/chmod-limits-mask", source="acl(5), Correspondence between ACL Entries", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_chmod_limits_what_the_list_grants(fs, other, observe):
    """Changing a file's mode to 0600 takes away what its access control list granted to others."""
    fs.setxattr("foo", "system.posix_acl_access", FOR_USER_1000)
    other.become(1000)
    assert other.attempt.open("foo", O_RDWR) == "success"
    fs.chmod("foo", 0o600)
    observed = other.attempt.open("foo", O_RDONLY)
    observe("named user", observed)
    assert observed == "EACCES"


# --- file capabilities


@check("caps/file-cap-works", source="capabilities(7), File capabilities", provenance=EVERYWHERE)
@lower(program=PROGRAM)
def test_program_runs_with_its_file_capability(fs, other, observe):
    """A program with a file capability has it in force when an unprivileged user runs it."""
    other.become(1000)
    pid = other.start("./program")
    status = fs.load(f"/proc/{pid}/status").decode()
    other.finish(pid)
    observed = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    observe("effective capabilities", observed)
    assert observed == f"{CAP_NET_BIND_SERVICE:016x}"


@check("caps/kept-over-chmod", source="capabilities(7), File capabilities", provenance=EVERYWHERE)
@lower(program=PROGRAM)
def test_file_capability_outlives_chmod(fs, observe):
    """A file capability stays when the file's mode changes."""
    fs.chmod("program", 0o711)
    observed = fs.attempt.getxattr("program", "security.capability")
    observe("capability", observed)
    assert observed == "success"
    assert fs.getxattr("program", "security.capability") == PROGRAM.xattrs["security.capability"]


@check("caps/cleared-by-write", source="capabilities(7), File capabilities", provenance=EVERYWHERE)
@lower(program=PROGRAM)
def test_writing_clears_the_file_capability(fs, observe):
    """Writing to a file takes its file capability away."""
    assert fs.attempt.getxattr("program", "security.capability") == "success"
    fs.write(fs.open("program", O_WRONLY | O_APPEND), b"more")
    observed = fs.attempt.getxattr("program", "security.capability")
    observe("capability", observed)
    assert observed == "ENODATA"


@check("caps/cleared-by-chown", source="chown(2)", provenance=EVERYWHERE)
@lower(program=PROGRAM)
def test_chown_clears_the_file_capability(fs, observe):
    """Changing a file's owner takes its file capability away."""
    assert fs.attempt.getxattr("program", "security.capability") == "success"
    fs.chown("program", 1000, 1000)
    observed = fs.attempt.getxattr("program", "security.capability")
    observe("capability", observed)
    assert observed == "ENODATA"
