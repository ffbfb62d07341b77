"""Timed requests and tar beside them: what a cost is, what voids it, and what is left behind."""

import io
import subprocess
import tarfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from roadworthy import touching_program
from roadworthy.deadline import let_pass
from roadworthy.engines.containers import Containers
from roadworthy.measuring import guards
from roadworthy.measuring.counters import Work
from roadworthy.measuring.design import Measured
from roadworthy.measuring.life import ByTar, Life, ServiceFailed, Stopwatch
from roadworthy.trees.layers import File, build_context, layer_tar, write_archive


class FakeMeter:
    """Counts what it is told to."""

    def __init__(self, **counted):
        self._counted = counted

    @contextmanager
    def counting(self):
        yield Work(**self._counted)


class Here:
    """A place that is this machine."""

    def inside(self, path):
        return str(path)

    def run(self, argv, seconds=60):
        return subprocess.run(argv, timeout=seconds, check=True, capture_output=True, text=True).stdout


def test_a_cost_is_in_milliseconds_and_has_the_device_s_work():
    """What an operation answers comes with what it took."""
    watch = Stopwatch(FakeMeter(device={"flushes": 3.0}))
    answer, cost = watch.clocked(lambda: let_pass(0.02) or "answer")
    assert answer == "answer"
    assert 20 <= cost.cost < 2000
    assert cost.counters == {"device flushes": 3.0}
    assert not cost.void


def test_what_others_compute_voids_a_cost_but_not_one_that_fills_the_processors_itself():
    """Four starts at once make each other wait; that is no trouble of the machine."""
    watch = Stopwatch(FakeMeter(pressure={"cpu": 1e6}))
    assert watch.clocked(lambda: None)[1].void == guards.UNCROWDED
    assert not watch.clocked(lambda: None, crowded=True)[1].void
    stolen = Stopwatch(FakeMeter(stolen=0.5))
    assert stolen.clocked(lambda: None, crowded=True)[1].void == guards.UNSTOLEN


def test_a_removal_and_what_follows_it_are_two_metrics():
    """The second holds the first, and the wait until the file system has done it."""
    watch = Stopwatch(FakeMeter())
    life = Life(None, None, watch)
    found = life.and_settled("by itself", "with all", lambda: watch.clocked(lambda: None)[1], lambda: let_pass(0.02))
    assert list(found) == ["by itself", "with all"]
    assert found["with all"].cost >= 20 + found["by itself"].cost


def test_the_random_phase_is_the_same_in_every_run(monkeypatch):
    """A die with a fixed seed, so that a run can be repeated; its pauses are shares of a second and differ."""
    passed = []
    monkeypatch.setattr("roadworthy.measuring.life.let_pass", passed.append)
    for life in (Life(None, None, Stopwatch(FakeMeter())), Life(None, None, Stopwatch(FakeMeter()))):
        for _ in range(20):
            life.at_random_phase()
    assert passed[:20] == passed[20:]
    assert all(0 <= pause < 1 for pause in passed)
    assert max(passed) - min(passed) > 0.5


def test_tar_makes_the_same_tree_of_an_archive(tmp_path):
    """Each layer over the one below, in a fresh directory; a second time is refused, and removal takes it away."""
    archive = io.BytesIO()
    layers = [{"a": File(b"old"), "b": File(b"kept")}, {"a": File(b"new")}]
    write_archive(archive, "name:tag", [layer_tar(layer) for layer in layers])
    by_tar = ByTar(Here(), tmp_path, Stopwatch(FakeMeter()))
    by_tar.lay("it", archive.getvalue())
    assert isinstance(by_tar.unpack("it"), Measured)
    assert {path.name: path.read_bytes() for path in (tmp_path / "it").iterdir()} == {"a": b"new", "b": b"kept"}
    with pytest.raises(subprocess.CalledProcessError):
        by_tar.unpack("it")
    by_tar.pack("it")
    by_tar.remove("it")
    assert [path.name for path in tmp_path.iterdir()] == ["it.layers"]


def test_the_builder_is_sent_its_words_and_its_files():
    """The Dockerfile lies at the top, what it copies below `context`."""
    with tarfile.open(fileobj=io.BytesIO(build_context(["FROM x", "COPY context/f /f"], {"f": b"data"}))) as tar:
        found = {member.name: tar.extractfile(member).read() for member in tar if member.isreg()}
    assert found == {"Dockerfile": b"FROM x\nCOPY context/f /f", "context/f": b"data"}


def test_archives_that_are_not_loaded_have_names_of_their_own():
    """Several are prepared before the first is loaded."""
    containers = Containers(SimpleNamespace(labels={}), None, Path("/v"), "image", None, "/c/life.load")
    (one, first), (other, second) = containers.archive({"f": b"1"}), containers.archive({"f": b"1"})
    assert first != second
    for archive, name in ((one, first), (other, second)):
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            assert name.encode() in tar.extractfile("manifest.json").read()


def test_a_tiny_program_touches_its_file(tmp_path):
    """Without a library or a shell; a file that is there is emptied."""
    program, target = tmp_path / "program", tmp_path / "touched"
    program.write_bytes(touching_program(str(target)))
    program.chmod(0o755)
    target.write_bytes(b"full")
    subprocess.run([program], check=True)
    assert target.read_bytes() == b""


class Answering:
    """A container whose first process says these pieces, one after another, and the engine that starts it."""

    id = "container"

    def __init__(self, *pieces):
        self.pieces, self.told = list(pieces), []
        self.client = self.api = self

    def start(self, identity):
        self.told.append(identity)

    @contextmanager
    def attached(self):
        assert not self.told, "its streams are there before it begins"
        yield self

    def send(self, data):
        self.told.append(data)

    def receive(self):
        let_pass(0.01)
        piece = self.pieces.pop(0)
        if piece is None:
            raise BlockingIOError
        return piece

    def complaints(self):
        return "no such file"


def test_a_service_is_ready_with_its_first_answer():
    """However many pieces that comes in, and the wait for each is in the time."""
    service = Answering(None, b"hel", None, b"lo\n")
    cost = Life(service, None, Stopwatch(FakeMeter())).until_answer(service, b"hello\n")
    assert service.told == ["container", b"hello\n"]
    assert 40 <= cost.cost < 2000


@pytest.mark.parametrize(("pieces", "said"), [((b"",), "no such file"), ((b"help\n",), "it answered b'help")])
def test_a_service_that_does_not_answer_makes_no_number(pieces, said):
    """Its last words are told."""
    service = Answering(*pieces)
    with pytest.raises(ServiceFailed, match=said):
        Life(service, None, Stopwatch(FakeMeter())).until_answer(service, b"hello\n")


class Counting:
    """Tells that the engine made a call for each block that it watches."""

    counting = True

    @contextmanager
    def of_engine(self):
        yield {"the engine": {"openat": 1}}


def test_requests_are_counted_instead_of_timed_where_that_is_asked_for():
    """What was done for several containers is divided among them, in counts as in times."""
    watch = Stopwatch(FakeMeter(), Counting())
    answer, found = watch.clocked(lambda: "answer")
    assert (answer, found.cost, dict(found.calls)) == ("answer", 0.0, {"the engine": {"openat": 1}})
    assert Stopwatch(FakeMeter()).clocked(lambda: None)[1].calls == {}
