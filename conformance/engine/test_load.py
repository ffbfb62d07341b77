"""Many containers at once, and for a long time; --minutes makes the soak long and the crowd two hundred."""

from os import O_WRONLY

import pytest

from roadworthy import LAYERS, check, lower, needs

pytestmark = pytest.mark.slow

MIB = 1 << 20
#: Containers that are started, or removed, at one moment.
WAVE = 8
#: What may be in use after a soak beyond what was after its first round: descriptors, and bytes.
SLACK = {"mounts": 0, "processes": 0, "sockets": 0, "descriptors": 16, "memory": 64 * MIB, "disk": 16 * MIB}


def in_waves(containers, operations):
    """Run the operations, WAVE of them at once."""
    for first in range(0, len(operations), WAVE):
        containers.all_at_once(*operations[first : first + WAVE])


@check("conc/crowd-of-containers", source="Docker documentation, About storage drivers")
@needs(LAYERS)
@lower(f=b"image", gone=b"image")
def test_many_containers_of_one_image_are_written_side_by_side(containers, hunt, storage, observe):
    """Many containers of one image run at once; each begins with its files, keeps its changes and leaves nothing."""
    count, before = hunt.size(16, 200), len(storage.layer_mounts())
    made = [containers.create() for _ in range(count)]
    in_waves(containers, [container.start for container in made])
    running, begun, kept = [], [], []
    for number, container in enumerate(made):
        # Each answers before the next one is begun: two hundred programs that start at once keep all of them waiting.
        running.append(fs := containers.process(container))
        begun.append((fs.load("f"), fs.listdir()))
        fs.pwrite(fs.open("f", O_WRONLY), b"%05d" % number, 0)
        fs.unlink("gone")
        fs.store("own", b"%05d" % number * 1000)
    for fs in running:
        kept.append((fs.load("f"), fs.load("own")[:5], fs.listdir()))
    for container in made:
        container.forget_agent()
    in_waves(containers, [container.remove for container in made])
    left = len(storage.layer_mounts()) - before
    wrong = sum(begin != (b"image", ["f", "gone"]) for begin in begun)
    lost = sum(keep != (b"%05d" % number, b"%05d" % number, ["f", "own"]) for number, keep in enumerate(kept))
    observe("containers", f"{count}, of which {wrong} began otherwise and {lost} lost changes; {left} mounts left")
    assert (wrong, lost, left) == (0, 0, 0)


@check("life/soak", source="Docker documentation, docker rm")
@needs(LAYERS)
@lower(f=b"image")
def test_rounds_of_containers_leave_nothing(own_containers, hunt, own_storage, observe):
    """Containers and images that come and go leave no mount, process, socket, descriptor, memory or space in use."""
    first, last = {}, {}
    for _ in hunt.rounds(at_least=4):
        live = [own_containers.run() for _ in range(3)]
        for number, container in enumerate(live):
            fs = own_containers.process(container)
            fs.store("own", b"%05d" % number * (MIB // 2))
            fs.store("f", b"changed")
        image = own_containers.commit(live[0].stop())
        copy = own_containers.run(image)
        assert own_containers.process(copy).load("f") == b"changed"
        own_containers.discard(copy, image, *live)
        last = own_storage.standing(first)
        first = first or last
    grown = {name: last[name] - first[name] for name in SLACK}
    observe("rounds", hunt)
    observe("after the first round", ", ".join(f"{first[name]} {name}" for name in SLACK))
    observe("growth since", ", ".join(f"{grown[name]} {name}" for name in SLACK))
    assert {name: grown[name] for name in SLACK if grown[name] > SLACK[name]} == {}
