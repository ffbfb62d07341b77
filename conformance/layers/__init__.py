"""What is made of layers: copy-up, removals, images, limits."""
