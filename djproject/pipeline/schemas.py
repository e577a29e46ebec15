"""Which calls make a schema: DataJoint's class, its subclasses, and functions that return what one of them makes."""

from collections.abc import Mapping

from djproject.pipeline.module import PythonModule, SchemaCall
from djproject.pipeline.scope import Kind, Scopes

SCHEMA_CLASSES = frozenset({"Schema", "schema"})
DEEPEST = 10


def with_schemas(sources: Mapping[str, PythonModule]) -> dict[str, PythonModule]:
    """The modules with those of their calls that make a schema; its name is None where it cannot be known."""
    scopes = Scopes({name: source._replace(schemas=()) for name, source in sources.items()})
    found = {}
    for name, source in sources.items():
        calls = [_schema(sources, scopes, name, call) for call in source.schemas]
        found[name] = source._replace(schemas=tuple(call for call in calls if call is not None))
    return found


def _schema(
    sources: Mapping[str, PythonModule], scopes: Scopes, module: str, call: SchemaCall, depth: int = 0
) -> SchemaCall | None:
    """The call, if it makes a schema; without a name where what is called does not hand on its argument."""
    if depth > DEEPEST:
        return None
    meaning = scopes.meaning(module, call.function)
    match meaning.kind:
        case Kind.DATAJOINT:
            return call if meaning.name in SCHEMA_CLASSES else None
        case Kind.CLASS if facts := scopes.class_facts(meaning.module, meaning.name):
            for base in facts.bases:
                made = _schema(sources, scopes, meaning.module, call._replace(function=base), depth + 1)
                if made is not None:
                    return call._replace(name=made.name if facts.method("__init__") is None else None)
        case Kind.FUNCTION:
            for maker in sources[meaning.module].makers:
                inner = call._replace(function=maker.calls)
                if maker.name == meaning.name and (made := _schema(sources, scopes, meaning.module, inner, depth + 1)):
                    return call._replace(name=made.name if maker.passes else None)
    return None
