"""The checks: each is one promise of a file system, asked of a container's."""
