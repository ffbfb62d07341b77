"""Lies of the engine: false answers of a daemon's API, and changes of its data root at one of its calls.

The daemon is real. A lie stands between it and the suite's client (the Docker SDK's session, at `send`): it changes the
request, changes the answer, or changes the data root before or after the call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from requests import PreparedRequest, Response

from roadworthy.engines.engine import Engine
from roadworthy.lane.storage import chain_ids


class Liar(Protocol):
    """What a lie knows about the run, see roadworthy.mutants.run.MutantRun."""

    standing: bool

    @property
    def lie(self) -> Lie | None:
        """The current lie, or None."""
        ...

    def count(self) -> None:
        """Count a change."""
        ...


@dataclass
class Asked:
    """One request of the API: `path` without its version, as ["containers", id, "changes"]."""

    engine: Any
    liar: Liar
    request: Any
    _make: Callable[[], Any]
    method: str = field(init=False)
    path: list[str] = field(init=False)
    query: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        split = urlsplit(self.request.url)
        self.method = self.request.method
        self.path = split.path.strip("/").split("/")[1:]
        self.query = parse_qs(split.query)

    def answer(self) -> Any:
        """Make the request and return the daemon's answer, a requests.Response."""
        return self._make()

    def lied(self, answer: Any, data: bytes | None = None) -> Any:
        """Count a lie and return the answer, with another body if `data` is given."""
        self.liar.count()
        if data is not None:
            answer._content, answer._content_consumed = data, True
            # The SDK asks whether it comes in pieces, and needs the socket of a stream, to remove its deadline.
            whole = SimpleNamespace(fp=SimpleNamespace(raw=SimpleNamespace()), chunked=False)
            answer.raw = SimpleNamespace(_fp=whole, close=int)
            answer.headers["Content-Length"] = str(len(data))
        return answer

    def lied_json(self, answer: Any, found: Any) -> Any:
        return self.lied(answer, json.dumps(found).encode())

    def invented(self, status: int, found: Any) -> Any:
        """Make an answer to a request that the daemon never gets."""
        answer = Response()
        answer.status_code, answer.request, answer.url = status, self.request, self.request.url
        answer.headers["Content-Type"] = "application/json"
        return self.lied_json(answer, found)

    @property
    def body(self) -> Any:
        """The request's body, decoded from JSON."""
        return json.loads(self.request.body)

    def ask(self, body: Any) -> None:
        """Replace the request's body, and count a change."""
        data = json.dumps(body).encode()
        self.request.body = data
        self.request.headers["Content-Length"] = str(len(data))
        self.liar.count()

    @property
    def good(self) -> bool:
        """Make the request: whether the daemon did what it was asked."""
        return bool(self.answer().ok)

    # --- the data root

    def run(self, *argv: str) -> str:
        """Run a program beside the daemon."""
        return str(self.engine.place.run(list(argv)))

    def image_layers(self, image: str) -> list[Path]:
        """An image's layer directories, the lowest first, as this host reaches them."""
        digests = self.engine.client.images.get(image).attrs["RootFS"]["Layers"]
        return [Path(self.engine.driver.image_layer(self.engine, chain)) for chain in chain_ids(digests)]

    def writable_layer(self, container: str) -> Path:
        """A container's own layer."""
        whole = self.engine.client.api.inspect_container(container)
        return Path(self.engine.driver.writable_layer(self.engine, whole))

    def layers_of_container(self, container: str) -> tuple[Path, list[Path]]:
        """A container's own layer, and its image's layers, the lowest first."""
        whole = self.engine.client.api.inspect_container(container)
        return Path(self.engine.driver.writable_layer(self.engine, whole)), self.image_layers(whole["Image"])

    def matches(self, method: str, *path: str) -> bool:
        """Whether it is such a request; `*` matches any one part, and as the last word all parts that follow."""
        if self.method != method or len(self.path) < len(path):
            return False
        if len(self.path) > len(path) and path[-1] != "*":
            return False
        return all(want in ("*", part) for want, part in zip(path, self.path, strict=False))


class Lie:
    """One lie; a subclass overrides the methods in which it lies."""

    def __init__(self, name: str) -> None:
        self.name = name

    #: Further settings of the daemon's runtime, see mutants/runtime.py.
    runtime: Mapping[str, Any] = {}

    def told(self, asked: Asked) -> Any:
        """Return the answer to a request."""
        return asked.answer()

    def starting(self, engine: Engine, argv: list[str], again: bool, liar: Liar) -> list[str]:
        """Return the command line for a daemon that starts, for the first time or `again`."""
        return argv

    def command(self, words: tuple[str, ...], answer: Callable[[], str], liar: Liar) -> str:
        """Return the output of the engine's own command."""
        return answer()


LIES: dict[str, Lie] = {}


def lie(name: str) -> Callable[[type[Lie]], type[Lie]]:
    """Register a lie under its name in the catalogue."""

    def registered(kind: type[Lie]) -> type[Lie]:
        if name in LIES:
            raise ValueError(f"two lies are called {name}")
        LIES[name] = kind(name)
        return kind

    return registered


class LyingEngine:
    """Stands between one daemon and its client, and tells the liar's current lie."""

    def __init__(self, liar: Liar) -> None:
        self._liar = liar
        #: Whether the lie itself makes a request, which the daemon answers truly.
        self._within = False

    def starting(self, engine: Engine, argv: list[str]) -> list[str]:
        lie = self._lie
        return argv if lie is None else lie.starting(engine, argv, engine.started, self._liar)

    def answered(self, engine: Engine, request: PreparedRequest, ask: Callable[[], Response]) -> Response:
        lie = self._lie
        if lie is None or self._within:
            return ask()
        self._within = True
        try:
            answer: Response = lie.told(Asked(engine, self._liar, request, ask))
            return answer
        finally:
            self._within = False

    def commanded(self, words: tuple[str, ...], answer: Callable[[], str]) -> str:
        lie = self._liar.lie
        return answer() if lie is None else lie.command(words, answer, self._liar)

    @property
    def _lie(self) -> Lie | None:
        """The lie about the daemon; it begins when the lane has been confirmed."""
        return self._liar.lie if self._liar.standing else None
