"""The companion command about the cache: lists, and prune."""

import json

import pytest
from click.testing import CliRunner

from roadworthy.command.cli import main
from roadworthy.supplies import kernel_lists
from roadworthy.supplies.cache import Cache
from roadworthy.supplies.engine_roots import ENGINES
from roadworthy.supplies.kernels import recipe


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Cache()


@pytest.fixture
def command(cache):
    return lambda *words: CliRunner().invoke(main, words)


def kernel_entry(cache):
    package = "linux-image-6.1.0-50-cloud-amd64"
    facts = {"suite": "bookworm", "package": package, "version": "6.1.176-1", "release": "6.1.0-50-cloud-amd64"}
    return cache.entry("kernel", recipe("6.1", "cloud-"), lambda directory: facts, label="linux-cloud-6.1")


def test_an_empty_cache(command, cache):
    assert command("cache", "list").output == f"0 entries, 0 MB in {cache.directory}\n"
    assert command("cache", "prune", "--all").output == "0 MB freed\n"


def test_kernels_of_the_package_lists_are_listed(command, cache, package_lists, monkeypatch):
    """A series that only backports carry is named as it was when the lists were read last."""
    monkeypatch.setattr(kernel_lists, "last_listed", lambda cache: package_lists)
    found = json.loads(command("kernels", "--json").stdout)["kernels"]
    rows = [(one["kernel"], one["suite"], one["package"]) for one in found if one["kernel"] in ("6.18", "7.3")]
    assert rows == [
        ("6.18", "trixie-backports", "linux-image-6.18.4-cloud-amd64"),
        ("7.3", "trixie-backports", "linux-image-7.3.4-cloud-amd64"),
        ("7.3", "experimental", "linux-image-7.3.4-cloud-amd64"),
    ]


def test_kernels_are_listed_with_what_is_cached(command, cache):
    kernel_entry(cache)
    lines = {line.split()[0]: line for line in command("kernels").output.splitlines() if line}
    assert list(lines) == ["kernel", "host", "5.10", "6.1", "6.12", "7.2"]
    assert "linux-image-6.1.0-50-cloud-amd64" in lines["6.1"]
    assert "6.1.176-1" in lines["6.1"]
    assert "not in the cache" in lines["7.2"]


def test_engines_are_listed(command):
    lines = command("engines").output.splitlines()
    assert len(lines) == 1 + len(ENGINES)
    assert all("not in the cache" in line for line in lines[1:])


def test_prune_removes_what_it_is_told(command, cache):
    entry = kernel_entry(cache)
    assert command("cache", "prune").output == "0 MB freed\n"
    assert command("cache", "prune", "--older-than", "1").output == "0 MB freed\n"
    assert entry.path.is_dir()
    done = command("cache", "prune", "--all", "kernel")
    assert done.output.startswith(f"removed {entry.path}\n")
    assert not entry.path.exists()


def test_prune_says_what_it_keeps(command, cache):
    entry = kernel_entry(cache)
    with entry.held():
        done = command("cache", "prune", "--all")
    assert done.output == f"kept {entry.path}: a run is using it or making it\n0 MB freed, 1 things kept\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cache", "prnue"], "no command 'prnue'; did you mean 'prune'?"),
        (["cache", "prune", "kernal"], "no kind 'kernal' in the cache; did you mean 'kernel'? Known: kernel"),
        (["cache", "prune", "--all", "--older-than", "3"], "--all and --older-than exclude each other"),
        (["cache", "prune", "--older-than", "-1"], "not in the range"),
        (["kernels", "--make", "6.11"], "no kernel 6.11; did you mean '6.12'?"),
        (["engines", "--make", "docker-20.1"], "no engine root docker-20.1; did you mean 'docker-20.10'?"),
    ],
)
def test_a_word_that_means_nothing_names_the_nearest(command, cache, words, said):
    kernel_entry(cache)
    done = command(*words)
    assert done.exit_code != 0
    assert said in done.output
