"""Which `DJ_*` variables of the shell count at a target, and which are ignored."""

from collections.abc import Mapping
from typing import NamedTuple

from djproject.project.settings import KNOWN, Layer

EXPLICIT = ("--target", "DJPROJECT_TARGET")
ADDRESS = ("database.backend", "database.host", "database.port", "database.name", "database.use_tls")
CREDENTIALS = ("database.user", "database.password")
STORES_VARIABLE = "DJ_STORES"


class Variables(NamedTuple):
    """The `DJ_*` variables, sorted by whether they count.

    Attributes
    ----------
    layer
        Those that count.
    ignored
        The names of those that say something else than the target does, and do not count.
    """

    layer: Layer
    ignored: tuple[str, ...]


def names_another_server(variables: Layer, chosen_by: str) -> bool:
    """Whether DJ_HOST replaces the database of a target that was not named for this command or shell."""
    return chosen_by not in EXPLICIT and "database.host" in variables.values


def counted_variables(variables: Layer, target: Layer, chosen_by: str, *, managed: bool) -> Variables:
    """Leave out the variables that the target decides itself.

    A target named by `--target` or DJPROJECT_TARGET is closer than DJ_* variables, so its address and stores stay,
    and its user and password where it has them. The address is one thing: a port or backend meant for another
    server is never combined with the target's host. A target that a file names gives way to the variables.

    Parameters
    ----------
    variables
        What the DJ_* variables say.
    target
        What the target says.
    chosen_by
        What named the target.
    managed
        Whether djproject runs the target's database, as for embedded and stack. Its user and password belong
        together with its address, whatever named the target.
    """
    explicit = chosen_by in EXPLICIT
    decided: set[str] = set()
    if explicit or managed:
        decided |= set(ADDRESS)
        decided |= {name for name in CREDENTIALS if managed or name in target.values}
    without_stores = explicit and variables.replaces_stores
    ignored = [
        KNOWN[name].variable
        for name, value in variables.values.items()
        if name in decided and value != target.values.get(name)
    ]
    if without_stores and variables.stores != target.stores:
        ignored.append(STORES_VARIABLE)
    layer = variables._replace(values={name: v for name, v in variables.values.items() if name not in decided})
    if without_stores:
        layer = layer._replace(stores={}, default_stores=None, replaces_stores=False, store_source="")
    return Variables(layer, tuple(ignored))


def ignored_sentence(ignored: tuple[str, ...]) -> str:
    """What to say of ignored variables; empty where there are none."""
    if not ignored:
        return ""
    verb = "is" if len(ignored) == 1 else "are"
    names = ", ".join(ignored)
    return f"{names} {verb} ignored (unset {' '.join(ignored)})"


def chosen_in_environment(environ: Mapping[str, str]) -> str:
    """What named the target of DJPROJECT_TARGET: another djproject says so, else the variable itself."""
    name, _, chosen_by = environ.get("DJPROJECT_TARGET_SOURCE", "").partition("=")
    return chosen_by if chosen_by and name == environ.get("DJPROJECT_TARGET") else "DJPROJECT_TARGET"


def target_variables(name: str, chosen_by: str) -> dict[str, str]:
    """The variables that choose this target for another process, with the same precedence as here."""
    return {"DJPROJECT_TARGET": name, "DJPROJECT_TARGET_SOURCE": f"{name}={chosen_by}"}
