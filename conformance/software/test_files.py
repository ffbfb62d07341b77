"""Tools that walk, archive, rewrite and mark files of the image."""

from os import O_RDONLY, O_RDWR
from os.path import basename

import pytest

from roadworthy import LAYERS, Directory, File, Hardlink, Symlink, capabilities, check, lower, needs
from roadworthy.linux import MAP_SHARED, PROT_READ

pytestmark = pytest.mark.slow

MIB = 1 << 20
#: What archivers have to get right.
TREE = {
    "tree/file": File(b"data" * 1000, mode=0o640, uid=1000, gid=1000, mtime_ns=1_111_111_111_123_456_789),
    "tree/twin": Hardlink(target="tree/file"),
    "tree/link": Symlink(target="d/deep"),
    "tree/d": Directory(mode=0o2775, gid=1000),
    "tree/d/deep": File(b"deep", mode=0o4755),
    "tree/attributed": File(b"", xattrs={"user.note": b"kept"}),
}


@check("app/rsync-hardlinks", source="rsync(1), --hard-links, --xattrs")
@lower(TREE)
def test_rsync_copies_a_tree_of_the_image(fs, software, observe):
    """rsync copies a tree of the image with its hard links and attributes, and then finds nothing left to do."""
    copy = [*software.command("rsync", "-aHX", "--numeric-ids", "--itemize-changes", "--checksum"), "tree/", "copy/"]
    code, said = fs.run(*copy)
    assert code == 0, said
    again = fs.run(*copy)
    observe("rsync again", again[1].strip() or "nothing to do")
    assert again == (0, "")
    assert fs.manifest("tree").differences(fs.manifest("copy")) == []


@check("app/rsync-onto-image", source="rsync(1), --delete")
@lower({**TREE, "incoming/file": b"new", "incoming/d/other": b"new", "incoming/link/now-a-directory": b""})
def test_rsync_replaces_a_tree_of_the_image(fs, software, observe):
    """rsync makes a tree of the image equal to another one, deletions and changes of type included."""
    code, said = fs.run(*software.command("rsync", "-aHX", "--numeric-ids", "--delete", "incoming/", "tree/"))
    observe("rsync --delete", said.strip() or "done")
    assert (code, said) == (0, "")
    assert fs.manifest("incoming").differences(fs.manifest("tree")) == []


@check("app/tar-extract-over", source="tar(1), --recursive-unlink; moby/moby issue 19647")
@lower(TREE)
@pytest.mark.parametrize("how", ["keep-directory-symlink", "recursive-unlink"])
def test_tar_unpacks_over_a_tree_of_the_image(fs, software, observe, how):
    """tar unpacks an archive over the tree that it was made from, and the tree is what it was."""
    before = fs.manifest("tree")
    tar = software.command("tar", "--xattrs", "--xattrs-include=user.*", "--numeric-owner")
    assert fs.run(*tar, "--format=posix", "-cf", "archive", "tree") == (0, "")
    fs.store("tree/d/deep", b"changed in the meantime")
    code, said = fs.run(*tar, f"--{how}", "--same-permissions", "-xf", "archive")
    observe("tar -x", said.strip() or "done")
    assert (code, said) == (0, "")
    assert before.differences(fs.manifest("tree")) == []


@check("app/tar-create", source="tar(1); moby/moby issue 19647; containers/podman issue 16897")
@lower({"tree/big": bytes(MIB), "tree/small": b"data"})
def test_tar_of_a_tree_that_is_only_opened(fs, other, software, observe):
    """tar does not say that a file changed as it read it when another process opened the file and wrote nothing."""
    fs.mkfifo("archive")
    archiving = fs.begin("run", software.command("tar", "-cf", "archive", "tree"), 65536)
    reader = other.open("archive", O_RDONLY)
    other.read(reader, 65536)  # tar is now in the middle of the big file, because the pipe holds no more of it
    other.close(other.open("tree/big", O_RDWR))
    while other.read(reader, MIB):
        pass
    code, said = archiving.answer()
    observe("tar -c", said.decode().strip() or "done")
    assert code == 0, said.decode()


@check("app/sed-i", source="sed(1), --in-place")
@lower({"f": File(b"one two\n", mode=0o640, uid=1000, gid=1000), "link": Symlink(target="f")})
def test_sed_rewrites_a_file_of_the_image(fs, software, observe):
    """sed -i rewrites a file of the image, whose mode and owner stay, and leaves nothing beside it."""
    code, said = fs.run(*software.command("sed", "-i", "s/one/three/", "f"))
    observe("sed -i", said.strip() or "done")
    assert (code, said) == (0, "")
    assert fs.load("link") == b"three two\n"
    assert (fs.stat("f").permissions, fs.stat("f").uid, fs.stat("f").gid) == (0o640, 1000, 1000)
    assert fs.listdir() == ["f", "link"]


@check("app/sed-i-etc-hosts", source="rename(2), EBUSY; moby/moby issue 28187", control=True)
def test_sed_cannot_replace_the_hosts_file(fs, software, observe):
    """sed -i cannot rewrite /etc/hosts in a container, whatever the driver, because the engine has mounted that."""
    code, said = fs.run(*software.command("sed", "-i", "s/localhost/localhost/", "/etc/hosts"))
    observe("sed -i", said.strip() or "done")
    assert code != 0
    assert "Device or resource busy" in said


@check("app/setcap", source="setcap(8), getcap(8); moby/moby issue 6980", provenance=("lower", "upper"))
@lower({"program": File(b"#!", mode=0o755)})
def test_setcap_on_a_program_of_the_image(fs, software, observe):
    """setcap gives a program of the image a capability, getcap shows it, and setcap -r takes it away."""
    code, said = fs.run(*software.command("setcap", "cap_net_raw=ep", "program"))
    observe("setcap", said.strip() or "done")
    assert (code, said) == (0, "")
    assert fs.run(*software.command("getcap", "program")) == (0, "program cap_net_raw=ep\n")
    assert fs.run(*software.command("setcap", "-r", "program")) == (0, "")
    assert fs.run(*software.command("getcap", "program")) == (0, "")


@check("app/chown-r-entrypoint", source="chown(1), -R; docker/for-linux issue 964")
@lower({f"data/d{n}/f{m}": b"%d" % m for n in range(20) for m in range(20)})
def test_entry_point_takes_a_tree_of_the_image_over(fs, software, observe):
    """chown -R gives four hundred files of the image to a user, who can then write to each, and keeps their content."""
    before = {path: seen.get("checksum") for path, seen in fs.manifest("data").entries.items()}
    assert fs.run(*software.command("chown", "-R", "user:user", "data")) == (0, "")
    _, others = fs.run(*software.command("find", "data", "!", "-user", "user"))
    observe("files of others", len(others.split()))
    assert others == ""
    assert {path: seen.get("checksum") for path, seen in fs.manifest("data").entries.items()} == before
    assert len(before) == 420
    fs.become(1000)
    files = [f"data/d{n}/f{m}" for n in range(20) for m in range(20)]
    refused = [path for path in files if fs.attempt.store(path, b"mine") != "success"]
    observe("files that the user cannot write", len(refused))
    assert refused == []


@check("whiteout/rm-rf-lower-tree", source="rm(1), -r; moby/moby issue 24309")
@lower({f"tree/{'/'.join('abcdefghij'[:depth])}/f{n}": b"" for depth in range(1, 11) for n in range(60)})
def test_rm_removes_a_deep_tree_of_the_image(fs, software, observe):
    """rm -r removes six hundred files in ten levels of directories, and new directories of their names are empty."""
    code, said = fs.run(*software.command("rm", "-r", "tree"))
    observe("rm -r", said.strip() or "done")
    assert (code, said) == (0, "")
    assert fs.listdir() == []
    fs.mkdir("tree")
    assert fs.listdir("tree") == []
    fs.mkdir("tree/a")
    assert fs.listdir("tree/a") == []


@check("app/logrotate", source="logrotate(8), copytruncate")
@lower({
    "log/a": File(b"older\n", mode=0o640, uid=1000), "log/a.1": b"old\n", "log/b": b"written\n",
    "rules": b"log/a {\n rotate 2\n create\n}\nlog/b {\n rotate 1\n copytruncate\n}\n",
})  # fmt: skip
def test_logs_of_the_image_are_rotated(fs, other, software, observe):
    """logrotate moves a log of the image on, and with copytruncate empties one under the process that writes it."""
    writer = other.open("log/b", O_RDWR | 0o2000)
    rules = fs.load("rules").replace(b"log/", f"{fs.directory}/log/".encode())
    fs.store("rules", rules)
    code, said = fs.run(*software.command("logrotate", "--force", "--state", f"{fs.directory}/state", "rules"))
    observe("logrotate", said.strip() or "done")
    assert (code, said) == (0, "")
    other.write(writer, b"later\n")
    found = {name: fs.load(f"log/{name}") for name in fs.listdir("log")}
    assert "a.2" in found, "the log was not moved on"
    assert found == {"a": b"", "a.1": b"older\n", "a.2": b"old\n", "b": b"later\n", "b.1": b"written\n"}
    assert (fs.stat("log/a").permissions, fs.stat("log/a").uid) == (0o640, 1000)


@check("app/python-compileall", source="Python documentation, compileall")
@lower({f"library/p{n}/m{m}.py": f"value = {m}\n".encode() for n in range(5) for m in range(10)})
def test_python_compiles_a_library_of_the_image(fs, software, observe):
    """Python compiles a library of the image, imports a module from its compiled file, and leaves the sources."""
    before = fs.manifest("library").entries
    python = software.command("python3.11", "-m", "compileall", "-q", "library")
    assert fs.run(*python) == (0, "")
    after = fs.manifest("library").entries
    assert {path: after.get(path) for path in before if path.endswith(".py")} == {
        path: seen for path, seen in before.items() if path.endswith(".py")
    }
    assert len([path for path in after if path.endswith(".pyc")]) == 50
    checked = fs.run(*software.command("python3.11", "-v", "-c", "import library.p4.m9"))
    observe("import", "from the compiled file" if "m9.cpython-311.pyc matches" in checked[1] else "from the source")
    assert "m9.cpython-311.pyc matches" in checked[1]


@check("app/criu-lsof-fuser", source="lsof(8); proc_pid_maps(5)", provenance=("lower", "copied-up", "volume"))
@lower(library=b"x" * 8192)
def test_lsof_finds_who_has_a_file_of_the_image_mapped(fs, other, software, observe):
    """lsof finds the process that has a file mapped, by the file's name."""
    library = other.open("library", O_RDONLY)
    other.mmap(library, 8192, PROT_READ, MAP_SHARED)
    other.close(library)
    _, said = fs.run(*software.command("lsof", "-w", "-t", f"{fs.directory}/library"))
    found = str(other.getpid()) in said.split()
    observe("lsof", "finds it" if found else "does not find it")
    assert found, "lsof does not find the process"


@check("app/ldconfig-gconv", source="ldconfig(8), -n")
@needs(LAYERS)
def test_ldconfig_links_the_library_that_is_left(containers, software, observe):
    """After the newer of two libraries of the image was removed, ldconfig leads their common name to the older one."""
    seen = containers.process(containers.run())
    _, place = seen.run(*software.command("find", "/usr/lib/", "-name", "libz.so.1"))
    library = seen.load(place.strip())
    tree = {"lib/libz.so.1.2": library, "lib/libz.so.1.9": library, "lib/libz.so.1": Symlink(target="libz.so.1.9")}
    fs = containers.process(containers.run(containers.image(tree)))
    fs.unlink("lib/libz.so.1.9")
    code, said = fs.run(*software.command("ldconfig", "-n", f"{fs.directory}/lib"))
    leads = fs.readlink("lib/libz.so.1")
    observe("libz.so.1", f"{leads}{said.strip()}")
    assert (code, leads) == (0, "libz.so.1.2")
    assert fs.load(f"lib/{leads}") == library


@check(
    "app/docker-in-docker",
    source="Linux Documentation/filesystems/overlayfs.rst; mount(8)",
    provenance=("lower", "volume"),
)
@capabilities("SYS_ADMIN")
@lower({"lower/f": b"lower", "lower/gone": b"", "upper": Directory(), "work": Directory(), "merged": Directory()})
def test_nested_engine_keeps_its_layers_in_the_container(fs, software, observe):
    """An engine in the container can have overlayfs put layers of its own together, all of them in the container."""
    options = "lowerdir=lower,upperdir=upper,workdir=work"
    code, said = fs.run(*software.command("mount", "-t", "overlay", "-o", options, "nested", "merged"))
    observe("mount", said.strip() or "done")
    assert code == 0, f"mount of an overlay upon this file system is refused: {said.strip()}"
    try:
        fs.store("merged/f", b"written")
        fs.unlink("merged/gone")
        assert fs.listdir("merged") == ["f"]
    finally:
        fs.run(*software.command("umount", "merged"))
    assert fs.load("upper/f") == b"written"
    assert fs.load("lower/f") == b"lower"


@check("app/nested-lower", source="Linux Documentation/filesystems/overlayfs.rst", provenance=("lower", "lower-deep"))
@capabilities("SYS_ADMIN")
@lower({"lower/f": b"lower", "lower/d/g": b"deep", "merged": Directory()})
def test_nested_engine_writes_to_a_volume(fs, software, observe):
    """An engine in the container can use a directory of the image as a layer, and write to a volume."""
    place = f"/volume/{basename(fs.directory)}-nested"
    assert fs.run(*software.command("rm", "-rf", place)) == (0, "")  # of an earlier round, which the volume outlives
    for path in (place, f"{place}/upper", f"{place}/work"):
        fs.mkdir(path)
    options = f"lowerdir=lower,upperdir={place}/upper,workdir={place}/work"
    code, said = fs.run(*software.command("mount", "-t", "overlay", "-o", options, "nested", "merged"))
    observe("mount", said.strip() or "done")
    assert code == 0, f"mount of an overlay over this file system is refused: {said.strip()}"
    try:
        fs.store("merged/d/g", b"written")
        assert fs.load("merged/f") == b"lower"
    finally:
        fs.run(*software.command("umount", "merged"))
    assert fs.load(f"{place}/upper/d/g") == b"written"
    assert fs.load("lower/d/g") == b"deep"


def kept(manifest):
    """What a copy by shutil.copy2() keeps: types, contents, modes and times, and neither owners nor hard links."""
    fields = ("kind", "mode", "checksum", "size", "target", "mtime", "attributes")
    return {path: [seen.get(field) for field in fields] for path, seen in manifest.entries.items()}


@check("rename/shutil-move-fallback", source="Python documentation, shutil.move(); moby/moby issue 25409")
@lower(TREE)
def test_python_moves_a_directory_of_the_image(fs, software, observe):
    """Python's shutil.move moves a directory of the image, and all in it keeps its type, content, mode and times."""
    before = kept(fs.manifest("tree"))
    code, said = fs.run(*software.command("python3.11", "-c", "import shutil; shutil.move('tree', 'moved')"))
    observe("shutil.move", said.strip() or "done")
    assert (code, said) == (0, "")
    assert fs.listdir() == ["moved"]
    assert kept(fs.manifest("moved")) == before
