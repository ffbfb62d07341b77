"""A bundle whose every text attacks its reader."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import sample

from roadworthy.reports.records import (
    Arm,
    Benchmark,
    Call,
    Check,
    Count,
    Curve,
    Cuts,
    Deviation,
    End,
    FirstCut,
    Lane,
    LaneRecord,
    Left,
    Observation,
    Plan,
    Result,
    Sample,
    Trend,
    Twin,
)


def attack(server: str) -> str:
    """Return text that marks the document when any part of it runs, and asks `server` when any part loads."""
    mark = "document.documentElement.dataset.owned=1"
    return (
        f"</pre></script></style></title></textarea>--><script>{mark}</script>"
        f"<img src='{server}/img' onerror='{mark}'><svg onload='{mark}'><a href=\"javascript:{mark}\">x</a>"
        f"<link rel=stylesheet href={server}/css><iframe srcdoc='<script>parent.{mark}</script>'></iframe>"
        f"<style>@import '{server}/import';</style><base href={server}/><meta http-equiv=refresh content='0;{server}'>"
        f'" onmouseover="{mark}" \'{{{{7*7}}}}{{% raw %}} '
        "\u2028\u2029\u202e\u2066 \x1b[31m\x1b]0;t\x07 \x00\x08 \ud800"
    )


def records(server: str) -> list[Any]:
    """Return a bundle with the attack in each text, in keys, and in one line of a megabyte."""
    bad = attack(server)
    script = f"javascript:fetch('{server}/link')"
    lane = Lane(id=f"lane {bad}", driver=f"driver {bad}", backing=bad, engine=bad, kernel=bad, options={bad: bad})
    check = Check(
        id=f"family/{bad}",
        family=f"family {bad}",
        promise=bad,
        provenance=bad,
        file=bad,
        line=1,
        source=script,
        claim=bad,
    )
    arm = Arm(name=bad, samples=[1.0], median=1.0, low=1.0, high=1.0)
    return [
        Plan(
            schema="1.0",
            run=bad,
            started=sample.STARTED,
            suite={bad: {bad: [bad]}},
            argv=[bad],
            lanes=[lane],
            checks=[check],
            cells=[(lane.id, check.id)],
        ),
        LaneRecord(lane=lane.id, at=bad, state="error", reason=bad, facts={bad: [{bad: bad}]}, seconds={bad: 1.0}),
        Result(
            lane=lane.id,
            check=check.id,
            nodeid=bad,
            verdict="known",
            at=bad,
            seconds=1.0,
            reason=bad + "x" * 1_000_000,
            observations=[Observation(bad, bad)],
            transcript=[Call(bad, bad, bad, True, 10**30)] * 500,
            omitted_calls=3,
            kernel_log=[f"EXT4-fs: {bad}"] * 200,
            deviation=Deviation(why=bad, source=script, signature=bad, when=bad, file=bad, line=1),
            cuts=cuts(bad),
        ),
        Benchmark(
            lane=lane.id,
            benchmark=bad,
            nodeid=bad,
            at=bad,
            metric=bad,
            unit=bad,
            baseline=arm,
            arm=arm,
            ratio=1.0,
            ratio_low=0.0,
            ratio_high=1e300,
            verdict="invalid",
            reason=bad,
            counters={bad: 1.0},
            guards={bad: False},
            workload={bad: bad},
        ),
        *measurements(lane.id, bad, arm),
        End(finished=bad, exit_status=1, counts={bad: 1}),
    ]


def cuts(bad: str) -> Cuts:
    """Power cuts with the attack in each text, counts out of bounds, and more states and calls than anybody reads."""
    first = FirstCut(flush=10**30, words=bad, after=[bad] * 500, before=bad, records=bad, part=-(10**30), exact=True)
    return Cuts(
        operation=f"; touch owned; {bad}", does=bad, looked=10**30, flushes=-1, worst=bad, asked=f"1; {bad}",
        states=[Left(bad, bad, 10**30)] * 500, first=first, kept=True,
    )  # fmt: skip


def measurements(lane: str, bad: str, arm: Arm) -> list[Any]:
    """Return measurements with the attack in each text, raw files that are no raw files, and numbers out of bounds."""
    raws = [bad, "javascript:alert(1)", "../../secret.json", "/etc/passwd.json", "raw/page.html", "//host/x.json",
            "a/.b.json"]  # fmt: skip
    names = {"lane": lane, "nodeid": bad, "at": bad, "metric": bad, "unit": bad, "promise": bad, "tier": bad}
    curve = Curve(name=bad, points=[(1e-300, 1e300), (1e299, 0.0), (5.0, -1e308)], slope=1e308, slope_low=-1e308,
                  slope_high=0.0, intercept=1e308)  # fmt: skip
    samples = [Sample(row=n, order=0, side="arm", value=1e308, void=bad, raw=raw) for n, raw in enumerate(raws)]
    return [
        Benchmark(
            **names, benchmark=f"{bad}@{bad}", point=1.0, stratum=bad, baseline=arm, arm=arm, ratio=1.0, ratio_low=0.5,
            ratio_high=2.0, verdict="slower", reason=bad, samples=samples, method={bad: bad},
            twin=Twin(ratio=1e308, low=0.0, high=1e308, verdict="slower"),
        ),
        Benchmark(
            **names, benchmark=f"other {bad}", baseline=arm, arm=arm, ratio=1.0, ratio_low=0.5, ratio_high=2.0,
            verdict="slower", unpublished=bad,
        ),
        Trend(**names, benchmark=bad, axis=bad, axis_unit=bad, baseline=curve, arm=curve, verdict="grows", stratum=bad,
              reason=bad),
        Trend(**names, benchmark=f"other {bad}", axis=bad, axis_unit=bad, baseline=curve, arm=curve, verdict="invalid",
              reason=bad, unpublished=bad),
        Count(**names, benchmark=bad, value=1e308, baseline=-1e308, note=bad),
    ]  # fmt: skip


def lines(server: str) -> bytes:
    """Return the bundle's bytes."""
    return b"".join(line(msgspec.to_builtins(record)) for record in records(server))


def line(value: Any) -> bytes:
    """One line of a bundle; a lone surrogate is only possible as an escape."""
    return json.dumps(value).encode() + b"\n"
