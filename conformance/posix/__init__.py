"""The promises of POSIX and Linux on files, for files that may come from an image."""
