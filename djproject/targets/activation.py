"""DataJoint made to activate a project's schemas under the names that they have at the target."""

import functools

from djproject.targets.prefix import SchemaPrefix

_in_use: list[SchemaPrefix] = []  # DataJoint has one connection in a process, so a process has one prefix


def use_prefix(prefix: SchemaPrefix) -> None:
    """Let DataJoint activate the project's schemas under their names in the database, from now on."""
    import datajoint as dj

    _in_use[:] = [prefix]
    owner = next(cls for cls in dj.Schema.__mro__ if "activate" in vars(cls))
    plain = owner.activate
    if not prefix.text or hasattr(plain, "adds_prefix"):
        return

    @functools.wraps(plain)
    def activate(self: object, schema_name: str | None = None, **options: object) -> None:
        if isinstance(schema_name, str):
            schema_name = _in_use[0].activated(schema_name, is_own_class=isinstance(self, dj.Schema))
        plain(self, schema_name, **options)

    activate.adds_prefix = True  # type: ignore[attr-defined]
    owner.activate = activate
