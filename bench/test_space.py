"""What containers occupy: page cache, inodes, bytes, blocks of a thin pool, extents.

Counts need no clock, so that they are exact on a busy machine and under emulation.
"""

import statistics
from os import O_RDONLY, O_WRONLY

from roadworthy import LAYERS, NIGHTLY, SMOKE, THIN_POOL, Directory, measured, needs
from roadworthy.linux import MAP_SHARED, POSIX_FADV_DONTNEED, PROT_READ

MIB = 1 << 20
READERS = 5


class Readers:
    """Processes of several containers that have one file of the image, or of the volume, open and mapped."""

    def __init__(self, bench, image, processes, path, size):
        self.bench, self.image, self.processes, self.path, self.size = bench, image, processes, path, size
        self.files = [fs.open(path, O_RDONLY) for fs in processes]
        pairs = zip(processes, self.files, strict=True)
        self.mappings = [fs.mmap(file, size, PROT_READ, MAP_SHARED) for fs, file in pairs]

    def evict(self):
        """Drop the file from the page cache, in all containers and in the layers."""
        self.bench.settle()
        for fs, file in zip(self.processes, self.files, strict=True):
            fs.fadvise(file, 0, self.size, POSIX_FADV_DONTNEED)
        self.bench.evict(self.image, "file")

    def resident(self, at):
        """How many pages of the file are cached, as one container sees it."""
        return self.processes[at].mincore(self.mappings[at], self.size)

    def read_in_turn(self):
        """Evict the file, read it in each container, and return the counts by name."""
        self.evict()
        cached, pages = self.bench.holdings.page_cache(), 0
        with self.bench.meter.counting() as work:
            for at, fs in enumerate(self.processes):
                before = self.resident(at)
                fs.digest(self.path)
                pages += self.resident(at) - before
        found = {"pages that containers cached": pages, "bytes read from the device": work.device.get("bytes read", 0)}
        if self.bench.own_kernel:
            found["growth of the machine's page cache"] = self.bench.holdings.page_cache() - cached
        return found

    def timed(self, at, side):
        """Measure how long one of the containers takes to read a MiB."""
        rows = [("pread", self.files[at], MIB, offset) for offset in range(0, self.size, MIB)]
        return self.bench.calls(self.processes[at], side, rows)


def page_cache(bench, size):
    """Count the pages that containers of one image cache when they read a file; return the readers."""
    image = bench.everywhere({"file": bench.filler(size)})
    processes = [bench.process(bench.container(image)) for _ in range(READERS)]
    readers = {side: Readers(bench, image, processes, bench.path(side, "file"), size) for side in ("baseline", "arm")}
    # A machine that is short of memory drops pages meanwhile; the median of three passes is robust against that.
    passes = {side: [readers[side].read_in_turn() for _ in range(3)] for side in readers}
    for name in passes["arm"][0]:
        mine, plain = (statistics.median(found[name] for found in passes[side]) for side in ("arm", "baseline"))
        bench.count(name, mine, "pages" if "pages" in name else "B", plain, tolerance=0.02 if "pages" in name else 0.1)
    for path in bench.below(image, "file")[-1:]:
        if (cached := bench.holdings.cached(path)) is not None:
            bench.count("pages cached of the layer's own file", cached / 4096, "pages", tolerance=0.02)
    return readers


@measured("space/page-cache", SMOKE)
def test_page_cache(bench):
    """How often the page cache holds a file of 16 MiB after five containers of its image have read it."""
    readers = page_cache(bench, 16 * MIB)

    def measure(side):
        mine = readers["arm" if side == "arm" else "baseline"]
        mine.evict()
        return {"first to read a MiB": mine.timed(0, side), "next container to read a MiB": mine.timed(1, side)}

    bench.phases(measure)


@measured("space/page-cache-large", NIGHTLY)
def test_page_cache_of_a_large_file(bench):
    """How often the page cache holds a file of 64 MiB after five containers of its image have read it."""
    page_cache(bench, 64 * MIB)


@needs(LAYERS)
@measured("space/inodes", SMOKE)
def test_inodes(bench):
    """How many inodes an image's layers and its containers take."""
    files = {f"d{directory}/f{number}": b"" for directory in range(100) for number in range(4)}
    base = {f"d{directory}": Directory() for directory in range(100)} | files
    with bench.storage.data_root_growth() as plain:
        bench.lay_out("plain", base)
    with bench.storage.data_root_growth() as first:
        bench.containers.image(base)
    with bench.storage.data_root_growth() as further:
        image = bench.containers.image(base, *({f"top{number}": b""} for number in range(4)))
    with bench.storage.data_root_growth() as containers:
        for _ in range(3):
            bench.container(image)
    bench.count("inodes of a layer of 100 directories and 400 files", first.inodes, "inodes", plain.inodes)
    bench.count("inodes of a further layer of one file", further.inodes / 4, "inodes", 1)
    bench.count("inodes of a running container", containers.inodes / 3, "inodes", 0)


@measured("space/amplification", SMOKE)
def test_amplification(bench):
    """What space the first write of a byte to a file of the image takes, and the deletion of one, of 8 MiB each."""
    image = bench.everywhere({name: bench.filler(8 * MIB) for name in ("changed", "deleted")})
    fs = bench.process(bench.container(image))

    def grown(operation, side):
        with bench.storage.growth() as growth:
            operation(side)
        return growth.bytes

    def write(side):
        file = fs.open(bench.path(side, "changed"), O_WRONLY)
        fs.pwrite(file, b"x", 0)
        fs.close(file)

    def delete(side):
        fs.unlink(bench.path(side, "deleted"))

    for metric, operation in (("space of a byte written", write), ("space of a deletion", delete)):
        plain, mine = grown(operation, "baseline"), grown(operation, "arm")
        bench.count(metric, mine, "B", plain, tolerance=0.1, note="the file system's own blocks are in it")


@needs(LAYERS)
@measured("space/layer-sum", NIGHTLY)
def test_layer_sum(bench):
    """How much space an image of five layers of 2, 4, 6, 8 and 10 MiB takes, and a container of it."""
    layers = [{f"f{number}": bench.filler(2 * number * MIB)} for number in range(1, 6)]
    with bench.storage.growth() as plain:
        bench.lay_out("plain", {name: content for layer in layers for name, content in layer.items()})
    with bench.storage.growth() as growth:
        image = bench.containers.image(*layers)
    with bench.storage.growth() as containers:
        for _ in range(2):
            bench.containers.create(image)
    bench.count("space of an image of 30 MiB in five layers", growth.bytes, "B", plain.bytes, tolerance=0.05)
    bench.count("space of its container", containers.bytes / 2, "B", 0, tolerance=0.1)


@needs(THIN_POOL)
@measured("space/thin-pool", NIGHTLY)
def test_thin_pool(bench):
    """How many pool blocks 32 writes of 4 KiB take, a MiB apart in a file of the image, and what frees them."""
    container = bench.container(bench.containers.image({"file": bench.filler(32 * MIB)}))
    fs = bench.process(container)

    def taken(operation):
        bench.settle()
        before = bench.holdings.pool()
        operation()
        bench.settle()
        return bench.holdings.pool().used - before.used

    def write():
        file = fs.open(bench.path("arm", "file"), O_WRONLY)
        for offset in range(0, 32 * MIB, MIB):
            fs.pwrite(file, b"x" * 4096, offset)
        fs.close(file)

    bench.count("size of a block", bench.holdings.pool().block, "B")
    bench.count("blocks of 32 scattered writes", taken(write), "blocks", tolerance=0.1)
    # The journal of the container's file system is a ring of blocks, and may reach one that is still shared.
    bench.count("blocks of the same writes again", taken(write), "blocks", tolerance=1)
    deletion = taken(lambda: fs.unlink(bench.path("arm", "file")))
    bench.count("blocks after the file's deletion", deletion, "blocks", tolerance=1)
    refused = []
    trimmed = taken(lambda: refused.append(bench.holdings.trim(container.inspect()["State"]["Pid"])))
    bench.count("blocks after trimming", trimmed, "blocks", tolerance=0.1, note=refused[0])


@needs(THIN_POOL)
@measured("space/sparse-base", NIGHTLY)
def test_sparse_base(bench):
    """How large a fresh container's file system says it is, and how many bytes of the pool it takes."""
    image = bench.containers.image({})
    bench.settle()
    before = bench.holdings.pool()
    container = bench.container(image)
    bench.settle()
    after = bench.holdings.pool()
    system = bench.process(container).statvfs("/")
    bench.count("size of a container's file system", system.f_blocks * system.f_frsize, "B")
    bench.count("what a container takes of the pool", after.bytes - before.bytes, "B", tolerance=0.25)
    for name in ("data", "metadata"):
        file = bench.storage.data_root / "devicemapper/devicemapper" / name
        if file.exists():
            bench.count(f"size of the pool's {name} file", file.stat().st_size, "B")
            bench.count(f"what the pool's {name} file takes", file.stat().st_blocks * 512, "B", tolerance=0.25)


@measured("space/arc", NIGHTLY)
def test_arc(bench):
    """How much the ARC of ZFS grows when five containers read a file of 16 MiB; the page cache does not show it."""
    limit = bench.holdings.arc()["c_max"]
    image = bench.everywhere({"file": bench.filler(16 * MIB)})
    containers = [bench.container(image) for _ in range(READERS)]
    processes = [bench.process(container) for container in containers]
    bench.settle()
    bench.holdings.evict(bench.beside(containers[0], "arm", "file"))  # the engine has just written it
    bench.count("limit of the cache", limit, "B")
    bench.count("file systems that deduplicate", bench.holdings.deduplicating(), "file systems")

    def grown(readers):
        before = bench.holdings.arc()
        for fs in readers:
            fs.digest(bench.path("arm", "file"))
        after = bench.holdings.arc()
        return tuple(after[name] - before[name] for name in ("size", "demand_data_misses", "demand_data_hits"))

    for label, readers in (("the first reader", processes[:1]), ("four more", processes[1:])):
        size, misses, hits = grown(readers)
        bench.count(f"growth of the cache by {label}", size, "B", tolerance=0.5)
        bench.count(f"misses of {label}", misses, "blocks", tolerance=0.25)
        bench.count(f"hits of {label}", hits, "blocks", tolerance=0.25)


@measured("space/fragmentation", NIGHTLY)
def test_fragmentation(bench):
    """How many extents a file has after its blocks were written in random order, and what reading it then costs."""
    size = 32 * MIB
    container = bench.container(bench.everywhere({}))
    fs = bench.process(container)
    names = ("whole", "scattered")
    for side in ("baseline", "arm"):
        for name in names:
            bench.fill(fs, bench.path(side, name), size)
        bench.fio.job(fs, "scatter-4k", bench.path(side, "scattered"))
    bench.settle()
    for name, metric in zip(names, ("written from end to end", "written in random order"), strict=True):
        plain, mine = (bench.holdings.extents(bench.beside(container, side, name)) for side in ("baseline", "arm"))
        bench.count(f"extents of a file {metric}", mine, "extents", plain, tolerance=0.25)
    files = {name: fs.open(bench.path("arm", name), O_RDONLY) for name in names}

    def measure(side):
        name = "scattered" if side == "arm" else "whole"
        fs.fadvise(files[name], 0, size, POSIX_FADV_DONTNEED)
        bench.holdings.evict(bench.beside(container, "arm", name))
        return bench.calls(fs, side, [("pread", files[name], MIB, offset) for offset in range(0, size, MIB)], cold=size)

    bench.paired(measure, metric="time to read a MiB", names=("written from end to end", "written in random order"))
