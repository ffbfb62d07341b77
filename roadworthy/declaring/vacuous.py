"""Checks that cannot fail, because nothing is done in them: a docstring alone is a promise that nobody asks for."""

from __future__ import annotations

import dis
import inspect
from types import CodeType

#: What a body has to have, one of: a call, an exception, an assertion; the beginnings of names in dis(3).
DOING = ("CALL", "RAISE_VARARGS", "LOAD_ASSERTION_ERROR")


def asks_nothing(function: object) -> bool:
    """Whether the body of a function makes no call and no assertion."""
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    if not isinstance(code, CodeType):
        return False
    return not any(step.opname.startswith(DOING) for step in dis.get_instructions(code))
