"""
Probe schema: what was recorded with.

Dependencies:
    - session: when it was used
    - lab: who owns it

Provides:
    - Probe: one device
    - Insertion: where a probe was in a session
    - Clustering: units found in an insertion
"""

from __future__ import annotations

import typing

import datajoint
from datajoint import Computed, Part

from ..core import lab
from .session import Session

if typing.TYPE_CHECKING:
    from collections.abc import Mapping

schema = datajoint.Schema("nested_probe")


class Described:
    """What all devices have."""

    definition = """
    -> lab.Lab
    device : varchar(16)
    ---
    bought : date
    """


@schema
class Probe(Described, datajoint.Manual):
    """One device; its definition comes from the mixin."""


@schema
class Insertion(datajoint.Manual):
    definition = f"""
    -> Session
    insertion : int8
    ---
    -> [nullable, unique] Probe.proj(probe_lab='lab', probe_device='device')
    depth : {"float64"}  # um
    """


@schema
class Clustering(Computed):
    definition = """
    -> Insertion
    ---
    features : <npy@main>
    raw : <blob@main>
    """

    class Unit(Part):
        definition = """
        -> master
        unit : int32
        ---
        quality : enum('good', 'mua', 'noise')
        """

    @property
    def key_source(self):
        return Insertion & "insertion > 0"

    def make_fetch(self, key: Mapping):
        return ((Insertion & key).fetch1("depth"), (Session.Tag & key).to_dicts())

    def make_compute(self, key, depth, tags):
        return (depth,)

    def make_insert(self, key, depth):
        self.insert1({**key})
        self.Unit.insert([])
