"""Runs that are spread over workers: how the words reach them, and how their bundles become one."""

import sample

from reports.bundle import read_bundle
from roadworthy.conductor import joined, paths_bound


def test_paths_are_bound_to_their_options():
    """A worker must not take the bundle's directory for a place where pytest's configuration lies."""
    given = ["--driver=vfs", "--bundle", "b", "-n", "2", "--matrix", "m.toml", "conformance"]
    assert paths_bound(given) == ["--driver=vfs", "--bundle=b", "-n", "2", "--matrix=m.toml", "conformance"]


def test_bundles_of_workers_become_one(tmp_path):
    """One plan, of this run, and what each worker found; nothing of workers that left nothing."""
    sample.write(tmp_path, sample.records())
    found = read_bundle(tmp_path)
    plan, *records = joined([found], "this-run")
    assert (plan.run, plan.cells) == ("this-run", found.plan.cells)
    assert len(records) == len(found.lanes) + len(found.results) + len(found.benchmarks)
    assert joined([], "this-run") == []
