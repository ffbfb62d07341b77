"""The numbers of docs/scaling.md: `make scaling` conducts runs over simulated nodes and writes what they took.

The nodes are simulated (see simulated_node.py), the transport and the process that conducts are real. Each size is
measured in a process of its own: its processor time, without what its children took, and the most memory that it had.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/scaling.md"
RECORDED = Path(__file__).parents[1] / "command/recorded/drivers/bundle.jsonl"
SIZES = (25, 50, 100, 200)
#: Checks of a lane: a real lane has some eight hundred.
CHECKS = 100
BEGIN, END = "<!-- scaling: made by `make scaling` -->\n", "<!-- /scaling -->\n"


def lane_of_records(path):
    """The records of one real lane, with the lane's id as LANE."""
    lines = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    plan = lines[0]
    lane = next(one["id"] for one in plan["lanes"] if one["driver"] == "vfs")
    results = [line for line in lines if line["type"] == "result" and line["lane"] == lane][:CHECKS]
    asked = {one["check"] for one in results}
    plan["lanes"] = [one for one in plan["lanes"] if one["id"] == lane]
    plan["checks"] = [one for one in plan["checks"] if one["id"] in asked]
    plan["cells"] = [[lane, one["check"]] for one in results]
    record = next(line for line in lines if line["type"] == "lane" and line["lane"] == lane)
    path.write_text("".join(json.dumps(line).replace(lane, "LANE") + "\n" for line in (plan, record, *results)))
    return len(results)


def conduct(nodes):
    """Conduct a run over so many simulated nodes; what it took, as JSON."""
    import simulated_node

    from roadworthy.fleet import conductor, node

    node.keeper = conductor.on_node = simulated_node
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        checks = lane_of_records(place / "lane.jsonl")
        os.environ["SIMULATED"] = str(place / "lane.jsonl")
        python = f"{sys.executable} -S -E"
        rows = [
            f'[[node]]\nname = "simulated{at}"\nlocal = true\npython = "env NODE={at} {python}"\n'
            for at in range(nodes)
        ]
        (place / "fleet.toml").write_text("\n".join(rows))
        os.chdir(place)
        begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
        words = ["--inventory=fleet.toml", "--driver=vfs", "--bundle=bundle", "-q", "-p", "no:cacheprovider"]
        # What is measured is the joining: a page of so many lanes has measurements of its own.
        status = pytest.main([*words, "--pyargs", "roadworthy.conformance"], plugins=[NoPage()])
        used = resource.getrusage(resource.RUSAGE_SELF)
        written = sum(1 for line in (place / "bundle/bundle.jsonl").open() if '"type":"result"' in line)
    sys.stdout.write(json.dumps({
        "nodes": nodes, "checks": checks, "status": int(status), "written": written,
        "processor": used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime,
        "memory": used.ru_maxrss / 1024, "wall": time.monotonic() - begun,
    }) + "\n")  # fmt: skip


class NoPage:
    """A plugin that leaves out the page."""

    def pytest_configure(self):
        from roadworthy.run import conductor

        conductor.page_beside = lambda bundle, say: None


def measured(nodes):
    """What a run over so many nodes took, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, str(nodes)], stdout=subprocess.PIPE, text=True, timeout=1800, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def page(found):
    """The table, and what a node more costs between the smallest and the largest fleet."""
    lines = ["| simulated nodes | results | processor time of the conductor | its memory |", "|---|---|---|---|"]
    for one in found:
        assert one["status"] == 0, one
        assert one["written"] == one["nodes"] * one["checks"], one
        lines.append(f"| {one['nodes']} | {one['written']} | {one['processor']:.1f} s | {one['memory']:.0f} MiB |")
    lines.append("")
    for least, most in pairwise(found):
        more = most["nodes"] - least["nodes"]
        seconds, memory = ((most[name] - least[name]) / more for name in ("processor", "memory"))
        lines.append(
            f"- From {least['nodes']} to {most['nodes']}: {seconds * 1000:.0f} ms and {memory:.2f} MiB a node more."
        )
    return "\n".join(lines) + "\n"


def main():
    found = [measured(nodes) for nodes in SIZES]
    text = PAGE.read_text()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: BEGIN + page(found) + END, text))
    sys.stdout.write(page(found))


if __name__ == "__main__":
    conduct(int(sys.argv[1])) if len(sys.argv) > 1 else main()
