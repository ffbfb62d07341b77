"""Lies of the engine, told to a daemon that is none: what is asked, what is answered, and what is counted."""

import io
import json
import os
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from requests import Request, Response, Session
from requests.adapters import BaseAdapter

import roadworthy.mutants.lies  # noqa: F401 - registers the lies
from roadworthy.engines.engine import Engine
from roadworthy.mutants.lie import LIES, Asked, LyingEngine
from roadworthy.mutants.lies.daemon import told_driver
from roadworthy.mutants.lies.images import Load, layers_in, repacked
from roadworthy.mutants.lies.life import used_elsewhere
from roadworthy.mutants.lies.said import content_of, rewritten
from roadworthy.trees.layers import Directory, File, Whiteout, layer_tar, write_archive

ARGV = ["dockerd", "--storage-driver", "overlay2", "--storage-opt", "overlay2.roadworthy=1", "--group", "root"]


class Liar:
    """A mutant run that only counts."""

    def __init__(self, name=""):
        self.lie, self.standing, self.counted = LIES.get(name), True, 0

    def count(self):
        self.counted += 1


def answered(body=b"", status=200):
    made = Response()
    made.status_code, made._content = status, body if isinstance(body, bytes) else json.dumps(body).encode()
    return made


def asked(liar, method, path, answer, body=None, engine=None):
    request = Request(method, f"http+docker://localhost/v1.41/{path}", json=body).prepare()
    return Asked(engine, liar, request, lambda: answer)


def told(name, method, path, body, layers=None, **more):
    """The JSON that a lie makes of an answer, and how often it lied. `layers` are a container's own and its image's."""
    liar = Liar(name)
    request = asked(liar, method, path, answered(body), **more)
    request.layers_of_container = lambda _container: layers
    answer = liar.lie.told(request)
    return answer.json(), liar.counted


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (("GET", "containers", "*", "json"), True),
        (("GET", "containers", "*"), True),
        (("GET", "containers"), False),
        (("POST", "containers", "*", "json"), False),
        (("GET", "images", "*", "json"), False),
        (("GET", "containers", "*", "json", "*"), False),
    ],
)
def test_requests_are_told_apart(pattern, matches):
    assert asked(Liar(), "GET", "containers/abc/json?size=1", answered()).matches(*pattern) is matches


INFO = {"Driver": "overlay2", "DockerRootDir": "/d", "DriverStatus": [["Backing Filesystem", "extfs"], ["x", "y"]]}


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("info-names-another-root", {"DockerRootDir": "/"}),
        ("info-forgets-a-field", {"DriverStatus": [["Backing Filesystem", "extfs"]]}),
        ("info-names-another-file-system", {"DriverStatus": [["Backing Filesystem", "zonefs"], ["x", "y"]]}),
    ],
)
def test_info_lies_in_one_field(name, changed):
    assert told(name, "GET", "info", INFO) == (INFO | changed, 1)


@pytest.mark.parametrize("name", ["info-names-another-root", "diff-invents-a-change", "copy-in-goes-nowhere"])
def test_other_answers_are_true(name):
    assert told(name, "GET", "version", {"Version": "1"}) == ({"Version": "1"}, 0)


@pytest.fixture
def layers(tmp_path):
    """A container's layer, with a file of another mode, a file that was written and a new one, and its image's."""
    own, image = tmp_path / "own", tmp_path / "image"
    for layer in (own, image):
        (layer / "c/x/inner").mkdir(parents=True)
        (layer / "c/x/dressed").write_bytes(b"kept")
        (layer / "c/x/edited").write_bytes(layer.name.encode())
    (image / "top").mkdir()
    (own / "c/x/new").touch()
    return own, [image]


CHANGES = [
    {"Path": "/c", "Kind": 0}, {"Path": "/c/x", "Kind": 0}, {"Path": "/c/x/dressed", "Kind": 0},
    {"Path": "/c/x/edited", "Kind": 0}, {"Path": "/c/x/new", "Kind": 1}, {"Path": "/c/x/gone", "Kind": 2},
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("diff-forgets-a-change", [change for change in CHANGES if change["Path"] != "/c/x/dressed"]),
        ("diff-calls-new-changed", [*CHANGES[:4], {"Path": "/c/x/new", "Kind": 0}, CHANGES[5]]),
        ("diff-invents-a-change", [*CHANGES, {"Path": "/top", "Kind": 0}]),
    ],
)
def test_diff_lies(name, said, layers):
    assert told(name, "GET", "containers/abc/changes", CHANGES, layers) == (said, 1)


def test_what_was_removed_is_copied_out(layers):
    """The lie adds up the layers below the directory that is copied, and leaves what the daemon copied as it is."""
    own, image = layers
    (image[0] / "c/x/inner/removed").write_bytes(b"old")
    (image[0] / "c/x/inner/kept").write_bytes(b"old")
    liar = Liar("copy-out-shows-removed")
    copied = layer_tar({"inner": Directory(), "inner/kept": File(b"new")})
    request = asked(liar, "GET", "containers/abc/archive?path=/c/x/inner", answered(copied))
    request.layers_of_container = lambda _container: (own, image)
    with tarfile.open(fileobj=io.BytesIO(liar.lie.told(request).content)) as tar:
        assert {member.name: content_of(tar, member) for member in tar if member.isreg()} == {
            "inner/kept": b"new", "inner/removed": b"old",
        }  # fmt: skip
    assert liar.counted == 1


def test_sizes_are_another_each_time():
    liar = Liar("sizes-grow")
    sizes = [liar.lie.told(asked(liar, "GET", "containers/json?size=1", answered([{"SizeRw": 5}]))).json()[0]["SizeRw"]
             for _ in range(2)]  # fmt: skip
    assert sizes[0] != sizes[1]
    assert liar.counted == 2


@pytest.mark.parametrize(
    ("name", "host", "left"),
    [
        ("read-only-forgotten", {"ReadonlyRootfs": True}, {}),
        ("tmpfs-forgotten", {"Tmpfs": {"/tmp": ""}}, {}),
        ("unknown-options-ignored", {"StorageOpt": {"size": "abc"}}, {}),
        ("unknown-options-ignored", {"StorageOpt": {"size": "64M"}}, {}),
        ("mounts-forgotten", {"Binds": ["/t:/toolbox:ro", "v:/tmp:rw"]}, {"Binds": ["/t:/toolbox:ro"]}),
        ("volumes-begin-empty", {"Binds": ["/h:/volume:rw", "v:/d"]}, {"Binds": ["/h:/volume:rw", "v:/d,nocopy"]}),
    ],
)
def test_something_else_is_created_than_was_asked(name, host, left):
    liar = Liar(name)
    request = asked(liar, "POST", "containers/create", answered({"Id": "abc"}), {"Image": "i", "HostConfig": host})
    liar.lie.told(request)
    assert request.body == {"Image": "i", "HostConfig": left}
    assert int(request.request.headers["Content-Length"]) == len(request.request.body)
    assert liar.counted == 1


def test_plain_container_is_created_as_asked():
    liar = Liar("read-only-forgotten")
    request = asked(liar, "POST", "containers/create", answered({}), {"HostConfig": {"Binds": None}})
    liar.lie.told(request)
    assert (request.body, liar.counted) == ({"HostConfig": {"Binds": None}}, 0)


class FakeProcesses:
    """A /proc of ours, with the daemon (1), a container's first process (2) and one beside the daemon (3)."""

    def __init__(self, place, namespace="daemon", holds="1", mounted="9:9"):
        self.place = place
        device = os.stat(place).st_dev
        root = f"44 1 {os.major(device)}:{os.minor(device)} / / rw - overlay overlay rw\n"
        other = f"{os.major(device)}:{os.minor(device)}" if mounted == "the container's" else mounted
        self._make("1", "daemon", "1", root)
        self._make("2", "container", "44", root)
        self._make("3", namespace, holds, f"50 1 {other} / /merged rw - overlay overlay rw\n")

    def _make(self, number, namespace, holds, mounted):
        process = self.place / number
        for part in ("ns", "fdinfo", "root"):
            (process / part).mkdir(parents=True)
        (process / "ns/mnt").symlink_to(namespace)
        (process / "fdinfo/3").write_text(f"pos:\t0\nmnt_id:\t{holds}\n")
        (process / "mountinfo").write_text(mounted)


@pytest.mark.parametrize(
    ("beside", "refused"),
    [
        ({}, False),
        ({"holds": "44"}, True),
        ({"namespace": "another", "mounted": "the container's"}, True),
        ({"namespace": "another"}, False),
        ({"namespace": "container", "holds": "44", "mounted": "the container's"}, False),
        ({"mounted": "the container's"}, False),
    ],
    ids=["nothing", "an open file", "a copied mount", "another mount", "the container itself", "the daemon's mount"],
)
def test_removal_is_refused_while_something_else_has_the_root(tmp_path, beside, refused):
    """A file that is open outside of the container, or a mount in a namespace of neither daemon nor container."""
    FakeProcesses(tmp_path, **beside)
    assert used_elsewhere(tmp_path / "2") is refused


@pytest.mark.parametrize(("pid", "status"), [(2, 500), (0, 204)])
def test_container_that_has_stopped_is_removed(tmp_path, pid, status):
    """A container without a process has no root that could be in use."""
    FakeProcesses(tmp_path, holds="44")
    api = SimpleNamespace(inspect_container=lambda _container: {"State": {"Pid": pid}})
    engine = SimpleNamespace(client=SimpleNamespace(api=api), proc=lambda number: tmp_path / str(number))
    liar = Liar("removal-refused-while-used")
    request = asked(liar, "DELETE", "containers/abc", answered(status=204), engine=engine)
    assert (liar.lie.told(request).status_code, liar.counted) == (status, int(status == 500))


def image(*trees):
    """An archive for docker load."""
    target = io.BytesIO()
    write_archive(target, "name:tag", [layer_tar(tree) for tree in trees])
    return target.getvalue()


def test_images_that_share_a_layer_with_an_older_one_are_told_apart():
    """By the chain ids of their layers: a layer upon another one is another layer."""
    base, child, other = image({"a": File(b"1")}), image({"a": File(b"1")}, {"b": File(b"2")}), image({"b": File(b"2")})
    assert layers_in(child)[0] == layers_in(base)[0]
    assert layers_in(child)[1] not in layers_in(other)
    seen = []

    class Watching(Load):
        """Takes down what a load gets to know."""

        def archive(self, asked, archive, again):
            seen.append(len(again))
            return archive

    watching = Watching("watching")
    for archive in (base, other, child, child):
        request = asked(Liar(), "POST", "images/load", answered(b"{}"))
        request.request.body = archive
        watching.told(request)
    assert seen == [0, 0, 1, 2]


def names(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getnames()


def test_archive_is_written_anew():
    """Every member goes through the edit; links and directories stay what they are."""
    whole = layer_tar({"d": Directory(mode=0o2775), "d/f": File(b"data", uid=7), "d/.wh.gone": File(b"")})

    def edit(made, content):
        made.uid = 0
        return None if "wh" in made.name else (made, content)

    changed = rewritten(whole, edit, ((tarfile.TarInfo("more"), b"more"),))
    with tarfile.open(fileobj=io.BytesIO(changed)) as tar:
        assert tar.getnames() == ["d", "d/f", "more"]
        assert tar.getmember("d").isdir()
        assert tar.getmember("d/f").uid == 0
        assert tar.extractfile("d/f").read() == b"data"


def empty(made, _content):
    """An edit that takes the content."""
    return made, b""


def test_repacked_image_has_the_digests_of_its_layers():
    whole = image({"a": File(b"1")}, {"b": Whiteout()})
    same = repacked(whole, lambda content: content)
    other = repacked(whole, lambda content: rewritten(content, empty))
    digests = []
    for archive in (whole, same, other):
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            manifest = json.load(tar.extractfile("manifest.json"))[0]
            digests.append(json.load(tar.extractfile(manifest["Config"]))["rootfs"]["diff_ids"])
            assert manifest["RepoTags"] == ["name:tag"]
    assert digests[0] == digests[1]
    assert digests[0][0] != digests[2][0]


def test_daemon_is_told_another_driver():
    assert told_driver(ARGV, "vfs") == ["dockerd", "--storage-driver", "vfs", "--group", "root"]


@pytest.mark.parametrize(
    ("name", "again", "driver"),
    [
        ("daemon-takes-another-driver", False, "vfs"),
        ("daemon-takes-another-driver", True, "overlay2"),
        ("restarted-daemon-takes-another-driver", True, "overlay2"),
        ("unknown-options-ignored", False, "overlay2"),
    ],
)
def test_command_line_of_a_starting_daemon(name, again, driver):
    liar = Liar(name)
    argv = liar.lie.starting(None, list(ARGV), again, liar)
    assert argv[argv.index("--storage-driver") + 1] == driver
    assert liar.counted == (argv != ARGV)


def test_commit_edits_the_new_layer(tmp_path):
    """The edit is of the image's own layer, and only counted where it found something."""
    layer = tmp_path / "layer"
    (layer / "c/image.a").mkdir(parents=True)
    (layer / "c/image.a/f").write_bytes(b"data")
    os.link(layer / "c/image.a/f", layer / "c/image.a/g")
    liar = Liar("commit-splits-links")
    for counted in (1, 1):
        request = asked(liar, "POST", "commit?container=abc", answered({"Id": "new"}, 201))
        request.image_layers = lambda _image: [tmp_path / "base", layer]
        request.writable_layer = lambda _container: tmp_path
        liar.lie.told(request)
        assert liar.counted == counted
    assert (layer / "c/image.a/f").stat().st_ino != (layer / "c/image.a/g").stat().st_ino
    assert (layer / "c/image.a/g").read_bytes() == b"data"


class FakeAdapter(BaseAdapter):
    """Answers every request as a daemon answers `docker info`."""

    def send(self, request, **_):
        return answered(INFO)

    def close(self):
        """Nothing is open."""


class FakeEngine(Engine):
    """An engine without a daemon: a client that is answered, and a command that repeats its words."""

    name = program = directory = "fake"

    def _command_line(self, driver, storage_options, cgroup, extra):
        return ["dockerd"]

    def _start(self):
        api = Session()
        api.base_url = "http+docker://localhost"
        api.mount("http+docker://", FakeAdapter())
        self.client = SimpleNamespace(api=api)

    def _command(self, *words):
        return " ".join(words)


def test_lying_engine_goes_through_the_lie_that_is_told_now(tmp_path):
    liar = Liar()
    place = SimpleNamespace(runtime=tmp_path, path=Path, reach=Path)
    backing = SimpleNamespace(mountpoint=tmp_path)
    engine = FakeEngine(place, backing, "driver", interposer=LyingEngine(liar))

    def info():
        return engine.client.api.get("http+docker://localhost/v1.41/info").json()

    assert info() == INFO
    liar.lie = LIES["info-names-another-root"]
    assert info()["DockerRootDir"] == "/"
    liar.standing = False
    assert info() == INFO
    assert engine.driver == "driver"
    liar.lie = LIES["command-takes-a-driver"]
    assert engine.command("ps") == "ps"
    assert engine.command("create", "--storage-driver=x") != "create --storage-driver=x"


def test_an_engine_without_a_lie_is_left_alone(tmp_path):
    """Nothing stands between a client and its daemon in a run of checks."""
    place = SimpleNamespace(runtime=tmp_path, path=Path, reach=Path)
    engine = FakeEngine(place, SimpleNamespace(mountpoint=tmp_path), "driver")
    assert isinstance(engine.client.api.get_adapter("http+docker://localhost"), FakeAdapter)
    assert engine.command("ps") == "ps"


# --- what outlives a power cut


class Process:
    """A daemon, as far as it is not another one."""


def loading(liar, engine, archive, answer):
    request = asked(liar, "POST", "images/load", answer, engine=engine)
    request.request.body = archive
    return liar.lie.told(request)


def test_an_image_is_loaded_once_by_each_daemon():
    """What was loaded is known by its layers; another image, and another daemon, are not concerned."""
    liar, one, other = Liar("load-again-does-nothing"), Process(), Process()
    first, second = (image({"f": File(content)}) for content in (b"1", b"2"))
    asked_for = [(one, first), (one, second), (other, first), (one, first)]
    found = [loading(liar, engine, archive, answered({"stream": "loaded"})) for engine, archive in asked_for]
    assert [answer.json()["stream"] for answer in found] == ["loaded", "loaded", "loaded", ""]
    assert liar.counted == 1


@pytest.mark.parametrize(("again", "left"), [(False, 4096), (True, 512)])
def test_a_database_is_torn_when_a_daemon_starts_again(tmp_path, again, left):
    liar, database = Liar("torn-database-stops-daemon"), tmp_path / "network/files/local-kv.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(bytes(4096))
    assert liar.lie.starting(SimpleNamespace(root=tmp_path), ARGV, again, liar) == ARGV
    assert (database.stat().st_size, liar.counted) == (left, int(again))


def test_a_daemon_that_syncs_nothing_is_started_under_a_filter():
    liar = Liar("daemon-syncs-nothing")
    words = liar.lie.starting(None, ARGV, False, liar)
    assert words[-len(ARGV) :] == ARGV
    assert "roadworthy.mutants.without_sync" in words
    assert liar.counted == 1
