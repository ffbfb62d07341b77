"""The lies of the engine, by subject. Importing this package registers them all."""

from roadworthy.mutants.lies import cuts, daemon, images, life, said, space, volumes  # noqa: F401
