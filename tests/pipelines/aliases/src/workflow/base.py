"""Classes that tables of several schemas inherit from; no schema of its own."""

import datajoint as dj


class Parameters(dj.Lookup):
    """A set of parameters."""

    definition = """
    paramset : int16
    ---
    parameters : json
    """


class Stored:
    """Inserts what it is given."""

    def store(self, key, **values):
        """One row."""
        self.insert1({**key, **values})
