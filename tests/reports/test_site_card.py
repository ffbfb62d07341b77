"""The card of a driver."""

import random
import re

import pytest
import sample
import sample_small as small

from roadworthy.reports.site import card


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    dice = random.Random(3)
    some = [one for one in sample.sweep(small.NEW, dice) if getattr(one, "point", None)]
    return small.site(tmp_path_factory.mktemp("bundles"), tuple(some))


def html(site, name):
    return next(one for one in card.pages(site) if one.address == f"driver/{name}.html").make()


def test_every_driver_has_a_card(site):
    """The reference, too: what breaks there is no driver's fault."""
    assert [one.address for one in card.pages(site)] == [
        "driver/native.html", "driver/overlay2.html", "driver/containerd~overlayfs.html",
    ]  # fmt: skip


def test_breaks_are_grouped_by_reason_and_ranked(site):
    """Cells of one reason are one line; a program that is hit stands before stale data, and these before a refusal."""
    found = card.of(site, "overlay2")
    assert [(one.rank, one.why, one.cells) for one in found.reasons] == [
        ("software", small.MV.why, 2), ("data", small.LINK.why, 1), ("surprise", small.RENAME.why, 2),
    ]  # fmt: skip
    assert found.cells == 5
    assert found.reasons[1].checks == (("link/pair", ("lower",)),)


def test_since_and_until_come_from_the_lanes_that_were_asked(site):
    """The link breaks on the old kernel alone, the rename on both."""
    reasons = {one.why: one for one in card.of(site, "overlay2").reasons}
    assert reasons[small.LINK.why].span == "Linux: gone by 6.18, breaks on 5.10; not on 6.18"
    assert reasons[small.RENAME.why].span.startswith("on every lane that was asked: Linux 5.10 and 6.18")
    assert reasons[small.RENAME.why].helps == ("redirect_dir=on",)


def test_a_failure_that_nobody_has_explained_is_a_reason_of_its_own(site):
    """It is counted apart, and stands before the explained ones of its rank."""
    found = card.of(site, "containerd:overlayfs")
    assert [(one.why, one.explained) for one in found.reasons] == [
        ("assert 'ENOENT' == 'success'", False), (small.RENAME.why, True),
    ]  # fmt: skip
    text = html(site, "containerd~overlayfs")
    assert "1 is not explained" in text
    assert "<strong>not explained:</strong>" in text


def test_programs_that_are_hit_stand_before_those_that_work(site):
    """Of the program that copies, each lane's verdict is told."""
    (program,) = card.of(site, "overlay2").programs
    assert (program.check, program.hit) == ("app/mv-directory", True)
    (other,) = card.of(site, "containerd:overlayfs").programs
    assert (other.hit, other.works) == (False, True)


def test_costs_have_their_interval_and_what_was_not_measured_says_so(site):
    """A time stands beside the baseline's, and the ratio beside its interval."""
    found = card.of(site, "overlay2")
    assert len(found.costs) == 4
    text = html(site, "overlay2")
    row = re.search(r'<tr><th scope="row">copy-up/first-write/lower@64MiB.*?</tr>', text, re.DOTALL)[0]
    assert re.search(r'<td class="n">[\d.]+–[\d.]+</td><td>slower than native</td>', re.sub(r"\s*\n\s*", "", row))  # noqa: RUF001
    assert "Not measured: no benchmark was run on this driver." in html(site, "containerd~overlayfs")
    assert "Not asked: the power was not cut" in text
    assert "not asked on any lane" in text


def test_what_was_not_asked_is_said(site):
    """Kernels that another driver was asked on, engines, and checks that no lane answered."""
    found = card.of(site, "containerd:overlayfs").unasked
    assert (found.kernels, found.engines) == (("5.10",), ("docker20.10",))
    assert found.families == ()
