"""The state of what a look finds, and the words of a refusal."""

from types import SimpleNamespace

import pytest
from docker.errors import APIError, NotFound

from roadworthy.cuts.store import Store, Thing, a_file, anonymous, made_by_engine, refused, state
from roadworthy.engine_name import EngineName
from roadworthy.engines.engine import EngineFailed
from roadworthy.reasons import Unsupported

OLD, NEW, HALF = (a_file("f", content) for content in (b"before", b"before and after", b"before and"))


def thing(expected, *before):
    return Thing("f", lambda store: None, expected, before)


@pytest.mark.parametrize(
    ("found", "expected", "before", "said"),
    [
        (NEW, NEW, (OLD,), "whole"),
        (None, None, (OLD,), "whole"),
        (OLD, NEW, (OLD,), "as before"),
        (None, NEW, (None, OLD), "as before"),
        (OLD, None, (OLD,), "as before"),
        (None, NEW, (OLD,), "gone"),
        (None, NEW, (), "gone"),
        (OLD, None, (), "there again"),
        (HALF, None, (OLD,), "there again"),
        (HALF, NEW, (OLD,), "silent: 1 of 1 files cut short"),
        (OLD, NEW, (), "silent: 1 of 1 files cut short"),
        ({}, NEW, (OLD,), "silent: 1 of 1 files missing"),
        ({**NEW, "g": NEW["f"]}, NEW, (OLD,), "silent: 1 files are new"),
        ("no such layer", NEW, (OLD,), "says so: no such layer"),
        ("no such layer", None, (OLD,), "says so: no such layer"),
    ],
)
def test_what_is_found_has_a_state(found, expected, before, said):
    """Silence is only what is handed out as if it were whole; what it was before the operation is no damage."""
    assert state(thing(expected, *before), found, expected) == said


def test_a_file_is_expected_with_its_mode_and_owner():
    assert a_file("f", None) is None
    (found,) = a_file("f", b"data", 0o600).values()
    assert (found.mode, found.owner, found.size) == (0o600, (0, 0), 4)
    assert a_file("f", b"data") != a_file("f", b"data", 0o600)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("stat /run/roadworthy/20-ab/3/m/docker/x: no such file", "stat …/docker/x: no such file"),
        ("layer 4c1b0ce16d45a1b2 is gone", "layer … is gone"),
        ("sha256:055f408b9894858f3 unexpected", "sha256:… unexpected"),
        ("rename /run/roadworthy/20-ab/3/m/x/new-3087139586 to 12", "rename …/x/new-… to 12"),
        ("input/output error", "input/output error"),
    ],
)
def test_what_differs_from_run_to_run_is_left_out(words, told):
    assert anonymous(words) == told


def test_a_refusal_is_told_in_the_engines_words_and_one_line():
    answer = SimpleNamespace(status_code=500, url="", reason="")
    assert refused(APIError("500", answer, "no such\n  image: 0123456789abcdef")) == "no such image: …"
    assert refused(ValueError("a\nb")) == "a b"


@pytest.mark.parametrize(("path", "engines"), [("etc/hosts", True), ("proc", True), ("proc/1", True), ("c/proc", False),
                                               ("etc/hosts.allow", False), ("devices", False)])  # fmt: skip
def test_what_engines_put_into_containers_is_left_out(path, engines):
    assert made_by_engine(path) is engines


def test_a_container_that_the_engine_does_not_list_is_gone_on_any_lane():
    """Also on one whose files lie on a volume, which outlives its containers."""

    def get(_identity):
        raise NotFound("no such container")

    client = SimpleNamespace(containers=SimpleNamespace(get=get))
    stand = SimpleNamespace(native=True, engine=SimpleNamespace(client=client), backing=None)
    store = Store.__new__(Store)
    store.stand = stand
    assert store._of_container("0123") is None


@pytest.mark.parametrize(("kind", "series"), [("docker", "28.5"), ("podman", "6.1"), ("docker", "29.1")])
def test_the_newest_engine_has_no_upgrade(kind, series):
    """Said before anything is fetched."""
    store = Store.__new__(Store)
    store.stand = SimpleNamespace(lane=SimpleNamespace(engine=EngineName(kind, series)))
    with pytest.raises(Unsupported, match=f"{kind} {series} is the newest .* nothing to upgrade to"):
        store.newer_engine()


def test_a_newer_daemon_that_does_not_run_here_is_no_matter_of_power_cuts():
    """As docker 28.5 on a data root of the driver overlay, which it has no more."""

    def refuses(_tree):
        raise EngineFailed("dockerd ended with 1: the driver overlay has been removed")

    store = Store.__new__(Store)
    store.stand = SimpleNamespace(
        lane=SimpleNamespace(engine=EngineName("docker", "20.10")), engine=SimpleNamespace(upgrade=refuses)
    )
    store._beside = SimpleNamespace(engine_root=lambda name: SimpleNamespace(tree=name))
    with pytest.raises(Unsupported, match=r"docker-28.5 does not run on this data root: .* has been removed"):
        store.newer_engine()()
