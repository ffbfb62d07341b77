"""mount(2) and fsconfig(2)."""

from __future__ import annotations

from roadworthy.mutants.call import Answer, Call, Value, fault

#: <linux/mount.h>
FSCONFIG_SET_STRING = 1


@fault("mount-does-nothing")
def mount_does_nothing(_call: Call) -> Answer | None:
    """mount(2) reports success and mounts nothing."""
    return Value()


@fault("appended-option-forgotten")
def appended_option_forgotten(call: Call) -> Answer | None:
    """fsconfig(2) forgets a value that is appended to others: the key ends with a plus sign."""
    return Value() if call.integer(1) == FSCONFIG_SET_STRING and call.string(2).endswith("+") else None
