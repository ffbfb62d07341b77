"""Reads run bundles and writes the matrix as one self-contained HTML page; knows nothing of the plugin that ran."""
