"""The life cycle of containers and images: how long a client of the engine's API waits.

No container exists without a driver, so that volumes are no baseline here. The floor is a container of an empty image
with the lane's engine and driver, so that the cost of engine and runtime is on both sides. The baseline for an image's
bytes is tar(1) on the lane's file system.
"""

from roadworthy import CLASSIC_BUILDER, LAYERS, NIGHTLY, SMOKE, WEEKLY, File, measured, needs, touching_program

MIB = 1 << 20
FLOOR = "an empty image"
#: Numbers of layers to try: around the known limits of engines and kernels, and twice as many.
DEPTHS = (1, 32, 120, 125, 126, 127, 128, 129, 256)


def tree_of(files, size=0):
    """A tree of `files` files in directories of a hundred, `size` bytes each."""
    return {f"d{number // 100}/f{number}": bytes([number & 0xFF]) * size for number in range(files)}


def ordinary(bench):
    """An image like those of small services: nine layers, 800 files, 16 MiB."""
    return bench.containers.image(
        {"big": bench.filler(8 * MIB)},
        *({f"layer{layer}/f{number}": bench.filler(10240) for number in range(100)} for layer in range(8)),
    )


def facts(bench):
    """Facts that are shown beside the numbers: the time of an empty request."""
    return {"a request that does nothing": f"{bench.life.floor():.2f} ms"}


class Floor:
    """Measures the floor once a row for each side, because it does not depend on the point."""

    def __init__(self, measure):
        self._measure, self._found = measure, {}

    def __call__(self, side):
        if side not in self._found:
            self._found[side] = self._measure()
        return self._found[side]

    def anew(self):
        """Forget the measurements, because another row begins."""
        self._found.clear()


def creations(bench, images, **axis):
    """Measure how long containers of images along an axis take to create, against a container of an empty image.

    The containers of a row are removed before the next one.
    """
    empty = bench.containers.image({})
    made = []

    def clear():
        for container in made:
            bench.life.remove(container)
        made.clear()
        floor.anew()
        bench.settle()

    def one(image):
        container, cost = bench.life.create(image or empty)
        made.append(container)
        return cost

    floor = Floor(lambda: one(empty))
    bench.sweep(
        lambda side, point: one(images[point]) if side == "arm" else floor(side), list(images),
        metric="time to create", unit="ms", before=clear, names=bench.against(FLOOR),
        workload=facts(bench), **axis,
    )  # fmt: skip
    clear()
    with bench.storage.growth() as least:
        bench.containers.create(empty)
    with bench.storage.growth() as growth:
        bench.containers.create(images[max(images)])
    bench.count("space of a container of the largest image", growth.bytes, "B", least.bytes, tolerance=0.1)
    if bench.stand.backing.used_inodes():
        bench.count("inodes of a container of the largest image", growth.inodes, "inodes", least.inodes)


@needs(LAYERS)
@measured("life/create-by-bytes", SMOKE)
def test_create_by_bytes(bench):
    """How the time to create a container grows with the bytes of its image."""
    pieces = {size: {f"f{number}": bench.filler(8 * MIB) for number in range(size // 8)} for size in (32, 96)}
    images = {0.0: "", **{float(size * MIB): bench.containers.image(tree) for size, tree in pieces.items()}}
    creations(bench, images, axis="size of the image", axis_unit="B")


@needs(LAYERS)
@measured("life/create-by-files", SMOKE)
def test_create_by_files(bench):
    """How the time to create a container grows with the number of files in its image."""
    images = {0.0: "", **{float(files): bench.containers.image(tree_of(files)) for files in (500, 2000)}}
    creations(bench, images, axis="files in the image", axis_unit="files")


@needs(LAYERS)
@measured("life/create-by-many-files", WEEKLY)
def test_create_by_many_files(bench):
    """How the time to create a container grows up to an image of 8000 files and 256 MiB."""
    large = {f"f{number}": bench.filler(8 * MIB) for number in range(32)}
    images = {0.0: "", 8000.0: bench.containers.image(tree_of(8000) | large)}
    creations(bench, images, axis="files in the image", axis_unit="files")


@needs(LAYERS)
@measured("life/start-stop-remove", SMOKE)
def test_start_stop_remove(bench):
    """How long the start, stop and removal of a container take, for an image of nine layers and for an empty one."""
    empty, image = bench.containers.image({}), ordinary(bench)

    def measure(side):
        container, _ = bench.life.create(image if side == "arm" else empty)
        return {
            "time to start": bench.life.start(container),
            "time to stop": bench.life.stop(container),
            "time to remove": bench.life.remove(container),
        }

    bench.phases(measure, unit="ms", before=bench.settle, names=bench.against(FLOOR), workload=facts(bench))


@needs(LAYERS)
@measured("life/density", NIGHTLY)
def test_density(bench):
    """What a sleeping container occupies of the machine, on average over twenty."""
    image, number = ordinary(bench), 20

    def held():
        mounts = bench.storage.engine_mounts()
        sources = {line.split(" - ")[1].split()[1] for line in mounts}
        devices = [source for source in sources if source.startswith("/dev/")]
        return len(mounts), len(devices), bench.holdings.proportional_memory()

    sleepers = [bench.life.create(image)[0] for _ in range(number)]
    before = held()
    with bench.storage.growth() as growth:
        for container in sleepers:
            bench.life.start(container)
            container.exchange()
    after = held()
    mounts, devices, memory = ((now - then) / number for then, now in zip(before, after, strict=True))
    bench.count("mounts of a running container", mounts, "mounts")
    bench.count("mounted block devices of a running container", devices, "devices")
    bench.count("memory of a container's processes", memory, "B", tolerance=0.1)
    bench.count("space of a start", growth.bytes / number, "B", tolerance=0.25)


@needs(LAYERS)
@measured("life/start-by-clients", NIGHTLY)
def test_start_by_clients(bench):
    """How long the start of one of four containers takes, if they start in turn or all at once."""
    image, made = ordinary(bench), []

    def clear():
        for container in made:
            container.remove()
            bench.containers.forget(container)
        made[:] = [bench.life.create(image)[0] for _ in range(12)]
        bench.settle()

    at = {"baseline": 0, "again": 4, "arm": 8}
    bench.paired(
        lambda side: bench.life.start_all(made[at[side] : at[side] + 4], 4 if side == "arm" else 1),
        metric="time to start one", unit="ms", before=clear, names=("one client", "four clients"),
    )  # fmt: skip


@needs(LAYERS)
@measured("life/start-by-running", WEEKLY)
def test_start_by_running(bench):
    """How the time to start a container grows with the number of running containers."""
    empty, image, made = bench.containers.image({}), ordinary(bench), []
    points = (1, 8, 16)

    def measure(side, number):
        for _ in range(number):
            container, _ = bench.life.create(image if side == "arm" else empty)
            made.append(container)
            cost = bench.life.start(container)
        for container in made:
            bench.life.stop(container)
            bench.life.remove(container)
        made.clear()
        return cost

    bench.sweep(
        measure, points, axis="containers that run", axis_unit="containers", metric="time to start", unit="ms",
        before=bench.settle, names=bench.against(FLOOR),
    )  # fmt: skip


@needs(LAYERS)
@measured("life/layers", NIGHTLY)
def test_layers(bench):
    """How many layers an image may have, and how the times to create and start a container grow with them."""
    images = {}
    for depth in DEPTHS:
        refused = bench.containers.attempt.image(*({f"f{layer}": b"%d" % layer} for layer in range(depth)))
        if refused == "success":
            refused = bench.containers.attempt.run(bench.containers.last_image)
        if refused != "success":
            break
        images[depth] = bench.containers.last_image
    note = "no limit was found" if refused == "success" else f"{depth} layers: {refused}"[:200]
    bench.count("layers of the deepest image that starts", max(images), "layers", note=note)
    empty = bench.containers.image({})
    points = {depth: image for depth, image in images.items() if depth in (1, 32, 120)}

    def cycle(image):
        container, create = bench.life.create(image)
        start = bench.life.start(container)
        bench.life.stop(container)
        bench.life.remove(container)
        return {"time to create": create, "time to start": start}

    floor = Floor(lambda: cycle(empty))

    def before():
        floor.anew()
        bench.settle()

    bench.sweeps(
        lambda side, depth: cycle(points[depth]) if side == "arm" else floor(side), list(points),
        axis="layers of the image", axis_unit="layers", unit="ms", before=before,
        names=bench.against(FLOOR), workload=facts(bench),
    )  # fmt: skip


def changed(bench, image):
    """A stopped container that has changed one file."""
    container = bench.containers.run(image)
    process = bench.process(container)
    process.store("/tmp/changed", b"changed")
    process.leave()
    container.stop()
    return container


def commit(bench, container):
    """Measure a commit that begins at a random phase of a second, and remove the image."""
    bench.life.at_random_phase()
    image, cost = bench.life.commit(container)
    bench.life.remove_image(image)
    return cost


@needs(LAYERS)
@measured("life/commit", NIGHTLY)
def test_commit(bench):
    """How long a commit of one changed file takes in an image of a thousand, including the wait for the next second."""
    empty, full = (changed(bench, bench.containers.image(tree)) for tree in ({}, tree_of(1000)))
    bench.paired(
        lambda side: commit(bench, full if side == "arm" else empty), metric="time to commit", unit="ms",
        names=bench.against(FLOOR), waits=True, workload=facts(bench),
    )  # fmt: skip


@needs(LAYERS)
@measured("life/commit-by-files", NIGHTLY)
def test_commit_by_files(bench):
    """How the time to commit one changed file grows with the number of unchanged files in the image."""
    empty = changed(bench, bench.containers.image({}))
    points = {float(files): changed(bench, bench.containers.image(tree_of(files))) for files in (100, 1000, 4000)}

    floor = Floor(lambda: commit(bench, empty))
    bench.sweep(
        lambda side, files: commit(bench, points[files]) if side == "arm" else floor(side), list(points),
        axis="files in the image", axis_unit="files", metric="time to commit", unit="ms", before=floor.anew,
        names=bench.against(FLOOR), waits=True,
    )  # fmt: skip


@needs(LAYERS)
@measured("life/diff", NIGHTLY)
def test_diff(bench):
    """How the time of docker diff grows with the number of unchanged files in the image."""
    empty = changed(bench, bench.containers.image({}))
    points = {float(files): changed(bench, bench.containers.image(tree_of(files))) for files in (100, 1000, 4000)}

    floor = Floor(lambda: bench.life.changes(empty))
    bench.sweep(
        lambda side, files: bench.life.changes(points[files]) if side == "arm" else floor(side), list(points),
        axis="files in the image", axis_unit="files", metric="time to list changes", unit="ms", before=floor.anew,
        names=bench.against(FLOOR), workload=facts(bench),
    )  # fmt: skip


def shapes(bench):
    """Layers of three images: a large one, a deep one, and one with many files."""
    return {
        "one layer of 32 MiB": [{f"f{number}": bench.filler(8 * MIB) for number in range(4)}],
        "20 layers of 1 MiB": [{f"f{layer}": bench.filler(MIB - layer)} for layer in range(20)],
        "2000 files": [tree_of(2000, 512)],
    }


def archives(bench, images):
    """Archives of images by name, whose layers are also extracted for tar."""
    found = {name: bench.containers.archive(*trees) for name, trees in images.items()}
    for name, (archive, _) in found.items():
        bench.by_tar.lay(name, archive)
    return found


@needs(LAYERS)
@measured("life/load", NIGHTLY)
def test_load(bench):
    """How long loading an image takes, against unpacking its bytes with tar."""
    found = archives(bench, shapes(bench))

    def one(side, name):
        archive, image = found[name]
        if side != "arm":
            cost = bench.by_tar.unpack(name)
            bench.by_tar.remove(name)
            return cost
        cost = bench.life.load(archive, image)
        bench.life.remove_image(image)
        return cost

    bench.phases(
        lambda side: {f"time to load {name}": one(side, name) for name in found}, unit="ms", before=bench.settle,
        names=bench.against("tar"),
    )  # fmt: skip
    for name, (archive, image) in found.items():
        with bench.storage.growth() as floor:
            bench.by_tar.unpack(name)
        with bench.storage.growth() as growth:
            bench.life.load(archive, image)
        bench.count(f"space of {name}", growth.bytes, "B", floor.bytes, tolerance=0.1)


@needs(LAYERS)
@measured("life/save", NIGHTLY)
def test_save(bench):
    """How long saving an image takes for a client that discards it, against packing its files with tar."""
    found = archives(bench, shapes(bench))
    for name, (archive, image) in found.items():
        bench.by_tar.unpack(name)
        bench.life.load(archive, image)

    def measure(side):
        return {
            f"time to save {name}": bench.life.save(image) if side == "arm" else bench.by_tar.pack(name)
            for name, (_, image) in found.items()
        }

    bench.phases(measure, unit="ms", before=bench.settle, names=bench.against("tar"))


@needs(LAYERS)
@measured("life/unpack", NIGHTLY)
def test_unpack(bench):
    """How the time to load an image of constant size grows with the number of its layers."""

    def part(layer, files):
        return {f"f{layer}-{number}": bench.filler(51200 + layer) for number in range(files)}

    images = {layers: [part(layer, 400 // layers) for layer in range(layers)] for layers in (1, 10, 40)}
    found = archives(bench, images)

    def one(side, layers):
        if side != "arm":
            cost = bench.by_tar.unpack(layers)
            bench.by_tar.remove(layers)
            return cost
        cost = bench.life.load(*found[layers])
        bench.life.remove_image(found[layers][1])
        return cost

    bench.sweep(
        one, list(found), axis="layers of the image",
        axis_unit="layers", metric="time to load", unit="ms", before=bench.settle, names=bench.against("tar"),
    )  # fmt: skip


@needs(LAYERS)
@measured("life/remove-image", NIGHTLY)
def test_remove_image(bench):
    """How long the removal of an image of ten layers and 2000 files takes, and when its space is free, against rm."""
    trees = [{f"d{layer}/f{number}": b"x" * 512 for number in range(200)} for layer in range(10)]
    ((name, (archive, image)),) = archives(bench, {"image": trees}).items()

    def measure(side):
        if side == "arm":
            bench.life.load(archive, image)
        else:
            bench.by_tar.unpack(name)
        bench.settle()
        return bench.life.and_settled(
            "time to remove", "time until the space is free",
            lambda: bench.life.remove_image(image) if side == "arm" else bench.by_tar.remove(name), bench.settle,
        )  # fmt: skip

    bench.phases(measure, unit="ms", names=bench.against("rm"))


@needs(LAYERS)
@needs(CLASSIC_BUILDER)
@measured("life/build", NIGHTLY)
def test_build(bench):
    """How long a build takes: a step that sets a variable, one that runs a program, and one that copies a file."""
    program = File(touching_program("/touched"), mode=0o755)
    trees = {"baseline": {"touch": program}, "arm": {"touch": program, **tree_of(2000)}}
    images = {side: bench.containers.image(tree) for side, tree in trees.items()}

    def measure(side):
        image = images["arm" if side == "arm" else "baseline"]
        steps = ["ENV NAME=value", f'RUN ["{bench.place}/touch"]', "COPY context/file /copied"]
        return bench.life.build([f"FROM {image}", *steps], {"file": b"data"})

    bench.paired(measure, metric="time to build", unit="ms", before=bench.settle, names=bench.against(FLOOR))
