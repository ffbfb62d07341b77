"""The options of a run, and the lanes that they name."""

from __future__ import annotations

import argparse
import contextlib
import math
from typing import TYPE_CHECKING

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.engine_name import EngineName, names_daemon
from roadworthy.machines.backing import BACKINGS
from roadworthy.machines.mode import MODES
from roadworthy.supplies.engine_roots import ENGINES
from roadworthy.supplies.kernels import SERIES

if TYPE_CHECKING:
    from roadworthy.lane.lanes import Lane

#: The value of --repeat by which every check runs once.
ONCE = "1"
#: The options that name lanes by their axes.
AXES = ("driver", "backing", "engine", "kernel", "driver_opt", "kernel_opt", "mode")
#: Options with a name that other plugins have, too: pytest-selenium has --driver, pytest-random-order --random-order.
#: Each has a name of its own, and the other one where that is free.
DRIVER, ORDER = ("--storage-driver", "--driver"), ("--shuffle-checks", "--random-order")
#: Where their values are, whatever other plugins keep below the shared names.
DRIVERS_NAMED, SHUFFLED = "storage_driver", "shuffle_checks"
GROUP = "roadworthy"


def add_options(parser: pytest.Parser) -> None:
    """Add the suite's options to pytest's command line."""
    group = parser.getgroup(GROUP, "Roadworthy: does this work on that storage driver, and what does it cost")
    group.addoption(
        DRIVER[0], action="append", default=[], metavar="NAME[,NAME]",
        help="Storage drivers to test, each on a private daemon and in its own column of the matrix; repeatable. "
        f"Known: {', '.join(DRIVERS)}, or all. 'native' is the reference: the same trees on a plain volume. In short "
        f"{DRIVER[1]}, unless another plugin has that name, as pytest-selenium does.",
    )  # fmt: skip
    group.addoption(
        "--backing", action="append", default=[], metavar="NAME[,NAME]",
        help="File systems to put under the daemon's data root, each made fresh; repeatable. "
        f"Known: {', '.join(BACKINGS)}, or all. Default: the first that the driver accepts.",
    )  # fmt: skip
    group.addoption(
        "--engine", action="append", default=[], metavar="NAME|PATH|NAME=PATH",
        help="Engines to run; repeatable. host is the installed engine. The others are root file systems, made once "
        f"and cached: {', '.join(ENGINES)}; or the path of a directory of programs, of a root file system, or of an "
        "archive of either. An address, as unix:///run/docker.sock, or env for that in DOCKER_HOST, is a daemon that "
        "runs already: it is asked about the driver that it has, and nothing of it is changed.",
    )  # fmt: skip
    group.addoption(
        "--among-others", action="store_true",
        help="Ask a daemon on which containers of others run, too. They are left alone, and share processors, memory "
        "and disk with the checks.",
    )  # fmt: skip
    group.addoption(
        "--kernel", action="append", default=[], metavar="SERIES|PATH",
        help="Kernels to run on; repeatable. host is the running kernel. The others boot in a virtual machine: "
        f"{', '.join(SERIES)} or another series that a suite of Debian's carries, or the path of a bzImage, of kernel "
        "packages or of a directory with vmlinuz and lib/modules.",
    )  # fmt: skip
    group.addoption(
        "--accept-expired-suites", action="store_true",
        help="Accept packages of a suite whose Release file is past its date, as testing's often is on a mirror.",
    )  # fmt: skip
    group.addoption(
        "--driver-opt",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="A --storage-opt for the daemon, such as overlay2.size=1G; repeatable. It is part of the lane's name.",
    )
    group.addoption(
        "--kernel-opt", action="append", default=[], metavar="MODULE.PARAMETER=VALUE",
        help="A module parameter for the kernels that --kernel boots, such as overlay.metacopy=on; repeatable. It "
        "is part of the lane's name. Distributions differ in these, and verdicts depend on them.",
    )  # fmt: skip
    group.addoption(
        "--mode", action="append", default=[], metavar="NAME[,NAME]",
        help="As whom engines and their containers run; repeatable. Default: rootful. Any other is part of the lane's "
        f"name. Known: {', '.join(MODES)}.",
    )  # fmt: skip
    group.addoption(
        "--matrix", metavar="FILE",
        help="A TOML file that names the lanes by their axes, instead of the options above; matrices/ has examples, "
        "and `roadworthy lanes` prints the lanes of one. With pytest-xdist's -n, lanes run side by side.",
    )  # fmt: skip
    group.addoption(
        "--inventory", metavar="FILE",
        help="A TOML file that names the nodes of a fleet, reached by ssh, behind a wrapper, or here: each lane runs "
        "on a node that can run it, and this host joins the results. See docs/fleets.md.",
    )  # fmt: skip
    group.addoption(
        "--allow-missing", action="store_true",
        help="Let lanes be missing: what is named and cannot start here (no engine, no root, no module), or cannot be "
        "measured (no fio), fails the run otherwise, because nothing of it was tested.",
    )  # fmt: skip
    group.addoption(
        "--repeat", metavar="N[+M]", default=ONCE,
        help="Run every check N times, in rounds; each round has fresh containers. With +M, run M more rounds, each on "
        "a fresh daemon: a new check has to pass --repeat=10+5. A check whose rounds disagree is flaky and fails the "
        "run; the summary gives an upper bound on the rate of flaky verdicts.",
    )  # fmt: skip
    group.addoption(
        ORDER[0], metavar="SEED", nargs="?", const="",
        help="Run the checks of a lane in random order, each round in a different one. The seed is printed; "
        f"{ORDER[0]}=SEED repeats the order. Also {ORDER[1]}, unless another plugin has that name, as "
        "pytest-random-order does.",
    )  # fmt: skip
    group.addoption(
        "--cuts", metavar="N|all", type=cuts,
        help="Cut the power in every operation N times, at seeded moments, or once at every flush; without it, ten "
        "times a lane in three operations. A cut takes about a second.",
    )  # fmt: skip
    group.addoption(
        "--keep-logs", action="store_true",
        help="Keep what the disk of every operation that the power is cut in was told, below the bundle's directory: "
        "`roadworthy cut LOG` lists the flushes of such a log, and makes the disk of any of them again.",
    )  # fmt: skip
    group.addoption(
        "--minutes", metavar="N", type=minutes,
        help="Let each check of the family hunt go on for N minutes with 100 MiB of files, and say how far it is; "
        "without it, each makes one small round.",
    )  # fmt: skip
    group.addoption(
        "--hunt-seed", metavar="SEED", type=hunt_seed,
        help="The seed of the random work of the family hunt: with --minutes, it is drawn and printed otherwise.",
    )  # fmt: skip
    group.addoption(
        "--isolate", action="store_true",
        help="Give every check a container of its own, instead of one for all that need the same capabilities. The "
        "verdicts must not change: `roadworthy agree BUNDLE BUNDLE` compares them.",
    )  # fmt: skip
    group.addoption(
        "--no-reference", dest="reference", action="store_false",
        help="Do not compare the tree that a check leaves with the reference: what the same calls leave on a file "
        "system without layers. In a virtual machine, trees are never compared.",
    )  # fmt: skip
    group.addoption(
        "--bundle", metavar="DIR",
        help="Where to write the run bundle (bundle.jsonl) and its page (index.html). Default: bundles/RUN.",
    )  # fmt: skip
    group.addoption(
        "--bench-seconds", type=seconds, metavar="SECONDS",
        help="Time for each benchmark, instead of its tier's: rows are taken until the interval is narrow or the time "
        "is over, but at least twelve.",
    )  # fmt: skip
    group.addoption(
        "--keep", action="store_true",
        help="Leave daemons, containers and file systems running for inspection. "
        "`roadworthy reap --kept` removes them.",
    )  # fmt: skip


def add_free_options(parser: pytest.Parser) -> None:
    """Add the names that other plugins have, too, where none has taken them: every plugin must have added its own."""
    group = parser.getgroup(GROUP)
    with contextlib.suppress(argparse.ArgumentError, ValueError):
        group.addoption(
            DRIVER[1], dest=DRIVERS_NAMED, action="append", default=[], metavar="NAME[,NAME]",
            help=f"{DRIVER[0]} in short.",
        )  # fmt: skip
    with contextlib.suppress(argparse.ArgumentError, ValueError):
        group.addoption(ORDER[1], dest=SHUFFLED, metavar="SEED", nargs="?", const="", help=f"As {ORDER[0]}.")


def only_looks(config: pytest.Config) -> bool:
    """Whether the command line asks what there is, so that nothing runs and no lane has to be named."""
    given = config.option
    return bool(given.collectonly or given.showfixtures or given.show_fixtures_per_test)


def seconds(word: str) -> float:
    """Parse the value of an option in seconds. Raises ArgumentTypeError."""
    try:
        found = float(word)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number of seconds, such as 60 or 2.5")
    return found


def minutes(word: str) -> float:
    """Parse a number of minutes above 0. Raises ArgumentTypeError."""
    with contextlib.suppress(argparse.ArgumentTypeError):
        if found := seconds(word):
            return found
    raise argparse.ArgumentTypeError(f"{word!r} is not a number of minutes, such as 20 or 0.5")


def hunt_seed(word: str) -> int:
    """Parse the seed of a hunt. Raises ArgumentTypeError."""
    if not (word.isascii() and word.isdecimal()):
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number, such as 7")
    return int(word)


def cuts(word: str) -> float:
    """Parse a number of cuts; `all` is infinite. Raises ArgumentTypeError."""
    if word == "all":
        return math.inf
    if not word.isdecimal() or not int(word):
        raise argparse.ArgumentTypeError(f"{word!r} is not a number of cuts, such as 20, and not all")
    return int(word)


def asks(config: pytest.Config) -> bool:
    """Whether the command line asks for the suite; otherwise a collected file has to."""
    given = config.option
    named = given.storage_driver or given.matrix or attaches(config)
    ordered = given.repeat != ONCE or given.shuffle_checks is not None
    return bool(named or ordered or given.inventory or given.showfixtures or given.show_fixtures_per_test)


def attaches(config: pytest.Config) -> bool:
    """Whether --engine names a daemon that runs already: what it runs is asked for then, without --driver."""
    return any(names_daemon(word) for value in config.option.engine for word in value.split(","))


def lanes_of(config: pytest.Config, installed: EngineName, running: str) -> list[Lane]:
    """The lanes that the command line names, by its axes or by a matrix file. Raises LaneError."""
    from roadworthy.lane.lanes import refuse_others
    from roadworthy.lane.matrix_file import lanes_named

    axes = {name: config.getoption(DRIVERS_NAMED if name == "driver" else name) for name in AXES}
    lanes = lanes_named(axes, config.getoption("matrix"), installed, running)
    if not config.getoption("among_others"):
        refuse_others(lanes)
    return lanes
