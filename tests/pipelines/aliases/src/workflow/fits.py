"""
Fits schema: what was found.

Dependencies:
    - subject: who

Provides:
    - FitParameters: how
    - Trace: what came from the files
    - Fit: what was found
"""

import datajoint as dj

import workflow.subject
from workflow import base
from workflow.base import Stored

schema = dj.Schema("aliases_fits")
Subject = workflow.subject.Subject


@schema
class FitParameters(base.Parameters):
    """Inherits its definition."""


@schema
class Trace(dj.Ingest):
    definition = (
        "-> Subject\n"
        "---\n"
        "trace : <blob>  # as it came\n"
    )

    def make(self, key):
        """Read a file."""
        from pathlib import Path

        self.insert1({**key, "trace": Path("x").read_bytes()})


@schema
class Fit(Stored, dj.Compute):
    definition = """
    -> Trace
    -> FitParameters
    ---
    r2 : float64
    made_at = CURRENT_TIMESTAMP : datetime
    """

    def make(self, key):
        """Fit one trace."""
        trace = (Trace & key).fetch1("trace")
        parameters = (FitParameters & key).fetch1("parameters")
        self.store(key, r2=float(len(trace) + len(parameters)))
