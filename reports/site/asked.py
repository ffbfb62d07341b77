"""The questions that people come with, each with the page and the place that answers it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from roadworthy.reports.site import addresses


@dataclass(frozen=True)
class Question:
    """A question in the words of who asks it. Of `answers` (address and place) the first that the site has counts."""

    asks: str
    answers: tuple[tuple[str, str], ...]

    def answer(self, known: Collection[str]) -> tuple[str, str] | None:
        """Address and place of the answer; None if these runs have none."""
        return next((one for one in self.answers if one[0] in known), None)


def questions(edition: str) -> tuple[Question, ...]:
    """The ten questions; `edition` is the newest one."""
    card, check = addresses.driver, addresses.check
    return (
        Question("Can a directory of the image be renamed on overlay2?", ((check("rename/merged-dir"), "answers"),)),
        Question("Which drivers share page cache between containers?", (
            (check("pagecache/shared-across-containers"), "answers"), (addresses.FRONT, "drivers"))),
        Question("What changed for overlay2 between kernels 5.10, 6.1, 6.12 and 7.2?", (
            (addresses.kernels("overlay2"), ""), (card("overlay2"), ""))),
        Question("What does the first write to a file of 16 MiB cost, in milliseconds?", (
            (addresses.benchmark("copy-up/first-write"), "16MiB"),)),
        Question("What breaks on fuse-overlayfs, worst first?", ((card("fuse-overlayfs"), ""),)),
        Question("Should I move from overlay2 to the containerd store?", (
            (addresses.MOVE, ""), (addresses.COMPARE, ""))),
        Question("Is overlay2 on btrfs tested, and what differs?", (
            (addresses.comparison("overlay2", "backings"), ""), (addresses.FRONT, "coverage"))),
        Question("What is new since the run before?", ((addresses.edition(edition), ""),)),
        Question("Which claims of 2016 do not hold, and where?", ((addresses.CLAIMS, ""),)),
        Question("Do mv, dpkg, npm and git work on overlay2?", ((card("overlay2"), "software"),)),
    )  # fmt: skip
