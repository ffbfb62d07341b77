"""What a run has made on a daemon that is not its own: all of it goes, and nothing else."""

from types import SimpleNamespace

import pytest
from docker.errors import APIError, NotFound

from roadworthy.upkeep.ledger import RUNTIME, Item
from roadworthy.upkeep.objects import LABEL, emptied
from roadworthy.upkeep.reaper import UNDO


class Client:
    """A daemon with things of two runs. An image goes after its child, and `stuck` never does."""

    def __init__(self):
        self.there = {
            "container": {"c1": "run", "c2": "other"}, "image": {"below": "run", "above": "run", "i": "other"},
            "volume": {"v1": "run", "v2": ""},
        }  # fmt: skip

    def _listed(self, kind, filters, key):
        run = filters["label"].removeprefix(f"{LABEL}=")
        return [{key: name} for name, of in self.there[kind].items() if of == run]

    def containers(self, all, filters):
        return self._listed("container", filters, "Id") if all else []

    def images(self, filters):
        return self._listed("image", filters, "Id")

    def volumes(self, filters):
        return {"Volumes": self._listed("volume", filters, "Name") or None}

    def remove_container(self, name, force, v):
        assert force
        assert v
        del self.there["container"][name]

    def remove_image(self, name, force):
        if name == "stuck" or (name == "below" and "above" in self.there["image"]):
            raise APIError("conflict", explanation="it has children")
        del self.there["image"][name]

    def remove_volume(self, name, force):
        assert not self.there["container"].get("c1"), "a volume goes after the containers that use it"
        del self.there["volume"][name]


def test_all_that_has_the_label_goes():
    """An image below another one in a further round; what is another run's or nobody's stays."""
    client = Client()
    removed = emptied(client, "run")
    assert set(removed) == {"container c1", "image above", "image below", "volume v1"}
    assert client.there == {"container": {"c2": "other"}, "image": {"i": "other"}, "volume": {"v2": ""}}
    assert emptied(client, "run") == []


def test_what_cannot_be_removed_is_said():
    """The rest goes nevertheless."""
    client = Client()
    client.there["image"]["stuck"] = "run"
    with pytest.raises(OSError, match="image stuck: it has children"):
        emptied(client, "run")
    assert client.there["image"] == {"i": "other", "stuck": "run"}


def test_what_has_gone_by_itself_is_no_trouble():
    client = Client()

    def gone(name, force, v):
        del client.there["container"][name]
        raise NotFound("gone", response=SimpleNamespace(status_code=404))

    client.remove_container = gone
    assert "container c1" not in emptied(client, "run")


def test_a_daemon_that_does_not_answer_is_tried_again_later(tmp_path):
    """The reaper keeps the ledger then."""
    item = Item("objects", {"url": f"unix://{tmp_path}/none", "run": "run"})
    with pytest.raises(OSError, match="does not answer"):
        UNDO["objects"](item, 5)


def test_a_daemon_of_another_run_has_taken_its_data_with_it():
    """Its socket is gone with its run; nothing is left to remove."""
    assert UNDO["objects"](Item("objects", {"url": f"unix://{RUNTIME}/none/1/s", "run": "run"}), 5) == []
