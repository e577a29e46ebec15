"""Every setting DataJoint has, and the one order in which sources of it are asked."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from djproject.errors import ConfigError
from djproject.project.stores import StoreSpec, looks_secret

SYSTEM_SECRETS = Path("/run/secrets/datajoint")
Value = str | int | float | bool | None


class KnownSetting(NamedTuple):
    """One of DataJoint's settings: its name in `dj.config`, its variable, type, default, meaning and choices."""

    name: str
    variable: str
    kind: type[str] | type[int] | type[bool]
    default: Value
    meaning: str
    choices: tuple[str, ...] = ()


# Source: datajoint/settings.py (2.3.5); tests/unit/project/test_settings.py holds it against the installed one.
KNOWN = {
    known.name: known
    for known in (
        KnownSetting(
            "database.backend", "DJ_BACKEND", str, "mysql", "the database server's kind", ("mysql", "postgresql")
        ),
        KnownSetting("database.host", "DJ_HOST", str, "localhost", "the server; set it in a target instead"),
        KnownSetting("database.port", "DJ_PORT", int, None, "its port"),
        KnownSetting("database.user", "DJ_USER", str, None, "the user name"),
        KnownSetting("database.password", "DJ_PASS", str, None, "secret: in `.secrets/database.password`"),
        KnownSetting("database.name", "DJ_DATABASE_NAME", str, None, "the database (PostgreSQL)"),
        KnownSetting("database.use_tls", "DJ_USE_TLS", bool, None, "whether the connection must be encrypted"),
        KnownSetting("database.reconnect", "", bool, True, "connect again after the connection was lost"),
        KnownSetting(
            "database.create_tables",
            "DJ_CREATE_TABLES",
            bool,
            True,
            "declare tables on import, in plain Python; under djproject only `deploy` declares them",
        ),
        KnownSetting("connection.charset", "", str, "", "the connection's character set (MySQL)"),
        KnownSetting("display.limit", "", int, 12, "rows shown of a query"),
        KnownSetting("display.width", "", int, 14, "characters shown of a value"),
        KnownSetting("display.show_tuple_count", "", bool, True, "show how many rows a query has"),
        KnownSetting(
            "display.diagram_direction", "DJ_DIAGRAM_DIRECTION", str, "LR", "direction of `dj.Diagram`", ("TB", "LR")
        ),
        KnownSetting(
            "display.diagram_theme", "DJ_DIAGRAM_THEME", str, "auto", "its colours", ("light", "dark", "auto")
        ),
        KnownSetting(
            "jobs.auto_refresh", "DJ_JOBS_AUTO_REFRESH", bool, True, "add new keys to the job table when populating"
        ),
        KnownSetting(
            "jobs.keep_completed", "DJ_JOBS_KEEP_COMPLETED", bool, False, "keep the records of jobs that succeeded"
        ),
        KnownSetting(
            "jobs.stale_timeout",
            "DJ_JOBS_STALE_TIMEOUT",
            int,
            3600,
            "seconds after which DataJoint's `refresh` removes a job whose key is gone",
        ),
        KnownSetting(
            "jobs.default_priority",
            "DJ_JOBS_DEFAULT_PRIORITY",
            int,
            5,
            "a job's priority, 0 to 255; smaller is earlier",
        ),
        KnownSetting(
            "jobs.version_method",
            "DJ_JOBS_VERSION_METHOD",
            str,
            None,
            "what a job records as the version of the code",
            ("git", "none"),
        ),
        KnownSetting(
            "jobs.allow_new_pk_fields_in_computed_tables",
            "DJ_JOBS_ALLOW_NEW_PK_FIELDS_IN_COMPUTED_TABLES",
            bool,
            False,
            "let computed tables add attributes to the primary key",
        ),
        KnownSetting(
            "jobs.add_job_metadata",
            "DJ_JOBS_ADD_JOB_METADATA",
            bool,
            False,
            "add columns about the job to computed tables",
        ),
        KnownSetting(
            "provenance.capture", "DJ_PROVENANCE_CAPTURE", bool, False, "record where computed rows come from"
        ),
        KnownSetting(
            "loglevel",
            "DJ_LOG_LEVEL",
            str,
            "INFO",
            "what DataJoint logs",
            ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        ),
        KnownSetting("safemode", "DJ_SAFEMODE", bool, True, "ask before deleting or dropping"),
        KnownSetting("query_cache", "DJ_QUERY_CACHE", str, None, "the folder of DataJoint's query cache"),
        KnownSetting("download_path", "DJ_DOWNLOAD_PATH", str, ".", "where attachments are downloaded to"),
    )
}
DEFAULT_PORTS = {"mysql": 3306, "postgresql": 5432}


class Setting(NamedTuple):
    """One value and where it came from.

    Attributes
    ----------
    name
        As in `dj.config`: `database.host`, `stores.main.bucket`.
    value
        What DataJoint is given; for a store's `subfolding` a list of integers.
    source
        In the user's words: "DJ_HOST", "target embedded", ".secrets/database.password",
        "pyproject.toml", "DataJoint's default".
    """

    name: str
    value: Value | list[int]
    source: str

    @property
    def secret(self) -> bool:
        """Whether the value must not be shown."""
        return self.value is not None and looks_secret(self.name.rpartition(".")[2])


class Layer(NamedTuple):
    """Values from one source, below and above others.

    Attributes
    ----------
    values
        By setting name; stores are not among them.
    sources
        Where each value came from, by setting name.
    stores
        Attributes of stores, by store name. Where `replaces_stores`, stores of lower layers are gone.
    """

    values: Mapping[str, Value]
    sources: Mapping[str, str]
    stores: Mapping[str, StoreSpec]
    store_source: str = ""
    default_stores: Mapping[str, str] | None = None
    replaces_stores: bool = False


class Settings:
    """All settings of one process: what DataJoint is given, with provenance.

    Attributes
    ----------
    settings
        In the order of DataJoint's own list, then the stores in the order of pyproject.toml.
    """

    __slots__ = ("settings",)

    def __init__(self, settings: tuple[Setting, ...]) -> None:
        self.settings = settings

    def __getitem__(self, name: str) -> Value | list[int]:
        """The value of a setting; KeyError for a name that DataJoint does not have."""
        return next((s.value for s in self.settings if s.name == name), KNOWN[name].default)

    def source(self, name: str) -> str:
        """Where a setting's value comes from; empty for a name that is not set."""
        return next((s.source for s in self.settings if s.name == name), "")

    def text(self, name: str) -> str:
        """The value as text; empty where there is none."""
        value = self[name]
        return "" if value is None else str(value)

    @property
    def stores(self) -> dict[str, str | dict[str, Value | list[int]]]:
        """The `stores` dictionary that DataJoint expects: defaults beside the stores themselves."""
        stores: dict[str, str | dict[str, Value | list[int]]] = {}
        for setting in self.settings:
            match setting.name.split("."):
                case ["stores", name]:
                    stores[name] = str(setting.value)
                case ["stores", name, key]:
                    spec = stores.setdefault(name, {})
                    if isinstance(spec, dict):
                        spec[key] = setting.value
        return stores


def read_environment(environ: Mapping[str, str]) -> Layer:
    """What the `DJ_*` variables say; `DJ_STORES` replaces all stores, as it does for DataJoint itself."""
    values: dict[str, Value] = {}
    sources: dict[str, str] = {}
    for known in KNOWN.values():
        text = environ.get(known.variable, "") if known.variable else ""
        if text:
            values[known.name] = read_value(known, text, known.variable)
            sources[known.name] = known.variable
    raw = environ.get("DJ_STORES")
    if not raw:
        return Layer(values, sources, {})
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"DJ_STORES is not valid JSON: {error}.", hint="unset DJ_STORES") from error
    if not isinstance(document, dict):
        raise ConfigError("DJ_STORES is not a JSON object.", hint="unset DJ_STORES")
    defaults = {key: str(value) for key, value in document.items() if not isinstance(value, dict)}
    stores = {key: value for key, value in document.items() if isinstance(value, dict)}
    return Layer(values, sources, stores, "DJ_STORES", defaults, replaces_stores=True)


def read_value(known: KnownSetting, value: object, where: str) -> Value:
    """`value` as the setting's own type; text, as environment variables are, is read.

    Raises
    ------
    ConfigError
        The value is of another type, or not one of the setting's choices.
    """
    result: Value
    match known.kind, value:
        case _, None:
            return None
        case (t, str(text)) if t is bool and text.lower() in {"1", "true", "yes", "on"}:
            result = True
        case (t, str(text)) if t is bool and text.lower() in {"0", "false", "no", "off"}:
            result = False
        case (t, str(text)) if t is int and re.fullmatch(r"-?[0-9]{1,18}", text.strip()):
            result = int(text)
        case (t, bool(flag)) if t is bool:
            result = flag
        case (t, int(number)) if t is int and not isinstance(value, bool):
            result = number
        case (t, str(text)) if t is str:
            result = text.upper() if known.name == "loglevel" else text
        case _:
            names = {str: "a string", int: "an integer", bool: "true or false"}
            raise ConfigError(f"{where}: {known.name} must be {names[known.kind]}, not {value!r}.", hint=_repair(where))
    if known.choices and result not in known.choices:
        raise ConfigError(
            f"{where}: {known.name} must be one of {', '.join(known.choices)}, not {result!r}.", hint=_repair(where)
        )
    return result


def merged(layers: list[Layer]) -> Settings:
    """The settings that follow from `layers`, the strongest first; a value set above is never replaced.

    A store's attributes are merged one by one, except that a layer with `replaces_stores` hides the stores
    (not the secrets) below it.
    """
    settings = []
    for name, known in KNOWN.items():
        layer = next((layer for layer in layers if name in layer.values), None)
        if layer is not None:
            settings.append(Setting(name, layer.values[name], layer.sources[name]))
        else:
            settings.append(Setting(name, known.default, "DataJoint's default"))
    settings = _with_default_port(settings)
    return Settings((*settings, *_merged_stores(layers)))


def _with_default_port(settings: list[Setting]) -> list[Setting]:
    """DataJoint keeps 3306 when the backend comes from a file; here the port follows the backend."""
    backend = next(str(s.value) for s in settings if s.name == "database.backend")
    return [
        Setting(s.name, DEFAULT_PORTS[backend], f"{backend}'s default")
        if s.name == "database.port" and s.value is None
        else s
        for s in settings
    ]


def _merged_stores(layers: list[Layer]) -> list[Setting]:
    stop = next((i for i, layer in enumerate(layers) if layer.replaces_stores), None)
    naming = layers if stop is None else layers[: stop + 1]
    found: dict[str, Setting] = {}
    for layer in naming if stop is not None and layers[stop].default_stores is not None else layers:
        for key, value in (layer.default_stores or {}).items():
            found.setdefault(f"stores.{key}", Setting(f"stores.{key}", value, layer.store_source))
    names = list(dict.fromkeys(name for layer in reversed(naming) for name in layer.stores))
    for store in names:
        for layer in layers:
            hidden = stop is not None and layer not in naming and "secret" not in layer.store_source
            attributes: StoreSpec = {} if hidden else layer.stores.get(store, {})
            for key, attribute in attributes.items():
                name = f"stores.{store}.{key}"
                source = f"{layer.store_source}/{name}" if "secret" in layer.store_source else layer.store_source
                found.setdefault(name, Setting(name, attribute, source))
    return list(found.values())


def _repair(where: str) -> str:
    return f"unset {where}" if where.startswith("DJ_") else "$EDITOR pyproject.toml"
