"""What mount(2) of overlayfs takes and what it refuses: with it a driver makes layers a container's root.

A check mounts for itself, in a mount namespace of its process, on the file system below the data root. The kernel
answers, whatever engine asks; drivers that do not mount overlayfs have no answer.
"""

import pytest

from roadworthy import OVERLAYFS, capabilities, check, needs
from roadworthy.linux import OVERLAYFS_SUPER_MAGIC

#: Layers that an overlay may have below its writable one, see OVL_MAX_STACK in fs/overlayfs.
MOST = 500
#: So many names of so many bytes fill, behind `lowerdir=`, what mount(2) takes of its options: a page without its end.
FILLING, LENGTH = 61, 66
WRITABLE = "lowerdir=lower,upperdir=upper,workdir=work"
#: Where the kernel notes that an upper directory may lack what was written to it.
VOLATILE = "work/work/incompat/volatile"
#: The user that makes a user namespace.
USER = 1000

pytestmark = [needs(OVERLAYFS), capabilities("SYS_ADMIN")]


def prepared(fs, *names):
    """Put a process into a mount namespace of its own, and make directories."""
    fs.own_mounts()
    for name in names:
        fs.mkdir(name)


def mounted(fs, target, options):
    """The outcome of a mount of overlayfs."""
    return fs.attempt.mount("overlay", target, "overlay", options)


@check("mount/lower-count", source="Linux fs/overlayfs/super.c, OVL_MAX_STACK", provenance="volume")
def test_overlay_of_500_lower_directories(fs, observe):
    """An overlay of 500 lower directories shows what the first and the last of them hold, and 501 are refused."""
    prepared(fs, "merged")
    fs.begin("repeat", MOST + 1, "mkdir", "%d").answer()
    fs.store("0/first", b"")
    fs.store(f"{MOST - 1}/last", b"")
    names = [str(number) for number in range(MOST + 1)]
    beyond = mounted(fs, "merged", f"lowerdir={':'.join(names)}")
    outcome = mounted(fs, "merged", f"lowerdir={':'.join(names[:MOST])}")
    shown = fs.listdir("merged")
    observe("501, then 500, and in it", f"{beyond}, {outcome}, {' '.join(shown) or 'nothing'}")
    assert (beyond, outcome) == ("EINVAL", "success")
    assert shown == ["first", "last"]


def long_names(fs):
    """Make directories whose names are together longer than the options of mount(2), a file in the first and last."""
    prepared(fs, "merged")
    names = [f"{number:0{LENGTH}d}" for number in range(FILLING + 1)]
    for name in names:
        fs.mkdir(name)
    fs.store(f"{names[0]}/first", b"")
    fs.store(f"{names[-1]}/last", b"")
    return names


@check("mount/options-longer-than-a-page", source="mount(2), data; Linux fs/namespace.c, path_mount()",
       provenance="volume")  # fmt: skip
def test_options_longer_than_a_page(fs, observe):
    """A list of lower directories that is longer than mount(2) takes is refused, or mounted with the last of them."""
    outcome = mounted(fs, "merged", f"lowerdir={':'.join(long_names(fs))}")
    shown = observe("mount, and in it", " ".join([outcome, *fs.listdir("merged")]))
    assert shown in ("EINVAL", "success first last")


@check("mount/lower-one-by-one", source="overlayfs.rst, Multiple lower layers, lowerdir+; fsconfig(2)",
       provenance="volume")  # fmt: skip
def test_lower_directories_one_by_one(fs, observe):
    """Lower directories that are added one by one are all mounted, though a page does not hold their names."""
    names = long_names(fs)
    outcome = fs.attempt.mount_in_steps("overlay", "merged", [("lowerdir+", name) for name in names])
    shown = fs.listdir("merged")
    observe("mount, and in it", f"{outcome}, {' '.join(shown) or 'nothing'}")
    assert outcome == "success"
    assert shown == ["first", "last"]


@check("mount/upper-on-overlay", source="overlayfs.rst, Upper and Lower", provenance="volume")
def test_upper_on_an_overlay(fs, observe):
    """An upper directory that lies on an overlay is refused; a lower one is taken."""
    prepared(fs, "lower", "upper", "work", "merged", "other")
    fs.mount("overlay", "merged", "overlay", WRITABLE)
    for name in ("upper", "work", "lower"):
        fs.mkdir(f"merged/{name}")
    writable = mounted(fs, "other", "lowerdir=lower,upperdir=merged/upper,workdir=merged/work")
    readable = mounted(fs, "other", "lowerdir=merged/lower:lower")
    observe("as upper, as lower", f"{writable}, {readable}")
    assert (writable, readable) == ("EINVAL", "success")


def in_use(fs, index):
    """Mount an overlay twice with one upper directory: the outcome of the second mount."""
    prepared(fs, "lower", "upper", "work", "merged", "again", "other")
    fs.mount("overlay", "merged", "overlay", f"{WRITABLE},index={index}")
    return mounted(fs, "again", f"lowerdir=lower,upperdir=upper,workdir=other,index={index}")


@check("mount/upper-in-use-indexed", source="overlayfs.rst, Sharing and copying layers", provenance="volume")
def test_upper_in_use_with_an_index(fs, observe):
    """With an index, a second mount of an upper directory is refused as busy, and made once the first one has ended."""
    outcome = in_use(fs, "on")
    fs.umount("merged")
    after = mounted(fs, "again", f"{WRITABLE},index=on")
    observe("while mounted, after", f"{outcome}, {after}")
    assert (outcome, after) == ("EBUSY", "success")


@check("mount/upper-in-use-warned", source="overlayfs.rst, Sharing and copying layers", provenance="volume")
def test_upper_in_use_without_an_index(fs, observe, kernel_words):
    """Without an index, a second mount of an upper directory is refused as busy, or the kernel's log warns of it."""
    outcome = in_use(fs, "off")
    said = kernel_words("upperdir is in-use")
    observe("second mount", outcome)
    observe("kernel log", said)
    assert outcome == "EBUSY" or "undefined behavior" in said


@check("mount/volatile-twice", source="overlayfs.rst, Volatile mount", provenance="volume")
def test_volatile_upper_is_not_mounted_again(fs, observe):
    """An upper directory that was mounted volatile is refused until the mark in its work directory is removed."""
    prepared(fs, "lower", "upper", "work", "merged")
    fs.mount("overlay", "merged", "overlay", f"{WRITABLE},volatile")
    fs.umount("merged")
    again, plain = mounted(fs, "merged", f"{WRITABLE},volatile"), mounted(fs, "merged", WRITABLE)
    fs.unlink(f"{VOLATILE}/dirty")
    fs.rmdir(VOLATILE)
    after = mounted(fs, "merged", WRITABLE)
    observe("volatile again, plain, without the mark", f"{again}, {plain}, {after}")
    assert (again, plain, after) == ("EINVAL", "EINVAL", "success")


@check("mount/user-namespace", source="overlayfs.rst, userxattr; user_namespaces(7)", provenance="volume")
def test_overlay_of_a_user(fs, observe):
    """A user who is root of a user namespace mounts an overlay, in which a directory that is made again is empty."""
    for name in ("lower", "lower/d", "upper", "work", "merged"):
        fs.mkdir(name)
        fs.chown(name, USER, USER)
    fs.store("lower/d/old", b"")
    fs.chown("lower/d/old", USER, USER)
    fs.become(USER)
    fs.own_users()
    outcome = observe("mount", mounted(fs, "merged", f"{WRITABLE},userxattr"))
    assert outcome == "success"
    fs.unlink("merged/d/old")
    fs.rmdir("merged/d")
    fs.mkdir("merged/d")
    shown = fs.listdir("merged/d")
    observe("in the directory", " ".join(shown) or "nothing")
    assert shown == []
    assert fs.getxattr("upper/d", "user.overlay.opaque") == b"y"


@check("mount/unknown-option", source="mount(2), EINVAL; Linux fs/overlayfs/params.c, ovl_parse_param()",
       provenance="volume")  # fmt: skip
def test_unknown_option(fs, observe, kernel_words):
    """An option that overlayfs does not have is refused, and the kernel's log names it."""
    prepared(fs, "lower", "upper", "work", "merged")
    outcome = mounted(fs, "merged", f"{WRITABLE},roadworthy=on")
    said = kernel_words("roadworthy")
    observe("mount", outcome)
    observe("kernel log", said)
    assert outcome == "EINVAL"
    assert "roadworthy" in said
    assert mounted(fs, "merged", WRITABLE) == "success"


@check("mount/work-on-another", source="overlayfs.rst, Upper and Lower, workdir", provenance="volume")
def test_work_directory_on_another_file_system(fs, observe):
    """A work directory on another file system than the upper directory's is refused."""
    prepared(fs, "lower", "upper", "work", "merged", "another")
    fs.mount("none", "another", "tmpfs")
    fs.mkdir("another/work")
    outcome = mounted(fs, "merged", "lowerdir=lower,upperdir=upper,workdir=another/work")
    beside = mounted(fs, "merged", WRITABLE)
    observe("on another, beside it", f"{outcome}, {beside}")
    assert (outcome, beside) == ("EINVAL", "success")


@check("mount/work-inside-upper", source="overlayfs.rst, Upper and Lower, workdir", provenance="volume")
def test_work_directory_inside_the_upper(fs, observe):
    """A work directory inside the upper directory is refused, and so is one that contains it."""
    prepared(fs, "lower", "upper", "upper/work", "work", "work/upper", "merged")
    inside = mounted(fs, "merged", "lowerdir=lower,upperdir=upper,workdir=upper/work")
    around = mounted(fs, "merged", "lowerdir=lower,upperdir=work/upper,workdir=work")
    apart = mounted(fs, "merged", WRITABLE)
    observe("inside, around, apart", f"{inside}, {around}, {apart}")
    assert (inside, around, apart) == ("EINVAL", "EINVAL", "success")


@check("mount/lower-inside-upper", source="overlayfs.rst, Sharing and copying layers; Linux commit 146d62e5a586",
       provenance="volume")  # fmt: skip
def test_lower_directory_inside_the_upper(fs, observe):
    """A lower directory inside the upper directory is refused."""
    prepared(fs, "lower", "upper", "upper/lower", "work", "merged")
    inside = mounted(fs, "merged", "lowerdir=upper/lower,upperdir=upper,workdir=work")
    apart = mounted(fs, "merged", WRITABLE)
    observe("inside, apart", f"{inside}, {apart}")
    assert (inside, apart) == ("ELOOP", "success")


@check("mount/upper-inside-lower", source="Linux commit 708fa01597fa, ovl: allow upperdir inside lowerdir",
       provenance="volume")  # fmt: skip
def test_upper_directory_inside_the_lower(fs, observe):
    """An upper directory inside the lower one is taken, and cannot be reached through the overlay."""
    prepared(fs, "lower", "lower/upper", "lower/work", "lower/beside", "merged")
    outcome = mounted(fs, "merged", "lowerdir=lower,upperdir=lower/upper,workdir=lower/work")
    reached, beside = fs.attempt.stat("merged/upper"), fs.attempt.stat("merged/beside")
    observe("mount, its upper, another", f"{outcome}, {reached}, {beside}")
    assert (outcome, reached, beside) == ("success", "ELOOP", "success")


@check("mount/option", source="overlayfs.rst, mount options; mount(8), overlay", provenance="volume")
@pytest.mark.parametrize(
    "option",
    ["fsync=strict", "index=on", "metacopy=on", "nfs_export=on", "override_creds", "redirect_dir=nofollow", "userxattr",
     "uuid=null", "verity=on", "volatile", "xino=on"],
)  # fmt: skip
def test_option_is_taken(fs, observe, option):
    """An overlay is mounted with this option, and a file can be made in it."""
    prepared(fs, "lower", "upper", "work", "merged")
    outcome = observe("mount", mounted(fs, "merged", f"{WRITABLE},{option}"))
    assert outcome == "success"
    fs.store("merged/f", b"data")
    assert fs.statfs("merged")[0] == OVERLAYFS_SUPER_MAGIC
    assert fs.load("upper/f") == b"data"
