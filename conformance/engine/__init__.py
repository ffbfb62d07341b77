"""What the engine promises of its containers, its volumes and its data root."""
