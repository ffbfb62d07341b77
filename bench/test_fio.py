"""What I/O costs through a driver, against the same I/O on the backing file system itself."""


def test_random_reads_of_a_file_in_the_writable_layer(paired):
    """What a 4 KiB random read costs in a file of the container, against one on a volume."""
    paired("randread-4k").report()
