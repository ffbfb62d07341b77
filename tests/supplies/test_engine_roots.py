"""Engine roots: names, recipes, and what the cache knows them by. Nothing is fetched."""

import contextlib
from types import SimpleNamespace

import pytest

from roadworthy.supplies import engine_roots as roots
from roadworthy.supplies.bootstrap import PARTIAL, included
from roadworthy.supplies.cache import Cache
from roadworthy.supplies.engine_roots import (
    ENGINES,
    UnknownEngine,
    WrongEngine,
    cached_root,
    check_version,
    engine_root,
    newest,
    root_spec,
    series_of,
)

VERSIONS = {name: "1.0-1" for _, packages in ENGINES.values() for name in (*packages, *roots.COMMON, *roots.ZFS)}


@pytest.fixture
def made(monkeypatch):
    """Every tree that would have been made: suite, packages and keywords."""
    calls = []

    def bootstrap(suite, packages, target, **keywords):
        calls.append((suite, packages, keywords))
        (target / "etc").mkdir(parents=True)
        return VERSIONS | {packages[0]: "20.10.24+dfsg1-1+deb12u1"}

    monkeypatch.setattr(roots, "bootstrap", bootstrap)
    return calls


def test_a_recipe_names_suite_components_and_packages():
    found = root_spec("docker-20.10")
    assert (found.suite, found.components, found.series) == ("bookworm", ("main",), "20.10")
    assert found.packages[0] == "docker.io"
    assert {"udev", "kmod", "python3", "lvm2", "thin-provisioning-tools", "fio"} <= set(found.packages)
    assert root_spec("docker-20.10-bullseye").suite == "bullseye"
    assert root_spec("podman-5").packages[0] == "podman"


@pytest.mark.parametrize(("kind", "root"), [("docker", "docker-28.5"), ("podman", "podman-6.1")])
def test_the_newest_root_of_a_kind_is_the_one_of_its_highest_series(kind, root):
    """By number: 4.3 is older than 5, and 20.10 older than 26.1."""
    assert newest(kind) == root
    others = [name for name in ENGINES if name.startswith(kind) and name != root]
    assert all(series_of(name) < series_of(root) for name in others)


def test_podman_4_is_upgraded_to_the_last_series_that_has_its_database():
    """Podman 6 refuses a data root with a BoltDB."""
    assert newest("podman", (4, 3)) == "podman-5.8"
    assert newest("podman", (5,)) == newest("podman", (5, 8)) == "podman-6.1"
    assert newest("docker", (20, 10)) == "docker-28.5"


def test_a_partial_suite_gives_what_it_has_of_what_is_named():
    """The rest comes from the whole suite beside it, as experimental's from sid."""
    assert PARTIAL == {"experimental": "sid"}
    experimental = SimpleNamespace(suite="experimental", names=lambda prefix: ["netavark", "podman", "runc"])
    assert included(("podman", "crun", "netavark"), experimental) == [
        "podman/experimental", "crun", "netavark/experimental",
    ]  # fmt: skip


def test_zfs_is_asked_for_by_name():
    found = root_spec("docker-26.1+zfs")
    assert found.components == ("main", "contrib")
    assert found.packages == (*root_spec("docker-26.1").packages, "zfsutils-linux")


def test_what_a_rootless_daemon_needs_is_asked_for_by_name():
    """Other roots stay what they are, so that nobody has to make them again."""
    found = root_spec("docker-28.5+rootless")
    assert found.components == ("main",)
    assert found.packages == (*root_spec("docker-28.5").packages, "rootlesskit", "uidmap", "slirp4netns")


@pytest.mark.parametrize(
    ("name", "near"),
    [("docker-20.1", "docker-20.10"), ("docker26.1", "docker-26.1"), ("podman-4.3+xfs", r"podman-4\.3\+zfs")],
)
def test_a_misspelt_name_names_the_nearest(name, near):
    with pytest.raises(UnknownEngine, match=rf"did you mean '{near}'\?"):
        root_spec(name)


def test_every_recipe_is_another_entry():
    digests = {str(root_spec(f"{name}{extra}").values()) for name in ENGINES for extra in ("", "+zfs", "+rootless")}
    assert len(digests) == 3 * len(ENGINES)


@pytest.mark.parametrize("version", ["20.10.24+dfsg1-1", "1:20.10.5-1", "20.10"])
def test_a_version_of_the_series_is_right(version):
    check_version(root_spec("docker-20.10"), version)


@pytest.mark.parametrize("version", ["20.1.24", "20.101-1", "26.1.5+dfsg1-9", "2:6.1"])
def test_a_suite_that_moved_on_is_an_error(version):
    with pytest.raises(WrongEngine, match=r"bookworm carries docker.io .* now, docker-20.10 needs 20.10"):
        check_version(root_spec("docker-20.10"), version)


def test_a_root_is_made_once_and_reports_exact_versions(tmp_path, made):
    cache = Cache(tmp_path)
    found = engine_root("docker-20.10", cache)
    assert found.tree.is_dir()
    assert found.version == "20.10.24+dfsg1-1+deb12u1"
    assert found.facts()["suite"] == "bookworm"
    assert found.facts()["docker.io"] == "20.10.24+dfsg1-1+deb12u1"
    assert engine_root("docker-20.10", cache) == found == cached_root("docker-20.10", cache)
    assert len(made) == 1
    assert made[0][2]["accept_expired"] is False
    assert cached_root("docker-26.1", cache) is None


def test_a_root_of_the_wrong_version_is_not_kept(tmp_path, made):
    with pytest.raises(WrongEngine):
        engine_root("docker-28.5", Cache(tmp_path), accept_expired=True)
    assert made[0][2]["accept_expired"] is True
    assert Cache(tmp_path).entries() == Cache(tmp_path).leftovers() == []


def test_an_image_belongs_to_one_making_of_its_root(tmp_path, made, monkeypatch):
    cache = Cache(tmp_path)
    monkeypatch.setattr(
        roots, "ext4_image", lambda tree, target, label, spare: target.write_text(f"{tree.name} {label}")
    )
    root = engine_root("docker-20.10", cache)
    assert roots.cached_image(root, cache) is None
    image = roots.engine_image(root, cache)
    assert (image.path / "root.ext4").read_text() == "tree root"
    assert roots.cached_image(root, cache) == image
    with contextlib.suppress(FileNotFoundError):
        record = root.entry.path / "entry.json"
        record.write_text(record.read_text().replace(root.entry.made, "2001-01-01T00:00:00Z"))
    again = engine_root("docker-20.10", cache)
    assert roots.cached_image(again, cache) is None
