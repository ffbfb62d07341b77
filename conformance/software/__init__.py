"""Real software at work on files of an image."""
