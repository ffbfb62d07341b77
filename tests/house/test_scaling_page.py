"""docs/scaling.md has the numbers that its scripts print, and the script conducts what it says."""

import re
import statistics

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


def test_pairs_of_workers_have_equal_verdicts_and_the_load_beside_them():
    """A row says how many cells were compared, and the median is that of the rows."""
    text = PAGE.read_text()
    pairs = re.findall(r"^\| [\d.]+ \| (\d+) \| \d+ s \| \d+ s \| ([\d.]+) \| \d+ s, \d+ s \|$", text, re.MULTILINE)
    assert pairs
    assert all(int(cells) > 1000 for cells, _ in pairs)
    (told,) = re.findall(r"^The median ratio is ([\d.]+), on \d+ processors\.$", text, re.MULTILINE)
    assert abs(float(told) - statistics.median(float(ratio) for _, ratio in pairs)) <= 0.011
