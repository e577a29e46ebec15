"""Virtual modules: classes that DataJoint makes of what is declared in a database."""

import ast

from djproject.pipeline.definition import dotted

MAKERS = ("VirtualModule", "create_virtual_module", "virtual_schema")  # datajoint 0.14 and 2


def virtual_modules(tree: ast.Module) -> dict[str, str]:
    """The variables of a file that hold virtual modules, in functions too, with the names of their schemas.

    A schema whose name is worked out is left out: it may be any.

    Examples
    --------
    >>> virtual_modules(ast.parse("lab = dj.VirtualModule('lab', 'lab_main')"))
    {'lab': 'lab_main'}
    """
    found: dict[str, str] = {}
    unknown: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=variable)], value=value)
                | ast.AnnAssign(target=ast.Name(id=variable), value=value)
            ):
                schema = _schema(value)
                if schema and found.get(variable, schema) == schema:
                    found[variable] = schema
                else:
                    unknown.add(variable)
    return {variable: schema for variable, schema in found.items() if variable not in unknown}


def _schema(value: ast.expr | None) -> str:
    """The schema that an expression makes a virtual module of; empty where it makes none, or computes the name."""
    if not isinstance(value, ast.Call):
        return ""
    maker = dotted(value.func).rpartition(".")[2]
    if maker not in MAKERS:
        return ""
    position = 0 if maker == "virtual_schema" else 1
    named = {keyword.arg: keyword.value for keyword in value.keywords}
    given = value.args[position] if len(value.args) > position else named.get("schema_name")
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else ""
