"""From an empty directory to the page, on the root file system of a distribution that has never seen the suite.

docs/install.md names the packages; the root is made of them, and the wheel is installed into it from a directory, as
where no registry is reached. Then come the document's two commands.
"""

import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from environment import wheel_of
from newcomer import ROOT, Newcomer, steps

from roadworthy.reports.bundle import FILE_NAME, read_bundle
from roadworthy.supplies.bootstrap import bootstrap

pytestmark = [pytest.mark.real, pytest.mark.builds]
#: Runs a program with a tree as its root, in mounts and processes that end with it: $1 the tree, $2 the wheels.
INSIDE = """
tree=$1 wheels=$2; shift 2
mount --bind "$tree" "$tree"
mount --rbind /dev "$tree/dev"
mount --rbind /sys "$tree/sys"
mount -t proc proc "$tree/proc"
mount -t tmpfs tmpfs "$tree/run"
mount -t tmpfs tmpfs "$tree/tmp"
mount --bind "$wheels" "$tree/mnt"
cd "$tree"
pivot_root . .
umount -l .
cd /root
exec env -i HOME=/root LANG=C.UTF-8 PATH=/root/env/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""
ALONE = (
    "unshare",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child=KILL",
    "--propagation=private",
    "sh",
    "-ec",
    INSIDE,
    "sh",
)


def packages():
    """What docs/install.md has a user of Debian install."""
    document = (ROOT / "docs/install.md").read_text()
    (line,) = (step.text for step in steps(document) if step.text.startswith("apt-get install "))
    return line.split()[2:]


@pytest.fixture(params=["bookworm", "trixie"])
def fresh(request, tmp_path):
    """A fresh root of the suite with the document's packages; `fresh.run(*words)` runs a program there."""
    tree, wheels = tmp_path / "tree", tmp_path / "wheels"
    wheels.mkdir()
    bootstrap(request.param, packages(), tree)
    done = subprocess.run(
        ["chroot", tree, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    wheel = wheel_of(Newcomer(tmp_path / "checkout").directory, wheels)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    wanted = ["--only-binary=:all:", f"--python-version={done.stdout.strip()}", f"--dest={wheels}", str(wheel)]
    subprocess.run([*pip, "download", *wanted], check=True, timeout=300)

    def run(*words):
        """Run a program there; what it prints. It has to end well."""
        done = subprocess.run(
            [*ALONE, str(tree), str(wheels), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=900,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    yield SimpleNamespace(name=request.param, tree=tree, run=run)
    shutil.rmtree(tree)  # half a gigabyte, which pytest would keep for three runs


def test_two_commands_lead_to_the_page(fresh, capsys):
    """Its own Docker, Python and tools are enough; the run fails nothing and leaves nothing but its bundle."""
    fresh.run("python3", "-m", "venv", "/root/env")
    began = time.monotonic()
    fresh.run("pip", "install", "-q", "--no-index", "--find-links=/mnt", "roadworthy")
    installed = time.monotonic()
    said = fresh.run("roadworthy", "run", "--driver=overlay2", "-m", "not slow")
    ended = time.monotonic()
    (bundle,) = fresh.tree.glob(f"root/bundles/*/{FILE_NAME}")
    assert "identity/ro-rw-same-inode" in bundle.with_name("index.html").read_text()
    end = read_bundle(bundle).end
    assert (end.exit_status, end.stopped) == (0, "")
    assert end.counts["pass"] > 500, said
    assert list(fresh.tree.glob("var/lib/roadworthy/runs/*")) == []
    with capsys.disabled():
        seconds = f"{installed - began:.0f} s to install, {ended - installed:.0f} s to the page"
        sys.stdout.write(f"\n{fresh.name}: {seconds}, {end.counts['pass']} passes\n")
