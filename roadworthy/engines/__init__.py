"""Who runs containers: a private dockerd in its capsule."""
