"""Layers: copy-up, whiteouts, images, limits."""
