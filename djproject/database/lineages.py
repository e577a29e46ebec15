"""DataJoint's table `~lineage` of a schema, which says where each key attribute comes from, written again.

DataJoint's own `rebuild_lineage` asks PostgreSQL's catalogue for columns that only MySQL's has (2.3.5).
"""

from collections.abc import Mapping
from typing import Any

from djproject.database.catalogue import read_catalogue
from djproject.database.declared import HIDDEN, Declared, Place


def rebuild_lineage(connection: Any, schema: str) -> None:
    """Write the lineages of a schema's tables from their keys; those of other schemas are taken from there.

    Those of DataJoint's own tables, such as `~~scan`, stay.

    Source: `datajoint/lineage.py`, `rebuild_schema_lineage` (2.3.5).
    """
    from datajoint.lineage import ensure_lineage_table, get_lineage, insert_lineages

    declared = {place: table for place, table in read_catalogue(connection, [schema]).items() if place[1][:1] != "~"}
    found = lineages(declared, lambda place, name: get_lineage(connection, *place, name))
    ensure_lineage_table(connection, schema)
    quote = connection.adapter.quote_identifier
    connection.query(f"DELETE FROM {quote(schema)}.{quote('~lineage')} WHERE table_name NOT LIKE '~%%'")
    insert_lineages(connection, schema, [(place[1], name, text) for (place, name), text in found.items()])


def lineages(declared: Declared, elsewhere: Any) -> Mapping[tuple[Place, str], str]:
    """By table and attribute, for those of primary and foreign keys: `schema.table.attribute` where it comes from.

    Parameters
    ----------
    declared
        The tables of one schema.
    elsewhere
        Called with the place of another schema's table and an attribute; its lineage, or None.
    """
    parents: dict[tuple[Place, str], tuple[Place, str]] = {}
    for place, table in declared.items():
        for key in reversed(table.foreign_keys):  # the first one counts
            parents |= {(place, mine): (key.parent, theirs) for mine, theirs in key.attributes}
    wanted = {(p, n) for p, table in declared.items() for n in table.primary if not n.startswith(HIDDEN)} | set(parents)
    found: dict[tuple[Place, str], str] = {}
    for start in sorted(wanted):
        origin, seen = start, {start}
        while origin in parents and parents[origin] not in seen:
            origin = parents[origin]
            seen.add(origin)
        place, name = origin
        text = f"{place[0]}.{place[1]}.{name}"
        found[start] = text if place in declared else str(elsewhere(place, name) or text)
    return found
