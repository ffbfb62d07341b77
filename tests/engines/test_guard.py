"""The guard in front of a daemon of somebody else's: which requests pass, and which would reach what is theirs."""

import json
from types import SimpleNamespace

import pytest
from docker.errors import NotFound
from requests import PreparedRequest, Response

from roadworthy.engines.guard import Guard
from roadworthy.reasons import Unsupported
from roadworthy.upkeep.objects import LABEL

MINE, THEIRS = {LABEL: "run-1"}, {LABEL: "run-2"}


class Client:
    """Looks up things by name: those that begin with `mine` have the run's label."""

    def __init__(self):
        self.looked = []

    def labels(self, name):
        self.looked.append(name)
        if name.startswith("no"):
            raise NotFound("none", response=SimpleNamespace(status_code=404))
        return MINE if name.startswith("mine") else THEIRS if name.startswith("other") else None

    def inspect_container(self, name):
        return {"Config": {"Labels": self.labels(name)}}

    inspect_image = inspect_container

    def inspect_volume(self, name):
        return {"Labels": self.labels(name)}


class Adapter:
    """The daemon's own adapter; keeps what reached it."""

    def __init__(self):
        self.sent = []

    def send(self, request, **_):
        self.sent.append(request)
        answer = Response()
        answer.status_code, answer._content = 201, b'{"Id": "e1"}'
        return answer


@pytest.fixture
def ask():
    """Send a request through the guard; whether it has reached the daemon."""
    client, adapter = Client(), Adapter()
    guard = Guard(client, "run-1", adapter)

    def ask(method, path, body=None, **query):
        request = PreparedRequest()
        request.prepare(method, f"http+docker://localhost/v1.41{path}", params=query, data=body)
        guard.send(request)
        return adapter.sent[-1] is request

    ask.client = client
    return ask


def made(labels):
    return json.dumps({"Labels": labels}).encode()


@pytest.mark.parametrize(
    ("method", "path", "settings"),
    [
        ("GET", "/containers/theirs/json", {}),
        ("HEAD", "/containers/theirs/archive", {}),
        ("POST", "/containers/create", {"body": made(MINE), "name": "x"}),
        ("POST", "/volumes/create", {"body": made(MINE)}),
        ("POST", "/build", {"labels": json.dumps(MINE)}),
        ("POST", "/images/create", {"fromSrc": "-", "changes": [f"LABEL {LABEL}=run-1"]}),
        ("POST", "/images/load", {"body": b"tar"}),
        ("POST", "/commit", {"container": "mine"}),
        ("POST", "/containers/mine/start", {}),
        ("PUT", "/containers/mine/archive", {"body": b"tar"}),
        ("POST", "/images/mine/by/me/tag", {"repo": "x"}),
        ("DELETE", "/containers/mine", {"force": "1"}),
        ("DELETE", "/images/mine:1", {}),
        ("DELETE", "/volumes/mine", {}),
        ("DELETE", "/containers/none-is-there", {}),
    ],
)
def test_what_reads_or_is_the_runs_own_passes(ask, method, path, settings):
    """And what names nothing reaches nothing."""
    assert ask(method, path, **settings)


@pytest.mark.parametrize(
    ("method", "path", "settings"),
    [
        ("POST", "/containers/create", {"body": made({})}),
        ("POST", "/containers/create", {"body": made(THEIRS)}),
        ("POST", "/volumes/create", {"body": b"{}"}),
        ("POST", "/build", {"labels": "{}"}),
        ("POST", "/images/create", {"fromImage": "debian"}),
        ("POST", "/images/create", {"fromSrc": "-"}),
        ("POST", "/commit", {"container": "theirs"}),
        ("POST", "/containers/theirs/stop", {}),
        ("POST", "/containers/other/kill", {}),
        ("POST", "/containers/theirs/exec", {"body": b"{}"}),
        ("PUT", "/containers/theirs/archive", {"body": b"tar"}),
        ("DELETE", "/containers/theirs", {}),
        ("DELETE", "/images/theirs/of:1", {}),
        ("DELETE", "/volumes/theirs", {}),
        ("POST", "/images/mine/push", {}),
        ("POST", "/images/theirs/tag", {}),
        ("POST", "/containers/prune", {}),
        ("POST", "/images/prune", {}),
        ("POST", "/volumes/prune", {}),
        ("POST", "/build/prune", {}),
        ("POST", "/networks/create", {"body": made(MINE)}),
        ("POST", "/swarm/init", {}),
        ("POST", "/exec/e1/start", {}),
        ("PATCH", "/containers/mine", {}),
    ],
)
def test_what_would_reach_others_is_refused_before_it_is_sent(ask, method, path, settings):
    with pytest.raises(Unsupported, match="would reach what this run has not made, on a daemon of somebody else's"):
        ask(method, path, **settings)


def test_a_process_that_was_started_in_a_container_of_the_run_may_begin(ask):
    """It has no label of its own."""
    assert ask("POST", "/containers/mine/exec", body=b"{}")
    assert ask("POST", "/exec/e1/start", body=b"{}")
    with pytest.raises(Unsupported):
        ask("POST", "/exec/e2/start", body=b"{}")


def test_a_container_is_looked_up_once(ask):
    """Its label stays; an image's name may be given to another image."""
    for _ in range(3):
        ask("POST", "/containers/mine/start")
        ask("POST", "/images/mine-too/tag")
    assert ask.client.looked == ["mine", "mine-too", "mine-too", "mine-too"]
