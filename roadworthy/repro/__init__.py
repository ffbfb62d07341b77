"""Scripts that show a break without the suite, made from the calls that a check has made."""
