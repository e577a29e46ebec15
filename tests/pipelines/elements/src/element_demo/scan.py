"""
Scan schema: an element that is linked to other pipelines when it is activated.

Dependencies:
    - none

Provides:
    - Equipment: set-ups
    - Scan: one scan of a session
    - ScanInfo: what its files say
    - ScanInfo.Field: one field of a scan
"""

import importlib
import inspect

import datajoint as dj

schema = dj.Schema()

_linking_module = None


def activate(schema_name, *, linking_module, create_schema=True, create_tables=True):
    """Activate the schema with the names of another module."""
    if isinstance(linking_module, str):
        linking_module = importlib.import_module(linking_module)
    assert inspect.ismodule(linking_module)
    global _linking_module
    _linking_module = linking_module
    schema.activate(
        schema_name,
        create_schema=create_schema,
        create_tables=create_tables,
        add_objects=_linking_module.__dict__,
    )


def get_files(key):
    """The files of a scan, as the linking module says."""
    return _linking_module.get_files(key)


@schema
class Equipment(dj.Lookup):
    definition = """
    scanner : varchar(32)
    """
    contents = zip(["two-photon", "mesoscope"])


@schema
class Scan(dj.Manual):
    definition = """
    -> Session
    scan_id : int32
    ---
    -> [nullable] Equipment
    """


@schema
class ScanInfo(dj.Imported):
    definition = """
    -> Scan
    ---
    nfields : int8
    """

    class Field(dj.Part):
        definition = """
        -> master
        field_idx : int32
        """

    def make(self, key):
        files = get_files(key)
        self._store(key, files)

    def _store(self, key, files):
        self.insert1({**key, "nfields": len(files)})
