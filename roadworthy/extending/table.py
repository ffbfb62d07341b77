"""A table of the suite's own values, open to what distributions add by entry points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from roadworthy.extending.distributions import Added, ExtensionError, added

Value = TypeVar("Value")


class Table(Mapping[str, Value]):
    """Values by name: the suite's own, and behind them those of a group of entry points.

    All names are known without an import. What another distribution adds is imported when its value is asked for, and
    only then can it be refused: a run that has nothing to do with the suite must not end because of it.
    """

    def __init__(self, group: str, own: Mapping[str, Value], made: Callable[[str, object], Value]) -> None:
        """`made` makes a value from an entry point's name and object. It raises ValueError."""
        self._group = group
        self._own = own
        self._made = made
        self._loaded: dict[str, Value] = {}

    def __getitem__(self, name: str) -> Value:
        """Raises KeyError, and ExtensionError for what cannot be used."""
        if name in self._loaded:
            return self._loaded[name]
        theirs = [one for one in added(self._group) if one.name == name]
        if name in self._own and not theirs:
            return self._own[name]
        if not theirs:
            raise KeyError(name)
        self._refuse_several(name, theirs)
        (one,) = theirs
        try:
            self._loaded[name] = self._made(name, one.load())
        except ExtensionError:
            raise
        except ValueError as reason:
            raise one.refused(str(reason)) from None
        return self._loaded[name]

    def _refuse_several(self, name: str, theirs: list[Added]) -> None:
        owners = [*(["roadworthy"] if name in self._own else []), *(one.distribution for one in theirs)]
        if len(owners) > 1:
            said = f"{' and '.join(owners)} each have one of this name; keep one of them"
            raise ExtensionError(f"{theirs[-1]}: {said}")

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from dict.fromkeys(one.name for one in added(self._group) if one.name not in self._own)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self._own or any(one.name == name for one in added(self._group))


def subclass_of(base: type[Value], name: str, value: object) -> type[Value]:
    """Return `value` if it is a subclass of `base` whose attribute `name` is this name. Raises ValueError."""
    if not isinstance(value, type) or not issubclass(value, base):
        raise ValueError(f"expected a subclass of {base.__module__}.{base.__qualname__}, got {value!r}")
    if getattr(value, "name", None) != name:
        raise ValueError(f"its name is {getattr(value, 'name', None)!r}, and its entry point's {name!r}")
    return value
