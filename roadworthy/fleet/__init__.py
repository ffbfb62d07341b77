"""A run over many hosts: pytest-xdist's workers on the nodes of an inventory, each with lanes that it can run."""
