"""What a check sees of the machine under a container."""

from pathlib import Path
from types import SimpleNamespace

from roadworthy.lane.storage import Storage


def test_the_machine_is_seen_from_its_place_and_not_from_the_daemon_s_root():
    """A daemon's first thread may stay in the root of a container that a file was copied to, as Podman 6's does."""

    def moved(*_):
        raise AssertionError("the daemon's own root was asked for")

    storage = Storage.__new__(Storage)
    storage._engine = SimpleNamespace(
        place=SimpleNamespace(path=lambda inside: Path(f"/proc/7/root{inside}")), daemon_pid=moved, proc=moved
    )
    assert str(storage.on_host("/tmp/escape")) == "/proc/7/root/tmp/escape"
