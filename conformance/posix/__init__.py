"""What POSIX and Linux promise of files, asked of files that may come from an image."""
