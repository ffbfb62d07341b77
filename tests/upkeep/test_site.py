"""The directories of a run, where somebody was there before it."""

import pytest

from roadworthy.upkeep import ledger, site
from roadworthy.upkeep.ledger import Ledger


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The directories of all runs, moved to places of our own, and a directory of somebody else."""
    monkeypatch.setattr(site, "STATE", tmp_path / "state")
    monkeypatch.setattr(site, "RUNTIME", tmp_path / "runtime")
    (tmp_path / "precious").mkdir()
    return tmp_path


@pytest.mark.parametrize("planted", ["state/runs", "runtime"])
def test_F58_a_link_where_a_run_makes_its_directory_is_an_error(places, planted):
    """A link, even one that leads nowhere, is not followed: the run does not begin, and nothing is made behind it."""
    for target in ("precious", "nowhere"):
        own = Ledger(places / "ledgers")
        (places / planted).mkdir(parents=True, exist_ok=True)
        (places / planted / own.run).symlink_to(places / target)
        with pytest.raises(FileExistsError):
            site.Site(own)
        own.close()
    assert list((places / "precious").iterdir()) == []
    assert not (places / "nowhere").exists()


def test_F58_a_link_in_place_of_a_ledger_is_not_written_through(places, monkeypatch):
    """A ledger is a new file: a link of its name is an error, and what it leads to stays as it is."""
    monkeypatch.setattr(ledger.secrets, "token_hex", lambda size: "0" * 2 * size)
    monkeypatch.setattr(ledger.time, "strftime", lambda *_: "20260101-000000")
    (places / "precious/file").write_text("kept")
    (places / "ledgers").mkdir()
    (places / "ledgers/20260101-000000-000000.jsonl").symlink_to(places / "precious/file")
    with pytest.raises(FileExistsError):
        Ledger(places / "ledgers")
    assert (places / "precious/file").read_text() == "kept"
