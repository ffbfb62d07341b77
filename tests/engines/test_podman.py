"""Podman: what its store's records say of layers, and what is written for it to read."""

import hashlib
import json
import tomllib
from types import SimpleNamespace

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.drivers.podman import layer_of_chain
from roadworthy.engines.podman import CONFIGURATION, toml
from roadworthy.lane.storage import chain_ids
from roadworthy.machines.host_path import HostPath

DIGESTS = [f"sha256:{hashlib.sha256(word).hexdigest()}" for word in (b"one", b"two", b"three")]
#: Three layers of an image, in no order, and a container's upon them.
LAYERS = [
    {"id": "top", "parent": "middle", "diff-digest": DIGESTS[2]},
    {"id": "bottom", "diff-digest": DIGESTS[0]},
    {"id": "container", "parent": "top"},
    {"id": "middle", "parent": "bottom", "diff-digest": DIGESTS[1]},
    {"id": "other", "parent": "bottom", "diff-digest": DIGESTS[2]},
]


def test_a_layer_is_found_by_the_chain_below_it():
    """Layers with the same contents upon different ones are told apart."""
    assert [layer_of_chain(LAYERS, chain) for chain in chain_ids(DIGESTS)] == ["bottom", "middle", "top"]
    assert layer_of_chain(LAYERS, chain_ids([DIGESTS[0], DIGESTS[2]])[1]) == "other"


def test_a_chain_that_no_layer_has_is_an_error_that_names_it():
    """A container's layer is of no chain, and nothing is guessed."""
    with pytest.raises(KeyError, match="no layer of chain sha256:0"):
        layer_of_chain(LAYERS, "sha256:0")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("podman:overlay", "overlay/{}/diff"),
        ("podman:vfs", "vfs/dir/{}"),
        ("podman:btrfs", "btrfs/subvolumes/{}"),
    ],
)
def test_layers_are_found_through_the_records(tmp_path, name, place):
    """Image layers by chain, a container's by its record, also where that lies in the file for volatile ones."""
    driver = DRIVERS[name]
    for kind, records in {
        "layers": LAYERS[:2], "containers": [{"id": "old", "layer": "gone"}],
    }.items():  # fmt: skip
        directory = tmp_path / f"{driver.daemon_name}-{kind}"
        directory.mkdir()
        (directory / f"{kind}.json").write_text(json.dumps(records))
    (tmp_path / f"{driver.daemon_name}-layers/volatile-layers.json").write_text(json.dumps(LAYERS[2:]))
    volatile = tmp_path / f"{driver.daemon_name}-containers/volatile-containers.json"
    volatile.write_text(json.dumps([{"id": "new", "layer": "container"}]))
    engine = SimpleNamespace(root=HostPath(str(tmp_path)))
    found = [driver.image_layer(engine, chain) for chain in chain_ids(DIGESTS)]
    assert [str(path) for path in found] == [f"{tmp_path}/{place.format(id)}" for id in ("bottom", "middle", "top")]
    assert str(driver.writable_layer(engine, {"Id": "new"})) == f"{tmp_path}/{place.format('container')}"


def test_what_is_written_for_podman_is_toml():
    """Texts, numbers and lists come back as they were, whatever is in them."""
    tables = {**CONFIGURATION, "more": {"path": '/a "quoted" \\ path', "number": 0, "list": ["a", "b"], "none": []}}
    assert tomllib.loads(toml(tables)) == tables
