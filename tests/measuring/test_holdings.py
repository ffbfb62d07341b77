"""What containers hold of a machine, read from programs' answers."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from roadworthy.measuring.holdings import Holdings, Pool
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Unsupported

POOL = """\
0 2097152 thin-pool 9 170/4096 1000/16384 - rw discard_passdown queue_if_no_space - 1024
0 2097152 thin-pool 253:1 253:0 128 32768 1 skip_block_zeroing
"""


class Place:
    """A place whose programs answer what they are told to, or fail; without any, those of this machine run."""

    def __init__(self, said=None):
        self._said = said

    def run(self, argv, seconds=60):
        if isinstance(self._said, Exception):
            raise self._said
        if self._said is not None:
            return self._said
        return subprocess.run(argv, timeout=seconds, check=True, capture_output=True, text=True).stdout

    def path(self, inside):
        return Path(inside)

    def inside(self, path):
        return str(path)


def holdings(said=None, file_system="ext4"):
    info = {"DriverStatus": [["Pool Name", "docker-thinpool"]]}
    engine = SimpleNamespace(place=Place(said), info=lambda: info)
    backing = SimpleNamespace(file_system_name=file_system, pool="roadworthy7", devices=["/dev/vdc"])
    return Holdings(engine, backing)


def test_blocks_of_a_thin_pool():
    """Used blocks from its status, the size of one from its table, which counts sectors."""
    assert holdings(POOL).pool() == Pool(used=1000, block=128 * 512)
    assert Pool(used=1000, block=65536).bytes == 65536000


def test_extents_of_a_file():
    """The last words of filefrag; the name may have a colon."""
    assert holdings("/m/a: b: 17 extents found\n").extents(Path("/m/a: b")) == 17
    assert holdings("/m/a: 1 extent found\n").extents(Path("/m/a")) == 1


def test_a_file_system_that_does_not_tell_where_files_lie_is_not_asked():
    """FUSE and ZFS have no such call: the reason says so."""
    with pytest.raises(Unsupported, match="does not say where a file lies"):
        holdings(ProgramFailed("filefrag: FIBMAP: Invalid argument")).extents(Path("/f"))


BLOCKS = """
    Object  lvl   iblk   dblk  dsize  dnsize  lsize   %full  type
         5    2   128K   128K   640K     512   640K  100.00  ZFS plain file
Indirect blocks:
               0 L1  0:4023e000:1000 0:8023e000:1000 20000L/1000P F=5 B=123/123 cksum=1:2:3:4
               0  L0 0:3800000:20000 20000L/20000P F=1 B=120/120 cksum=1:2:3:4
           20000  L0 0:3820000:20000 20000L/20000P F=1 B=120/120 cksum=1:2:3:4
           40000  L0 0:3a00000:20000 20000L/20000P F=1 B=121/121 cksum=1:2:3:4
           60000  L0 1:3a20000:20000 20000L/20000P F=1 B=121/121 cksum=1:2:3:4
           80000  L0 1:3a40000:8000 20000L/8000P F=1 B=121/121 cksum=1:2:3:4
"""


def test_extents_on_zfs_are_runs_of_its_blocks():
    """A piece goes on while a block begins where the one before it ended, on the same device."""
    assert holdings(BLOCKS, "zfs").extents(Path("/f")) == 3
    assert holdings("no blocks", "zfs").extents(Path("/f")) == 0


def test_a_device_that_takes_no_discards_is_said_to():
    """What was freed is then none, and the reason stands beside the number."""
    said = "fstrim ended with 1: fstrim: /proc/1/root: the discard operation is not supported"
    assert holdings(ProgramFailed(said)).trim(1) == "the discard operation is not supported"
    assert holdings("").trim(1) == ""


def test_the_arc_is_asked_for_on_zfs_only():
    """Elsewhere a machine may have one too, which holds nothing of the lane."""
    with pytest.raises(Unsupported, match="does not lie on ZFS"):
        holdings().arc()


def test_file_systems_that_deduplicate_are_counted():
    """All values but off are ways to do it."""
    assert holdings("off\noff\noff\n").deduplicating() == 0
    assert holdings("off\non\nsha256,verify\n").deduplicating() == 2


def test_without_fincore_nothing_is_said_of_cached_pages():
    """No number is better than a zero."""
    assert holdings(ProgramFailed("no such program")).cached(Path("/f")) is None
    assert holdings("  8192\n").cached(Path("/f")) == 8192


def test_memory_of_this_machine():
    """Real answers: some processes have some memory, and something is cached."""
    assert holdings().proportional_memory() > 1 << 20
    assert holdings().page_cache() > 1 << 20


def test_a_file_can_be_driven_out_of_the_cache(tmp_path):
    """Reading brings it in, and evicting takes out what needs no writing."""
    file = tmp_path / "f"
    file.write_bytes(b"x" * (1 << 20))
    holdings().evict(file)
    assert file.read_bytes() == b"x" * (1 << 20)


@pytest.mark.parametrize(("file_system", "caches"), [("ext4", ["dd"]), ("zfs", ["dd", "sh"])])
def test_zfs_has_a_cache_of_its_own_to_be_driven_out_of(monkeypatch, tmp_path, file_system, caches):
    """What the page cache lets go is still in ZFS's, from which the engine's writing would serve every first reader."""
    ran = []
    monkeypatch.setattr(Place, "run", lambda self, argv, seconds=60: ran.append(argv[0]) or "")
    holdings(file_system=file_system).evict(tmp_path / "f")
    assert ran == caches
