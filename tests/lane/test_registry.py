"""The registry of one image: it gives what a pull asks for by its digest, nothing else, and ends with its block."""

import json
import urllib.error
import urllib.request

import pytest

from roadworthy.lane.registry import CONFIG, LAYER, digest, registry


def asked(name, what):
    """What the registry that serves `name` answers."""
    host, _, image = name.partition("/")
    with urllib.request.urlopen(f"http://{host}/v2/{image.partition(':')[0]}/{what}", timeout=10) as answer:
        return answer.read()


def test_a_pull_finds_the_image():
    """The manifest leads to a configuration and a layer for each tree, each of the size and digest that it says."""
    with registry([{"f": b"one"}, {"g": b"two"}]) as name:
        manifest = json.loads(asked(name, "manifests/latest"))
        described = [manifest["config"], *manifest["layers"]]
        blobs = [asked(name, f"blobs/{one['digest']}") for one in described]
    assert [one["mediaType"] for one in described] == [CONFIG, LAYER, LAYER]
    assert [(one["digest"], one["size"]) for one in described] == [(digest(blob), len(blob)) for blob in blobs]
    assert json.loads(blobs[0])["rootfs"]["diff_ids"] == [one["digest"] for one in manifest["layers"]]


def test_what_is_not_there_is_said():
    """Another image, or another blob, is an error, and after the block nobody answers."""
    with registry([{"f": b""}]) as name:
        with pytest.raises(urllib.error.HTTPError, match="404"):
            asked(name, "manifests/other")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            asked(name, f"blobs/{digest(b'other')}")
    with pytest.raises(urllib.error.URLError):
        asked(name, "manifests/latest")
