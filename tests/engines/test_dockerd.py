"""dockerd: what of its start is its own haste, and what is a failure."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.engines.dockerd import STARTS, Dockerd, waiting
from roadworthy.engines.engine import Engine, EngineFailed
from roadworthy.reasons import Unsupported

#: Five goroutines of a dockerd 20.10.24 whose data root was frozen: a request to make a container, one that serves the
#: agent's stream, a connection without a request, the writer of the dump, and the one that waits for containerd.
STACKS = Path(__file__).with_name("stacks.txt")
LATE = "dockerd ended with 1: failed to start containerd: timeout waiting for containerd to start"


@pytest.fixture
def starts(monkeypatch, tmp_path):
    """A daemon that is not there: its starts fail with these words in turn, and then succeed."""
    words, begun = [], []

    def start(self):
        begun.append(self)
        if len(begun) <= len(words):
            raise EngineFailed(words[len(begun) - 1])

    monkeypatch.setattr(Engine, "_start", start)

    def told(*failures):
        words[:] = failures
        daemon = object.__new__(Dockerd)
        daemon.place, daemon._runtime = SimpleNamespace(scale=1.0, path=Path), tmp_path
        Dockerd._start(daemon)
        return len(begun)

    told.begun = begun
    return told


def test_a_start_that_succeeds_is_the_only_one(starts):
    """A daemon that comes up is started once."""
    assert starts() == 1


@pytest.mark.parametrize("late", range(1, STARTS))
def test_a_containerd_that_is_late_several_times(starts, late):
    """dockerd has its own deadline for containerd, which nobody can stretch: it is met by starting again."""
    assert starts(*[LATE] * late) == late + 1


def test_a_containerd_that_is_always_late_is_a_failure(starts):
    """A daemon that never gets on is not started for ever."""
    with pytest.raises(EngineFailed, match="waiting for containerd"):
        starts(*[LATE] * STARTS)
    assert len(starts.begun) == STARTS


@pytest.mark.parametrize(("comm", "gone"), [("containerd\n", False), ("sh\n", True), (None, True)])
def test_the_containerd_of_the_last_daemon_has_to_be_gone(tmp_path, comm, gone):
    """Its file names a process, which may have ended, or be another one by now."""
    daemon = object.__new__(Dockerd)
    daemon._runtime = tmp_path
    # /proc lies in the directory, too.
    daemon.place = SimpleNamespace(path=lambda path: tmp_path / str(path).replace("/proc/", "").lstrip("/")
                                   if str(path).startswith("/proc/") else Path(path))  # fmt: skip
    (tmp_path / "x/containerd").mkdir(parents=True)
    (tmp_path / "x/containerd/containerd.pid").write_text("12")
    if comm is not None:
        (tmp_path / "12").mkdir()
        (tmp_path / "12/comm").write_text(comm)
    assert daemon._containerd_is_gone() is gone


def test_any_other_failure_is_told_at_once(starts):
    """A daemon that refuses its driver is not asked twice."""
    with pytest.raises(EngineFailed, match="driver not supported"):
        starts("dockerd ended with 1: driver not supported")
    assert len(starts.begun) == 1


def test_patience_ends_with_its_block():
    """An answer that takes its time is waited for longer, stretched as all deadlines are, and the next as ever."""
    daemon = object.__new__(Dockerd)
    daemon.place = SimpleNamespace(scale=2.5)
    daemon.client = SimpleNamespace(api=SimpleNamespace(timeout=60))
    seen = []

    def refused():
        with daemon.patience(100):
            seen.append(daemon.client.api.timeout)
            raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        refused()
    assert seen == [310]
    assert daemon.client.api.timeout == 60


def test_temporary_files_go_with_the_run(tmp_path):
    """What dockerd and those that it starts leave when they are killed lies where the reaper removes it."""
    engine = object.__new__(Dockerd)
    engine.data_root, engine._runtime = tmp_path / "data", tmp_path / "run"
    engine._runtime.mkdir()
    engine.place = SimpleNamespace(path=lambda path: path)
    words = engine._command_line(DRIVERS["overlay2"], [], "", [])
    assert words[:3] == ["env", f"TMPDIR={engine._runtime}", "dockerd"]


UNKNOWN = 'msg="Ignoring unknown key in TOML for plugin" error="strict mode: …" key=max_unmerged_layers plugin=x'
FAILED = (
    'msg="failed to load plugin" error="failed to check fsverity support on \\"/r\\": enable fsverity failed: '
    'operation not supported" id=io.containerd.snapshotter.v1.erofs type=io.containerd.snapshotter.v1'
)


@pytest.fixture
def configured(tmp_path):
    """A daemon of the erofs snapshotter with one setting, whose containerd has logged something."""

    def configured(option, said, started=False):
        (tmp_path / "log").write_text(f'level=info msg="loading plugin" id=x\n{said}\n')
        daemon = object.__new__(Dockerd)
        daemon.driver, daemon.log, daemon.started = DRIVERS["containerd:erofs"], tmp_path / "log", started
        daemon._plugins = daemon.driver.containerd_plugins(None, tmp_path, [option])
        return daemon

    return configured


@pytest.mark.parametrize(
    ("option", "said", "reason"),
    [
        ("max_unmerged_layers=1", UNKNOWN, "this containerd does not know max_unmerged_layers, and ignores it"),
        (
            "enable_fsverity=true",
            FAILED,
            "no io.containerd.snapshotter.v1.erofs with enable_fsverity: operation not",
        ),
    ],
)
def test_a_setting_that_containerd_passes_over_is_not_claimed(configured, option, said, reason):
    """The lane would be called after a setting that nothing has."""
    with pytest.raises(Unsupported, match=reason):
        configured(option, said)._refuse_settings()


@pytest.mark.parametrize(("option", "started"), [("set_immutable=true", False), ("enable_fsverity=true", True)])
def test_what_fails_for_another_reason_is_no_setting(configured, option, started):
    """What is logged of other settings, and by a containerd that had its settings before."""
    configured(option, UNKNOWN if not started else FAILED, started)._refuse_settings()


def test_the_stacks_of_a_daemon_name_the_request_that_waits():
    """Of all goroutines, it is the one that serves a request, by the driver's function and what that waits for."""
    assert waiting(STACKS.read_text()) == [
        "dockerd is in overlay2.(*Driver).create, and waits there in idtools.MkdirAndChown (syscall)"
    ]


def test_a_daemon_without_a_waiting_request_names_none():
    """A connection without a request waits for ever, and so does the stream of an agent."""
    served = [text for text in STACKS.read_text().split("\n\n") if "MkdirAndChown" not in text]
    assert waiting("\n\n".join(served)) == []
    assert waiting("") == waiting("goroutine 1 [running]:") == []
