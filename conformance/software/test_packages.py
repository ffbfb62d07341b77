"""Package managers on an image's own database and files, which is where several of them failed on layered drivers."""

import pytest

from roadworthy import (
    Directory,
    check,
    debian_package,
    git_repository,
    installed_package,
    installed_wheel,
    lower,
    wheel,
)

pytestmark = pytest.mark.slow

#: A package of two versions: files that change, come and go, and one that the administrator may edit.
OLD = {
    "etc/demo.conf": b"setting = old\n",
    "usr/share/demo/changes": b"old\n" * 4000,
    "usr/share/demo/goes": b"old\n",
    "usr/share/demo/stays": b"same\n",
}
NEW = {
    "etc/demo.conf": b"setting = new\n",
    "usr/share/demo/changes": b"new\n" * 4000,
    "usr/share/demo/more/comes": b"new\n",
    "usr/share/demo/stays": b"same\n",
}
ROOT = {f"root/{path}": data for path, data in installed_package("demo", "1.0", OLD).items()}
#: One with next to nothing in it, and what apt wants to find.
EMPTY = {
    **{f"root/{path}": data for path, data in installed_package("base", "1.0", {"base": b""}).items()},
    **{f"root/{path}": Directory() for path in (
        "etc/apt/preferences.d", "etc/apt/apt.conf.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial",
        "var/log/apt", "var/lib/dpkg/updates")},
}  # fmt: skip


@check("app/dpkg-apt", source="dpkg(1); containers/podman issue 13123")
@lower({**ROOT, "demo.deb": debian_package("demo", "2.0", NEW)})
def test_dpkg_upgrades_a_package_of_the_image(fs, software, observe):
    """dpkg upgrades a package that the image has: its files are the new version's, and dpkg --verify finds no fault."""
    root = f"--root={fs.directory}/root"
    code, said = fs.run(*software.command("dpkg", root, "--install", "demo.deb"))
    observe("dpkg --install", said.strip().splitlines()[-1])
    assert code == 0, said
    assert {path: fs.load(f"root/{path}") for path in NEW} == NEW
    assert "goes" not in fs.listdir("root/usr/share/demo")
    assert fs.run(*software.command("dpkg", root, "--verify")) == (0, "")


@check("app/dpkg-remove", source="dpkg(1)")
@lower(ROOT)
def test_dpkg_purges_a_package_of_the_image(fs, software, observe):
    """dpkg purges a package that the image has, and leaves neither its files nor its directories."""
    code, said = fs.run(*software.command("dpkg", f"--root={fs.directory}/root", "--purge", "demo"))
    observe("dpkg --purge", said.strip().splitlines()[-1])
    assert code == 0, said
    assert fs.listdir("root") == ["var"]
    assert fs.load("root/var/lib/dpkg/status") == b""


@check("app/apt-install", source="apt-get(8); binpash/try issue 119")
@lower({**EMPTY, **{f"p{n}.deb": debian_package(f"p{n}", "1.0", {f"p{n}/f{m}": b"%d" % m for m in range(5)})
                     for n in range(20)}})  # fmt: skip
def test_apt_installs_twenty_packages(fs, software, observe):
    """apt-get installs twenty packages upon the image's database, and dpkg --verify finds no fault with them."""
    root = f"{fs.directory}/root"
    settings = (f"Dir={root}", f"Dir::State::status={root}/var/lib/dpkg/status", "Dir::Bin::dpkg=/usr/bin/dpkg",
                "Dir::Bin::methods=/usr/lib/apt/methods", f"DPkg::Options::=--root={root}", "APT::Sandbox::User=root",
                "Dpkg::Use-Pty=false", "quiet=2")  # fmt: skip
    options = [word for setting in settings for word in ("-o", setting)]
    files = [f"{fs.directory}/p{number}.deb" for number in range(20)]
    code, said = fs.run(*software.command("apt-get", *options, "--yes", "install", *files))
    observe("apt-get install", f"{said.count('Setting up')} packages set up")
    assert code == 0, said
    assert [fs.load(f"root/p{number}/f4") for number in range(20)] == [b"4"] * 20
    assert fs.run(*software.command("dpkg", f"--root={root}", "--verify")) == (0, "")


SPEC = """
Name: demo
Version: {version}
Release: 1
Summary: specimen
License: none
BuildArch: noarch
%description
%install
mkdir -p %{{buildroot}}/demo
{commands}
%files
/demo
"""


@check("app/rpm-rpmdb", source="rpm(8), rpmdb(8); moby/moby issue 10180; containers/fuse-overlayfs issue 475")
@lower({
    "SPECS/demo1.spec": SPEC.format(version="1", commands="echo old > %{buildroot}/demo/f").encode(),
    "SPECS/demo2.spec": SPEC.format(version="2", commands="echo new > %{buildroot}/demo/f").encode(),
})  # fmt: skip
def test_rpm_upgrades_a_package_of_the_image(containers, software, observe):
    """rpm upgrades a package in a database that the image has, and finds no fault with database and files."""
    live = containers.run()
    fs = containers.process(live)
    build = [f"--define=_topdir {fs.directory}", "--define=__os_install_post %{nil}", "--quiet", "-bb"]
    for number in "12":
        code, said = fs.run(*software.command("rpmbuild", *build, f"SPECS/demo{number}.spec"))
        assert code == 0, said
    root = f"--root={fs.directory}/root"
    fs.mkdir("root")
    prepared = fs.run(*software.command("rpm", "--force-debian", root, "--install", "RPMS/noarch/demo-1-1.noarch.rpm"))
    assert prepared == (0, "")
    live.stop()
    fs = containers.process(containers.run(containers.commit(live)))
    code, said = fs.run(
        *software.command("rpm", "--force-debian", root, "--upgrade", "RPMS/noarch/demo-2-1.noarch.rpm")
    )
    observe("rpm --upgrade", said.strip() or "done")
    assert (code, said) == (0, "")
    assert fs.load("root/demo/f") == b"new\n"
    assert fs.run(*software.command("rpm", "--force-debian", root, "--query", "--all")) == (0, "demo-2-1.noarch\n")
    assert fs.run(*software.command("rpm", "--force-debian", root, "--verify", "demo")) == (0, "")
    assert fs.run(*software.command("rpmdb", root, "--verifydb")) == (0, "")


@check("app/npm-update-npm", source="npm/npm issue 9863; npm's @npmcli/arborist, lib/arborist/reify.js")
@lower({
    "node_modules/npm/package.json": b'{"version": "1.0.0"}',
    "node_modules/npm/lib/cli.js": b"old",
    "node_modules/npm/node_modules/dependency/index.js": b"old",
})  # fmt: skip
def test_directory_of_a_package_is_moved_aside_and_replaced(fs, observe):
    """A package's directory is renamed out of the way, a new one renamed into its place, and the old one removed."""
    # This is what npm does to a package that it updates, itself included; npm is too large to be asked here.
    outcome = fs.attempt.rename("node_modules/npm", "node_modules/.npm-Xy12")
    observe("rename of the package", outcome)
    assert outcome == "success"
    fs.mkdir("node_modules/.npm-new")
    fs.store("node_modules/.npm-new/package.json", b'{"version": "2.0.0"}')
    fs.rename("node_modules/.npm-new", "node_modules/npm")
    for file in ("package.json", "lib/cli.js", "node_modules/dependency/index.js"):
        fs.unlink(f"node_modules/.npm-Xy12/{file}")
    for directory in ("lib", "node_modules/dependency", "node_modules", "."):
        fs.rmdir(f"node_modules/.npm-Xy12/{directory}".removesuffix("/."))
    assert fs.listdir("node_modules/npm") == ["package.json"]


SITE = "venv/lib/python3.11/site-packages"


@check("app/pip-upgrade", source="moby/moby issue 12327; pip's src/pip/_internal/req/req_uninstall.py")
@lower({
    "venv/pyvenv.cfg": b"home = /usr/bin\nversion = 3.11.2\n",
    **{f"{SITE}/{path}": data for path, data in installed_wheel("demo", "1.0", {
        "demo/__init__.py": b"version = 1\n", "demo/gone.py": b"", "demo/data/table": b"old"}).items()},
    "demo-2.0-py3-none-any.whl": wheel("demo", "2.0", {
        "demo/__init__.py": b"version = 2\n", "demo/data/table": b"new"}),
})  # fmt: skip
def test_pip_upgrades_a_package_of_the_image(fs, software, observe):
    """pip upgrades a package that the image has: its files are the new version's, and no other."""
    fs.mkdir("venv/bin")
    fs.symlink("/usr/bin/python3.11", "venv/bin/python3")
    start = 'for wheel in /usr/share/python-wheels/pip-*.whl; do exec venv/bin/python3 -B "$wheel/pip" "$@"; done'
    pip = software.command("sh", "-c", start, "pip")
    code, said = fs.run(*pip, "install", "--no-index", "--no-cache-dir", "--no-compile", "demo-2.0-py3-none-any.whl")
    observe("pip install", said.strip().splitlines()[-1])
    assert code == 0, said
    assert fs.listdir(f"{SITE}/demo") == ["__init__.py", "data"]
    assert fs.load(f"{SITE}/demo/__init__.py") == b"version = 2\n"
    assert fs.listdir(f"{SITE}/demo/data") == ["table"]
    assert fs.load(f"{SITE}/demo/data/table") == b"new"
    assert fs.listdir(SITE) == ["demo", "demo-2.0.dist-info"]


COMMITS = [
    {"kept": b"kept", "changed": b"1\n" * 2000, "d/moved": b"moved", "d/gone": b"gone"},
    {"kept": b"kept", "changed": b"2\n" * 2000, "moved": b"moved", "d": b"a file now"},
]
REPOSITORY = git_repository(COMMITS)


@check("app/git-checkout", source="git-checkout(1)")
@lower({
    **{f"work/.git/{path}": data.replace(b"bare = true", b"bare = false") for path, data in REPOSITORY.items()},
    **{f"work/{path}": data for path, data in COMMITS[0].items()},
})  # fmt: skip
def test_git_switches_a_working_tree_of_the_image(fs, software, observe):
    """git checks out another commit in a working tree that the image has, and back, and finds it clean each time."""
    git = software.command("git", "-C", "work")
    assert fs.run(*git, "reset", "--quiet")[0] == 0
    for number, files in ((1, COMMITS[1]), (0, COMMITS[0])):
        code, said = fs.run(*git, "checkout", "--quiet", f"branch-{number}")
        assert (code, said) == (0, "")
        status = fs.run(*git, "status", "--porcelain")
        observe(f"git status on branch-{number}", status[1].strip() or "clean")
        assert status == (0, "")
        assert {path: fs.load(f"work/{path}") for path in files} == files


@check("app/git-clone-gc", source="git-gc(1), git-clone(1) --local")
@lower({f"repository/{path}": data for path, data in REPOSITORY.items()})
def test_git_repacks_and_clones_a_repository_of_the_image(fs, software, observe):
    """git repacks a repository that the image has and clones it by hard links, and finds no fault with either."""
    for arguments in (
        ("-C", "repository", "gc", "--quiet"),
        ("clone", "--quiet", "--bare", "--local", "repository", "clone"),
    ):
        code, said = fs.run(*software.command("git", *arguments))
        assert (code, said) == (0, "")
    for place in ("repository", "clone"):
        checked = fs.run(*software.command("git", "-C", place, "fsck", "--strict", "--full"))
        observe(f"git fsck in the {place}", checked[1].strip() or "no fault")
        assert checked == (0, "")
        assert fs.run(*software.command("git", "-C", place, "show", "branch-1:d")) == (0, "a file now")
    names = [name for name in fs.listdir("repository/objects/pack") if name.endswith(".pack")]
    assert [fs.stat(f"{place}/objects/pack/{names[0]}").nlink for place in ("repository", "clone")] == [2, 2]
