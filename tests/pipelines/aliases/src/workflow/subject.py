"""
Subject schema: who.

Dependencies:
    - none

Provides:
    - Species: which animal
    - Subject: who was recorded
"""

from datajoint import Entry, Lookup, Schema

schema = Schema("aliases_subject")


@schema
class Species(Lookup):
    definition = "species : varchar(32)"
    contents = [("mouse",)]


@schema
class Subject(Entry):
    @property
    def definition(self):
        """The text."""
        return """
        subject : uuid
        ---
        -> Species
        """
