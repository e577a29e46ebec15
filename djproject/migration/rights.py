"""Whether this user may change tables, asked before the first step."""

from collections.abc import Sequence
from typing import Any

from djproject.database.declared import Place
from djproject.errors import EnvironmentUnavailableError
from djproject.pipeline.types import MYSQL

_POSTGRESQL = """
    SELECT pg_get_userbyid(c.relowner) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname=%s AND c.relname=%s AND NOT pg_has_role(c.relowner, 'USAGE')
"""
_ME = "CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')"
_MYSQL = f"""
    SELECT CURRENT_ROLE() <> 'NONE'
        OR EXISTS (SELECT 1 FROM information_schema.user_privileges WHERE privilege_type='ALTER' AND grantee={_ME})
        OR EXISTS (SELECT 1 FROM information_schema.schema_privileges
                   WHERE privilege_type='ALTER' AND grantee={_ME} AND %s LIKE table_schema)
        OR EXISTS (SELECT 1 FROM information_schema.table_privileges
                   WHERE privilege_type='ALTER' AND grantee={_ME} AND table_schema=%s AND table_name=%s)
"""


def require_rights(connection: Any, places: Sequence[Place]) -> None:
    """Refuse where a table belongs to somebody else (PostgreSQL), or this user has no right to alter it (MySQL).

    Raises
    ------
    EnvironmentUnavailableError
        With the table, and what an administrator has to type.
    """
    for schema, table in places:
        if connection.adapter.backend == MYSQL:
            if not connection.query(_MYSQL, args=(schema, schema, table)).fetchone()[0]:
                user = connection.get_user()
                raise EnvironmentUnavailableError(
                    f"The user {user} may not alter {schema}.{table}; nothing was changed.",
                    hint=f"ask an administrator: GRANT ALTER, CREATE, DROP, INDEX, REFERENCES ON `{schema}`.* TO …",
                )
        elif found := connection.query(_POSTGRESQL, args=(schema, table)).fetchone():
            owner = found[0]
            raise EnvironmentUnavailableError(
                f"The table {schema}.{table} belongs to {owner}, and only {owner} may alter it; nothing was changed.",
                hint=f"ask an administrator: GRANT {owner} TO …  (or let {owner} migrate)",
            )
