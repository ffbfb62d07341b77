"""A simulated node of a fleet: what its keeper and its worker would tell, without a host, a suite or a check.

scaling_page.py runs it in the place of both, behind execnet's real transport: what is measured is the process that
conducts the run. SIMULATED names a file with the records of a real lane; each node has a kernel of its own.
"""

import json
import os

PLACE = "roadworthy_place"
KERNEL = "linux5.KERNEL"


def keep(channel):
    """Answer as a keeper does."""
    channel.send("/nowhere")
    for question, *rest in channel:
        answers = {
            "suite": {"python": [3, 11], "missing": []},
            "host": {"kind": "docker", "series": "20.10", "kernel": f"linux5.{os.environ['NODE']}"},
            "lanes": [""] * len(rest[0]) if rest else [],
        }
        channel.send(answers.get(question, question))


def work(channel, values):
    """Tell what a worker tells: the plan, and for each test that is asked its reports and its result."""
    told = values["roadworthy_told"]
    (lane,) = values["roadworthy_lanes"]
    name = f"{lane['driver']}-{lane['backing']}-docker20.10-{lane['kernel']}"
    with open(os.environ["SIMULATED"]) as file:
        plan, record, *results = file.read().replace("LANE", name).splitlines()
    tests = [json.loads(line) for line in results]
    cells = {test["nodeid"]: [name, test["check"], 1] for test in tests}
    channel.send(("workerready", {"workerinfo": {"version": "", "version_info": (3, 11), "id": "", "cwd": "/"}}))
    told.send('{"type":"cells",' + json.dumps({"cells": cells, "benchmarks": []})[1:])
    told.send(plan)
    channel.send(("collectionfinish", {"topdir": "/", "ids": list(cells)}))
    while True:
        command, asked = channel.receive()
        if command == "shutdown":
            break
        for place in asked["indices"]:
            run(channel, tests[place]["nodeid"], place)
            told.send(results[place])
    told.send(record)
    told.send('{"type":"end","finished":"2026-01-01T00:00:00Z","exit_status":0,"counts":{}}')
    output = {"exitstatus": 0, "shouldfail": False, "shouldstop": False}
    channel.send(("workerfinished", {"workeroutput": output}))


def run(channel, nodeid, place):
    """Tell what pytest-xdist tells of one test that passes."""
    location = (nodeid.partition("::")[0], 1, nodeid.partition("::")[2])
    channel.send(("logstart", {"nodeid": nodeid, "location": location}))
    for when in ("setup", "call", "teardown"):
        report = {
            "$report_type": "TestReport", "nodeid": nodeid, "location": location, "keywords": {nodeid: 1},
            "outcome": "passed", "longrepr": None, "when": when, "user_properties": [], "sections": [],
            "duration": 0.001, "start": 0.0, "stop": 0.001, "testrun_uid": "x", "worker_id": "x", "item_index": place,
        }  # fmt: skip
        channel.send(("testreport", {"data": report, "item_index": place}))
    channel.send(("logfinish", {"nodeid": nodeid, "location": location}))
    channel.send(("runtest_protocol_complete", {"item_index": place, "duration": 0.003}))


if __name__ == "__channelexec__":
    if os.environ["NODE"] and channel.gateway.id.endswith("-keeper-worker"):  # noqa: F821
        keep(channel)  # noqa: F821
    else:
        given, *_ = channel.receive()  # noqa: F821
        work(channel, given)  # noqa: F821
