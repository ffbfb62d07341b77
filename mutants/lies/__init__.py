"""The lies of the engine, by what they are about. Importing this package registers them all."""

from roadworthy.mutants.lies import daemon, images, life, said, space, volumes  # noqa: F401
