"""Containers, images and volumes that a run makes on a daemon that is not its own, and how all of them go.

Each has a label with the run's id, so that nothing else is touched, whoever made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound

#: The label of all that a run makes; its value is the run's id.
LABEL = "roadworthy.run"
#: Seconds for one answer of the daemon.
ANSWER_DEADLINE = 60


def remove_labelled(url: str, run: str) -> list[str]:
    """Remove what a run has made on the daemon at `url`, and say what. Raises OSError if something is left."""
    try:
        client = docker.APIClient(base_url=url, version="auto", timeout=ANSWER_DEADLINE)
        try:
            return emptied(client, run)
        finally:
            client.close()
    except DockerException as reason:
        raise OSError(f"the daemon at {url} does not answer: {reason}") from None


def emptied(client: docker.APIClient, run: str) -> list[str]:
    """Remove everything that has the label, until no round removes any more. Raises OSError for what is left."""
    removed: list[str] = []
    while True:
        refused, before = "", len(removed)
        for name, remove in labelled(client, run):
            try:
                remove()
                removed.append(name)
            except NotFound:
                continue
            except APIError as reason:  # an image below another one goes in the next round
                refused = f"{name}: {reason.explanation or reason}"
        if not refused:
            return removed
        if len(removed) == before:
            raise OSError(refused)


def labelled(client: docker.APIClient, run: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield what has the label, with what removes it: containers first, which use the others."""
    wanted = {"label": f"{LABEL}={run}"}
    for container in client.containers(all=True, filters=wanted):
        name = str(container["Id"])
        yield f"container {name[:12]}", partial(client.remove_container, name, force=True, v=True)
    for image in client.images(filters=wanted):
        name = str(image["Id"])
        yield f"image {name}", partial(client.remove_image, name, force=True)
    for volume in client.volumes(filters=wanted)["Volumes"] or ():
        name = str(volume["Name"])
        yield f"volume {name}", partial(client.remove_volume, name, force=True)
