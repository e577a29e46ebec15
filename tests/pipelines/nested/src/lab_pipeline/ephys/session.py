"""
Session schema: what was done when.

Dependencies:
    - lab: who did it

Provides:
    - Session: one visit
"""

import datajoint as dj
from datajoint import Manual as Base

from lab_pipeline.core import lab as people

schema = dj.Schema("nested_session")

COMMON = """
    ---
    started : datetime(3)
    notes = null : varchar(2000)
"""


@schema
class Session(Base):
    definition = """
    -> people.User
    session : int32
    """ + COMMON

    class Tag(dj.Part):
        definition = """
        -> master
        tag : varchar(32)
        """

    class TagNote(dj.Part):
        definition = """
        -> Session.Tag
        ---
        note : varchar(80)
        """
