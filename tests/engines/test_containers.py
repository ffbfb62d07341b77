"""The agent that is started in a container."""

import json
import socket
from types import SimpleNamespace

from roadworthy.calls.toolbox import Toolbox
from roadworthy.engines.containers import Container, Containers


def test_the_agents_words_do_not_tell_the_nonce(tmp_path):
    """It reaches the agent by its input: ps(1) shows words and the engine lists them, on the host and inside."""
    asked = []
    ours, theirs = socket.socketpair()

    def create(identity, words, **named):
        asked.append(json.dumps([words, named]))
        return {"Id": "exec"}

    api = SimpleNamespace(exec_create=create, exec_start=lambda identity, socket: SimpleNamespace(_sock=ours))
    container = Container.__new__(Container)
    container.id, container._toolbox = "container", Toolbox(tmp_path, "ld.so", frozenset())
    container._engine = SimpleNamespace(client=SimpleNamespace(api=api), place=SimpleNamespace(scale=1))
    talk = container._entered()
    assert "agent.py" in asked[0]
    assert talk.nonce not in asked[0]
    theirs.close()
    ours.close()


def test_who_leaves_containers_to_their_daemon_closes_their_connections():
    """Nobody else would, and a socket that is collected unclosed fails pytest -W error."""
    closed = []
    containers = Containers.__new__(Containers)
    containers._made = []
    for name in ("one", "two", "forgotten"):
        made = Container.__new__(Container)
        made._exchange = SimpleNamespace(close=lambda name=name: closed.append(name))
        containers._made.append(made)
    containers.forget(containers._made[-1])
    assert closed == ["forgotten"]
    containers.leave()
    assert closed == ["forgotten", "one", "two"]
