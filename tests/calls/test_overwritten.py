"""A file that is overwritten in small pieces by the real agent, as a plain process of this host, and its model."""

import pytest
from local_pipe import LocalPipe

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.exchange import Exchange
from roadworthy.calls.overwritten import PAGE, Overwritten
from roadworthy.calls.process import Process

CONTENT = bytes(range(256)) * 1024


@pytest.fixture
def fs(tmp_path):
    """A process of the agent beside the file."""
    exchange = Exchange(pipe=None)
    exchange.pipe = LocalPipe()
    (tmp_path / "f").write_bytes(CONTENT)
    yield Process(exchange, str(tmp_path), Evidence())
    exchange.close()


@pytest.fixture
def file():
    """The model of the file."""
    return Overwritten("f", CONTENT)


@pytest.mark.parametrize("mapped", [False, True])
def test_a_sound_file_system_keeps_what_is_written(fs, file, tmp_path, mapped):
    """By writes and by stores, and the file is another one then, of one size."""
    assert file.overwrite(fs, 7, 300, mapped) > 300 * 16
    assert file.difference(fs) == ""
    assert (tmp_path / "f").read_bytes() != CONTENT
    assert (tmp_path / "f").stat().st_size == len(CONTENT)


def test_a_seed_says_what_is_written(fs, file, tmp_path):
    """Two files that are overwritten from one seed are alike."""
    (tmp_path / "again").write_bytes(CONTENT)
    file.overwrite(fs, 7, 100)
    Overwritten("again", CONTENT).overwrite(fs, 7, 100)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "f").read_bytes()


def spoiled(path, at, data):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def test_a_page_that_went_astray_is_named_with_where_it_belongs(fs, file, tmp_path):
    """The page lies a page further, and what was there is gone."""
    file.overwrite(fs, 7, 500)
    spoiled(tmp_path / "f", 3 * PAGE, (tmp_path / "f").read_bytes()[2 * PAGE : 3 * PAGE])
    assert file.difference(fs) == "f has 1 wrong pages, the first at 0x3000: it holds what belongs to 0x2000"


def test_a_page_that_came_back_is_called_old(fs, file, tmp_path):
    """It holds what it held before the overwrites."""
    file.overwrite(fs, 7, 500)
    assert (tmp_path / "f").read_bytes()[:PAGE] != CONTENT[:PAGE]
    spoiled(tmp_path / "f", 0, CONTENT[:PAGE])
    assert file.difference(fs) == "f has 1 wrong pages, the first at 0x0: it holds what was there before"


def test_lost_pages_and_a_lost_end_are_told_apart(fs, file, tmp_path):
    """Zeroes are called so, and of a file that is too short its size is said."""
    spoiled(tmp_path / "f", PAGE, bytes(2 * PAGE))
    assert file.difference(fs) == "f has 2 wrong pages, the first at 0x1000: it holds zeroes"
    (tmp_path / "f").write_bytes(CONTENT[:-1])
    assert file.difference(fs) == f"f has {len(CONTENT) - 1} bytes instead of {len(CONTENT)}"
