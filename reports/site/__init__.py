"""The site made from a directory of bundles: pages, data and feeds, each a file with a permanent address."""
