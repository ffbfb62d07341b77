"""Nothing of its own: the plugin comes with the installed package (`pytest11` entry point)."""
