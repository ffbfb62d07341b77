"""The toolbox: found again by what it is made from."""

import os

import pytest

from roadworthy.calls import toolbox as module
from roadworthy.calls.toolbox import Toolbox, digest
from roadworthy.programs import ProgramFailed
from roadworthy.supplies.cache import Cache, cache_directory


def test_the_digest_is_of_the_sources_as_they_are(tmp_path):
    """The same programs give the same digest; another size or time, or one more program, another one."""
    program, second = tmp_path / "program", tmp_path / "second"
    program.write_bytes(b"one")
    second.write_bytes(b"two")
    before = digest(program)
    assert digest(program) == before
    assert digest(program, second) != before
    os.utime(program, ns=(0, 0))
    touched = digest(program)
    assert touched != before
    program.write_bytes(b"longer")
    os.utime(program, ns=(0, 0))
    assert digest(program) != touched


def test_the_digest_is_of_the_agent_too(tmp_path, monkeypatch):
    """A changed agent is another toolbox, so that no old one is run."""
    before = digest()
    changed = tmp_path / "agent.py"
    changed.write_bytes(module.AGENT.read_bytes() + b"\n")
    monkeypatch.setattr(module, "AGENT", changed)
    assert digest() != before


def test_a_program_is_run_by_the_toolboxs_own_loader(tmp_path):
    """A command goes through the toolbox's loader and libraries, and nothing of the image."""
    tools = Toolbox(tmp_path, "ld-linux-x86-64.so.2", frozenset({"mv"}))
    loader, *rest = tools.command("mv", "a", "b")
    assert loader == "/toolbox/lib/ld-linux-x86-64.so.2"
    assert rest[-3:] == ["/toolbox/bin/mv", "a", "b"]
    assert tools.agent("--idle")[-2:] == ["/toolbox/agent.py", "--idle"]


@pytest.mark.parametrize(
    ("named", "uid", "found"), [("/x", 0, "/x/roadworthy"), (None, 0, "/var/cache/roadworthy")], ids=range(2)
)
def test_the_cache_is_where_the_system_keeps_such_things(monkeypatch, named, uid, found):
    """XDG_CACHE_HOME is honoured; root's cache is the system's."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if named:
        monkeypatch.setenv("XDG_CACHE_HOME", named)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert str(cache_directory()) == found


def test_a_toolbox_is_made_once_and_runs_the_agent(tmp_path):
    """A toolbox holds loader, interpreter and agent, is found again, and leaves nothing half made."""
    cache = Cache(tmp_path)
    first = module.toolbox(cache)
    made = (first.directory / "bin").stat().st_mtime_ns
    assert module.toolbox(cache) == first
    assert (first.directory / "bin").stat().st_mtime_ns == made
    assert [entry.path for entry in cache.entries("toolbox")] == [first.directory]
    assert cache.leftovers() == []
    loader = first.directory / "lib" / first.loader
    said = module.run(
        [
            loader, "--library-path", first.directory / "lib", "--argv0", first.directory / "bin/python3",
            first.directory / "bin/python3", "-I", "-S", "-B", first.directory / "agent.py", "--modules",
        ]
    )  # fmt: skip
    assert "json" in said
    assert all(line.startswith(str(first.directory)) for line in said.splitlines())


def test_a_toolbox_that_containers_have_is_not_pruned(tmp_path):
    """It goes when nobody holds it."""
    cache = Cache(tmp_path)
    tools = module.toolbox(cache)
    with tools.held():
        (kept,) = cache.prune(unused_for=0)
        assert (kept.path, kept.kept) == (tools.directory, "a run is using it or making it")
        assert tools.directory.is_dir()
    assert [pruned.kept for pruned in cache.prune("toolbox", unused_for=0)] == [""]
    assert not tools.directory.exists()


def test_a_fio_that_does_not_answer_ends_no_run(monkeypatch):
    """A program that takes too long to say its version, as from a slow disk, leaves a gap in the header and no more."""

    def late(argv, *_):
        raise ProgramFailed(f"{argv[0]} did not end within 60 s")

    monkeypatch.setattr(module, "run", late)
    assert module.fio_version() == ""
