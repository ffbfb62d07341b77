"""Measured values for readers: three digits, in a unit in which they need no exponent."""

from __future__ import annotations

#: Units of time as parts of a second, the largest first.
_TIMES = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
_SIZES = (("GiB", float(1 << 30)), ("MiB", float(1 << 20)), ("KiB", float(1 << 10)), ("B", 1.0))
_SAME = {"us": "µs", "bytes": "B"}


def number(value: float) -> str:
    """Return a measured number with three significant digits, without an exponent where it can be avoided."""
    if value == 0 or not 1e-3 <= abs(value) < 1e9:
        return f"{value:.3g}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def amount(value: float, unit: str) -> str:
    """Return a value with its unit; times and sizes in the unit that suits them: 1,930,000 ns is `1.93 ms`."""
    unit = _SAME.get(unit, unit)
    for ladder in (_TIMES, _SIZES):
        scale = dict(ladder).get(unit)
        if scale is not None:
            fitting = ((name, part) for name, part in ladder if abs(value) * scale >= part * (1 - 1e-9))
            name, part = next(fitting, (unit, scale))
            return f"{number(value * scale / part)} {name}"
    return f"{number(value)} {unit}".rstrip()


def brief(value: float, unit: str) -> str:
    """Return a value whose unit stands beside it; the unit is named only if `amount` may change it."""
    return amount(value, unit) if scaled(unit) else number(value)


def scaled(unit: str) -> bool:
    """Whether `amount` may show another unit than this one."""
    return any(_SAME.get(unit, unit) in dict(ladder) for ladder in (_TIMES, _SIZES))


def exact(value: float, unit: str) -> str:
    """Return a count with all its digits, as counts are compared exactly; sizes also in the unit that suits them."""
    plain = f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"
    shown = f"{plain} {unit}".rstrip()
    easier = amount(value, unit)
    return f"{easier} ({shown})" if _SAME.get(unit, unit) == "B" and abs(value) >= 10_240 else shown


def per(value: float, unit: str, axis_unit: str) -> str:
    """Return a slope: the cost of one step of the axis, which is a MiB on an axis of bytes."""
    if _SAME.get(axis_unit, axis_unit) == "B":
        return f"{amount(value * (1 << 20), unit)} per MiB"
    return f"{amount(value, unit)} per {axis_unit.removesuffix('s')}"
