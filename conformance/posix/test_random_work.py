"""Random work shows what a model of it has. Its seed is fixed, so that a break happens again; see also the explorer."""

from os import O_RDONLY, O_RDWR
from random import Random

from roadworthy import Directory, check, lower
from roadworthy.linux import MAP_SHARED, PROT_READ, PROT_WRITE

EVERYWHERE = ("lower", "lower-deep", "upper", "copied-up")
PAGE = 4096
SIZE = 16 * PAGE
STEPS = 100
#: How often the processes pause for a comparison.
ROUNDS = 6
NAMES = 8


class Modelled:
    """One file that is worked on at random, through two descriptors and mappings, and a model of its bytes."""

    def __init__(self, fs, path, content, seed):
        self.fs, self.dice, self.model = fs, Random(seed), bytearray(content)
        self.reader, self.writer = fs.open(path, O_RDONLY), fs.open(path, O_RDWR)

    def write(self):
        at, data = self.dice.randrange(SIZE), self.dice.randbytes(self.dice.randrange(1, 3 * PAGE))
        self.fs.pwrite(self.writer, data, at)
        self.model.extend(bytes(max(0, at - len(self.model))))
        self.model[at : at + len(data)] = data

    def cut(self):
        size = self.dice.randrange(SIZE)
        self.fs.ftruncate(self.writer, size)
        self.model[size:] = bytes(max(0, size - len(self.model)))

    def store(self):
        pages = len(self.model) // PAGE
        if not pages:
            return self.write()
        data = self.dice.randbytes(self.dice.randrange(1, pages * PAGE))
        mapping = self.fs.mmap(self.writer, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED)
        self.fs.poke(mapping, data)
        self.fs.munmap(mapping, pages * PAGE)
        self.model[: len(data)] = data
        return None

    def work(self):
        """Do one thing, and return what it was if a reader then sees something else than the model has."""
        done = self.dice.choice((self.write, self.write, self.cut, self.store))
        done()
        who = self.dice.choice(("reader", "writer"))
        seen = self.fs.pread(getattr(self, who), 2 * SIZE, 0)
        if seen == self.model:
            return ""
        pairs = enumerate(zip(seen, self.model, strict=False))
        same = next((at for at, (one, other) in pairs if one != other), "the end")
        return f"after a {done.__name__} the {who} has {len(seen)} bytes of {len(self.model)}, wrong from {same}"


@check("conc/fsx", source="POSIX.1-2017, pwrite(), ftruncate(), mmap(); fsx of xfstests and LTP", provenance=EVERYWHERE)
@lower(foo=b"image" * 1000)
def test_random_work_on_one_file_agrees_with_a_model(fs, observe):
    """Random writes, truncations and stores into mappings leave in a file, for every reader, what a model has."""
    modelled = Modelled(fs, "foo", b"image" * 1000, seed=20)
    wrong = [said for _ in range(STEPS) if (said := modelled.work())]
    observe("differences", wrong[0] if wrong else f"none in {STEPS} steps")
    assert wrong == []
    assert fs.load("foo") == modelled.model


class Worker:
    """One process that makes, renames and removes files of shared directories at random, under names of its own."""

    def __init__(self, name, seed):
        self.name, self.dice = name, Random(seed)
        self.model = {f"d{number % 2}/{name}{number}": b"image" for number in range(NAMES)}
        self.steps = []

    def step(self):
        """Plan one call that the model allows."""
        path = f"d{self.dice.randrange(2)}/{self.name}{self.dice.randrange(2 * NAMES)}"
        if path not in self.model or self.dice.random() < 0.3:
            data = self.dice.randbytes(self.dice.randrange(1, 200))
            self.steps.append(["store", path, data, 0o644])
            self.model[path] = data
        elif self.dice.random() < 0.5:
            target = f"d{self.dice.randrange(2)}/{self.name}{self.dice.randrange(2 * NAMES)}"
            self.steps.append(["rename", path, target])
            self.model[target] = self.model.pop(path)
        else:
            self.steps.append(["unlink", path])
            del self.model[path]

    def planned(self, count):
        """The next calls, as one request carries them."""
        self.steps = []
        for _ in range(count):
            self.step()
        return [[[], *step] for step in self.steps]


IMAGE = {f"d{number % 2}/{name}{number}": b"image" for name in "ab" for number in range(NAMES)}


@check("conc/fsstress", source="POSIX.1-2017, rename(), unlink(); fsstress of xfstests and LTP", provenance=EVERYWHERE)
@lower({"d0": Directory(), "d1": Directory(), **IMAGE})
def test_random_work_of_two_processes_in_shared_directories(fs, other, observe):
    """Two processes that make, rename and remove files in two directories at once leave what each of them left."""
    workers = [Worker("a", seed=1), Worker("b", seed=2)]
    wrong: dict[str, str] = {}
    for _ in range(ROUNDS):
        plans = [worker.planned(STEPS) for worker in workers]
        rows = [process.begin("row", plan) for process, plan in zip((fs, other), plans, strict=True)]
        assert [row.answer() for row in rows] == [None, None]
        found = {path: fs.load(path) for path in (f"d{n}/{name}" for n in range(2) for name in fs.listdir(f"d{n}"))}
        expected = workers[0].model | workers[1].model
        wrong |= dict.fromkeys(found.keys() - expected.keys(), "is back")
        wrong |= dict.fromkeys(expected.keys() - found.keys(), "is gone")
        wrong |= {path: "is another" for path in found.keys() & expected.keys() if found[path] != expected[path]}
    observe("files that differ", ", ".join(sorted(f"{path} {how}" for path, how in wrong.items())) or "none")
    assert wrong == {}
