"""A database changed into what the source declares: planned, shown, and applied as a whole."""
