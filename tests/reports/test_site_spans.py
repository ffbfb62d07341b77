"""Since and until when something breaks."""

import sample_small as small

from roadworthy.reports.records import Lane
from roadworthy.reports.site.spans import span


def lanes(*kernels, engine="docker20.10", backing="ext4"):
    return [Lane(id=f"overlay2-{backing}-{engine}-linux{kernel}", driver="overlay2", backing=backing, engine=engine,
                 kernel=kernel) for kernel in kernels]  # fmt: skip


def test_a_break_that_is_gone_names_the_first_kernel_without_it():
    """Nothing is said of kernels between two that were asked."""
    assert span(lanes("5.10", "6.1"), lanes("6.12", "6.18")) == (
        "Linux: gone by 6.12, breaks on 5.10 and 6.1; not on 6.12 and 6.18"
    )


def test_a_break_that_came_names_the_first_kernel_with_it():
    """6.2 is older than 6.12."""
    assert span(lanes("6.12"), lanes("6.2")) == "Linux: since 6.12 at the latest, breaks on 6.12; not on 6.2"


def test_what_tells_the_lanes_apart_may_be_the_engine_or_the_backing():
    """The first axis that tells all broken lanes from all others is named."""
    assert span(lanes("6.18"), lanes("6.18", engine="docker28.5")).startswith("engine: gone by docker28.5")
    assert span(lanes("6.18", backing="xfs"), lanes("6.18")) == "backing: breaks on xfs; not on ext4"


def test_without_such_an_axis_the_lanes_are_named():
    """Where kernel and engine both matter, no version is claimed."""
    broken = [*lanes("6.1"), *lanes("6.18", engine="docker28.5")]
    kept = [*lanes("6.18"), *lanes("6.1", engine="docker28.5")]
    assert span(broken, kept) == (
        "on 2 of 4 lanes that were asked; not on overlay2-ext4-docker20.10-linux6.18 and "
        "overlay2-ext4-docker28.5-linux6.1"
    )


def test_two_axes_that_tell_the_lanes_apart_are_both_named():
    """With a newer engine on a newer kernel, either may be the cause."""
    assert span(lanes("6.1"), lanes("6.18", engine="docker28.5")) == (
        "Linux: gone by 6.18, breaks on 6.1; not on 6.18 · or engine: gone by docker28.5, breaks on docker20.10; "
        "not on docker28.5"
    )


def test_a_break_everywhere_says_what_was_asked():
    """That no lane kept it says nothing of lanes that were not asked."""
    assert span([small.OLD, small.NEW], []) == (
        "on every lane that was asked: Linux 5.10 and 6.18; engine docker20.10; backing ext4"
    )
