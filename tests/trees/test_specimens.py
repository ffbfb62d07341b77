"""What is written by hand for real software is what that software takes, and the same at every time."""

import io
import sqlite3
import subprocess
import tarfile
import zipfile

import pytest

from roadworthy.programs import ProgramFailed, run
from roadworthy.trees import specimens

FILES = {"etc/demo.conf": b"setting\n", "usr/share/demo/odd": b"odd"}
COMMITS = [{"kept": b"1", "d/e/f": b"deep", "d.x": b"sorted"}, {"kept": b"2", "d": b"a file now"}]


def unpacked(repository, place):
    for path, data in repository.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(data)


def test_dpkg_reads_the_package(tmp_path):
    """dpkg-deb finds name, version, conffiles and all files in a package that is made here."""
    package = tmp_path / "demo.deb"
    package.write_bytes(specimens.debian_package("demo", "1.0", FILES))
    assert run(["dpkg-deb", "--showformat=${Package} ${Version}", "--show", package]) == "demo 1.0"
    assert run(["dpkg-deb", "--info", package, "conffiles"]) == "/etc/demo.conf\n"
    said = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(said)) as tar:
        found = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
    assert found == {f"./{path}": data for path, data in FILES.items()}


def test_dpkg_takes_the_installed_package_for_installed(tmp_path):
    """dpkg lists and verifies what an image has of an installed package, and notices a file that was changed."""
    unpacked(specimens.installed_package("demo", "1.0", FILES), tmp_path)
    admin = f"--admindir={tmp_path}/var/lib/dpkg"
    assert "/usr/share/demo/odd" in run(["dpkg-query", admin, "--listfiles", "demo"]).splitlines()
    assert run(["dpkg-query", admin, "--showformat=${db:Status-Status}", "--show", "demo"]) == "installed"
    sums = (tmp_path / "var/lib/dpkg/info/demo.md5sums").read_text()
    (tmp_path / "sums").write_text(sums)
    run(["env", f"--chdir={tmp_path}", "md5sum", "--check", "--strict", "sums"])
    (tmp_path / "etc/demo.conf").write_text("changed")
    with pytest.raises(ProgramFailed, match=r"etc/demo\.conf: FAILED|did NOT match"):
        run(["env", f"--chdir={tmp_path}", "md5sum", "--check", "--strict", "sums"])


def test_git_finds_no_fault_with_the_repository(tmp_path):
    """git fsck takes every object, and the branches have their files."""
    unpacked(specimens.git_repository(COMMITS), tmp_path)
    git = ["git", "-c", "safe.directory=*", f"--git-dir={tmp_path}"]
    assert run([*git, "fsck", "--strict", "--full"]) == ""
    assert run([*git, "show", "branch-0:d/e/f"]) == "deep"
    assert run([*git, "log", "--format=%s", "branch-1"]) == "commit 1\ncommit 0\n"
    assert run([*git, "ls-tree", "--name-only", "branch-1"]) == "d\nkept\n"


def test_sqlite_reads_the_database(tmp_path):
    """A database is a file that SQLite opens and finds whole."""
    place = tmp_path / "database"
    place.write_bytes(specimens.sqlite_database("CREATE TABLE t (n); INSERT INTO t VALUES (7);"))
    connection = sqlite3.connect(place)
    assert connection.execute("SELECT n FROM t").fetchall() == [(7,)]
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_the_record_of_a_wheel_names_each_file():
    """RECORD has a line for every file of a wheel, and for the installer's mark where pip installed it."""
    packed = zipfile.ZipFile(io.BytesIO(specimens.wheel("demo", "1.0", {"demo/__init__.py": b""})))
    record = packed.read("demo-1.0.dist-info/RECORD").decode()
    assert sorted(line.split(",")[0] for line in record.splitlines()) == sorted(packed.namelist())
    installed = specimens.installed_wheel("demo", "1.0", {"demo/__init__.py": b""})
    record = installed["demo-1.0.dist-info/RECORD"].decode()
    assert sorted(line.split(",")[0] for line in record.splitlines()) == sorted(installed)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: specimens.debian_package("demo", "1.0", FILES), id="package"),
        pytest.param(lambda: specimens.git_repository(COMMITS), id="repository"),
        pytest.param(lambda: specimens.sqlite_database("CREATE TABLE t (n);"), id="database"),
        pytest.param(lambda: specimens.wheel("demo", "1.0", FILES), id="wheel"),
    ],
)
def test_a_specimen_is_the_same_each_time(make):
    """Two makings are equal byte for byte, so that image layers have the same digest in every run."""
    assert make() == make()
