"""Keeps a run from touching what is not its own on a daemon of somebody else's: every request passes here first.

A request that reads passes. One that makes something has to put the run's label on it, and one that changes or removes
something has to name what has the label. All others are refused: what they would do reaches other people's things.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import docker
from docker.errors import APIError
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from roadworthy.reasons import Unsupported
from roadworthy.upkeep.objects import LABEL

READING = ("GET", "HEAD")
#: What changes or removes one thing, by the method, as paths of the Engine API below its version.
CHANGING = {
    "POST": re.compile(
        r"/(containers)/([^/]+)/(?:attach|exec|kill|pause|rename|resize|restart|start|stop|unpause|update|wait)"
        r"|/(images)/(.+)/tag"
    ),
    "PUT": re.compile(r"/(containers)/([^/]+)/archive"),
    "DELETE": re.compile(r"/(containers|volumes|images)/(.+)"),
}


class Guard(BaseAdapter):
    """A transport adapter, as of requests, in front of the daemon's own. `run` is the value of the label."""

    def __init__(self, client: docker.APIClient, run: str, adapter: BaseAdapter) -> None:
        super().__init__()
        self._client = client
        self._run = run
        self._adapter = adapter
        #: Processes in containers of the run, which have no labels.
        self._started: set[str] = set()
        #: Containers of the run, asked for once: they keep their labels and ids.
        self._mine: set[str] = set()

    def send(self, request: PreparedRequest, **settings: Any) -> Response:  # type: ignore[override]
        path, query = self._asked(request)
        if request.method not in READING:
            self._refuse_foreign(str(request.method), path, query, request.body)
        answer: Response = self._adapter.send(request, **settings)
        if path.endswith("/exec") and answer.ok:
            self._started.add(str(answer.json()["Id"]))
        return answer

    def close(self) -> None:
        self._adapter.close()

    def _asked(self, request: PreparedRequest) -> tuple[str, Mapping[str, list[str]]]:
        """The path below the API's version, and the query."""
        found = urlsplit(str(request.url))
        return unquote(re.sub(r"^/v\d[\d.]*(?=/)", "", found.path)), parse_qs(found.query)

    def _refuse_foreign(self, method: str, path: str, query: Mapping[str, list[str]], body: Any) -> None:
        """Raise Unsupported for a request that would reach what the run has not made."""
        if path in ("/containers/create", "/volumes/create"):
            allowed = (json.loads(body or b"{}").get("Labels") or {}).get(LABEL) == self._run
        elif path == "/build":
            allowed = json.loads(query.get("labels", ["{}"])[0]).get(LABEL) == self._run
        elif path == "/images/create":
            allowed = "fromSrc" in query and f"LABEL {LABEL}={self._run}" in query.get("changes", [])
        elif path == "/images/load":
            allowed = True  # the label is in the archive's configuration
        elif path == "/commit":
            allowed = self._has_label("containers", query["container"][0])
        elif path.startswith("/exec/"):
            allowed = path.split("/")[2] in self._started
        else:
            found = CHANGING[method].fullmatch(path) if method in CHANGING else None
            allowed = found is not None and self._has_label(*filter(None, found.groups()))
        if not allowed:
            raise Unsupported(f"{method} {path} would reach what this run has not made, on a daemon of somebody else's")

    def _has_label(self, kind: str, name: str) -> bool:
        """Whether the run has made what has this name; also if there is nothing of that name, as nothing is reached."""
        if name in self._mine:
            return True
        look = {"containers": self._client.inspect_container, "images": self._client.inspect_image,
                "volumes": self._client.inspect_volume}[kind]  # fmt: skip
        try:
            found = look(name)
        except APIError as reason:
            return reason.status_code == HTTPStatus.NOT_FOUND
        labels = found["Labels"] if kind == "volumes" else found["Config"].get("Labels")
        if (labels or {}).get(LABEL) != self._run:
            return False
        if kind == "containers":
            self._mine.add(name)
        return True
