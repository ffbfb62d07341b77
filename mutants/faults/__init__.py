"""The faults, by subject. Importing this package registers them all."""

from roadworthy.mutants.faults import (  # noqa: F401
    beside,
    copy_up,
    data,
    durability,
    execution,
    isolation,
    links,
    listings,
    locks,
    metadata,
    mounts,
    names,
    opening,
    removal,
    special,
    status,
    xattrs,
)
