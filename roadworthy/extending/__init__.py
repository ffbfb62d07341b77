"""What other installed distributions add to the suite: drivers, engines, checks and the like, by entry points."""
