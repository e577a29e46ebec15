"""
Lab schema: people and places.

Dependencies:
    - none

Provides:
    - Lab: one row for each laboratory
    - User: who works there
"""

import datajoint as d

schema = d.Schema("nested_lab")


@schema
class Lab(d.Lookup):
    definition = """
    # laboratories of the institute
    lab : varchar(24)  # abbreviated name
    ---
    lab_name : varchar(255)
    address = "" : varchar(255)
    unique index(lab_name)
    """
    contents = [["visual", "Visual Neuroscience", ""]]


@schema
class User(d.Entry):
    definition = """
    -> Lab
    username : varchar(32)
    ---
    active = 1 : bool
    """
