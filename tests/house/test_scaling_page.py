"""docs/scaling.md has the numbers that its script prints, and the script conducts what it says."""

import re

from scaling_page import PAGE, SIZES, measured, page


def test_the_page_has_every_size():
    """One row for each, up to 200 simulated nodes, in the form that the script writes."""
    rows = re.findall(r"^\| (\d+) \| (\d+) \| [\d.]+ s \| \d+ MiB \|$", PAGE.read_text(), re.MULTILINE)
    assert [int(nodes) for nodes, _ in rows] == list(SIZES)
    assert len({int(results) / int(nodes) for nodes, results in rows}) == 1, "each node has as many checks"


def test_simulated_nodes_are_conducted_as_others_are():
    """Every result of every node is in the bundle."""
    few, more = measured(2), measured(4)
    assert (few["written"], more["written"]) == (2 * few["checks"], 4 * few["checks"])
    assert "| 4 |" in page([few, more])
