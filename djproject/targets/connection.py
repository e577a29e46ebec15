"""DataJoint connected to a target, and what went wrong said in one sentence."""

import logging
import os
import re
import warnings
from types import ModuleType
from typing import TYPE_CHECKING

from djproject.errors import DJProjectError, EnvironmentUnavailableError
from djproject.project.settings import KNOWN
from djproject.targets.activation import use_prefix
from djproject.targets.choice import Target, start_target
from djproject.targets.collector import set_imports_aside
from djproject.targets.stack import STACK

if TYPE_CHECKING:
    import datajoint as dj

DATAJOINT = "datajoint[postgres,s3]>=2.3.5,<3"  # as in pyproject.toml, which a test compares
SERVER_TIME = {
    "mysql": "SET SESSION time_zone = @@GLOBAL.time_zone",
    # A role cannot set log_timezone, and initdb gives both the same value.
    "postgresql": "SELECT set_config('TimeZone', current_setting('log_timezone'), false) FROM pg_settings "
    "WHERE name = 'TimeZone' AND source IN ('user', 'database user', 'client', 'session')",
}
OLDEST_DATAJOINT, NEWEST_DATAJOINT = (2, 3, 5), (3,)
NEEDED = "datajoint>=2.3.5,<3"


def apply_settings(target: Target) -> None:
    """Give DataJoint the target's settings, whether it was imported before or is imported now.

    Values that come from DataJoint's own defaults or from `DJ_*` variables, which it reads by itself, are left
    alone. `datajoint.json` is not read: pyproject.toml takes its place. Variables that the target makes DataJoint
    ignore are removed from the environment, so that programs started by this one ignore them too.
    """
    os.environ["DJ_IGNORE_CONFIG_FILE"] = "true"
    for variable in target.ignored:
        os.environ.pop(variable, None)
    os.environ.pop("PGTZ", None)  # the times of jobs are compared in the server's time zone
    dj = import_datajoint()
    ignored = {name for name, known in KNOWN.items() if known.variable in target.ignored}
    for setting in target.settings.settings:
        if setting.name in KNOWN and (setting.source != "DataJoint's default" or setting.name in ignored):
            dj.config[setting.name] = setting.value
    dj.config.stores = target.settings.stores
    use_prefix(target.prefix)


def import_datajoint() -> ModuleType:
    """DataJoint, imported without the warnings about its own deprecated modules.

    djproject alone does not require it: a project brings its own.

    Raises
    ------
    EnvironmentUnavailableError
        It is not installed, or in a version that djproject does not support.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import datajoint as dj
    except ModuleNotFoundError as error:
        if error.name != "datajoint":
            raise
        raise EnvironmentUnavailableError(
            "DataJoint is not installed in this environment.",
            hint="pip install -e .  (in the project's folder; or: pip install 'djproject[all]')",
        ) from error
    version = str(dj.__version__)
    if not is_supported(version):
        raise EnvironmentUnavailableError(
            f"DataJoint {version} is installed, but djproject needs {NEEDED}.",
            hint=f"pip install '{DATAJOINT}'",
        )
    set_imports_aside()
    module: ModuleType = dj
    return module


def is_supported(version: str) -> bool:
    """Whether djproject works with this release of DataJoint."""
    release = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    return OLDEST_DATAJOINT <= release < NEWEST_DATAJOINT


def connect(target: Target, *, quiet: bool = True) -> "dj.Connection":
    """DataJoint's own connection, opened at the target (which is started if it can be).

    Parameters
    ----------
    target
        Where to.
    quiet
        Keep DataJoint's informational log lines off the terminal.

    Raises
    ------
    EnvironmentUnavailableError
        The server does not answer, or does not let this user in.
    """
    start_target(target)
    apply_settings(target)
    import datajoint as dj

    if quiet and target.settings["loglevel"] == "INFO":
        logging.getLogger("datajoint").setLevel(logging.ERROR)
    try:
        connection = dj.conn()
        try:
            use_server_time(connection)
        except Exception:  # the process had one, and the server went away; DataJoint's `is_connected` stays true
            connection.connect()
            use_server_time(connection)
    except Exception as error:
        raise connection_error(target, error) from error
    return connection


def use_server_time(connection: "dj.Connection") -> None:
    """Let a session have the server's own time zone, where a variable, a role or `init_function` gave it another.

    DataJoint compares the times of jobs in the time zone of the session, so all clients must have the same one.
    """
    connection.query(SERVER_TIME[connection.adapter.backend], reconnect=False)


def connection_error(target: Target, error: Exception) -> DJProjectError:
    """The sentence for what a database driver raised at this target."""
    settings = target.settings
    server = f"{settings.text('database.host')}:{settings.text('database.port')}"
    user = settings.text("database.user")
    texts = _texts(error)
    text = texts[0]
    low = " | ".join(texts).lower()  # DataJoint tries TLS first; the reason may be in the first attempt
    if "not configured" in low:
        missing = "user" if "user not" in low else "password"
        return EnvironmentUnavailableError(
            f"No database {missing} is set for the target {target.name}.",
            hint=f"Write it to .secrets/database.{missing} (mode 0600) or set DJ_{missing[:4].upper()}.",
        )
    if "access denied" in low or "password authentication failed" in low or "1045" in low:
        return EnvironmentUnavailableError(
            f"The database at {server} does not accept the user {user!r} with this password.",
            hint="djproject config show  (says where user and password came from)",
        )
    if "cryptography" in low:
        return EnvironmentUnavailableError(
            f"The server {server} requires an encrypted password, which needs TLS or the package cryptography.",
            hint="pip install cryptography  (or use_tls = true in the target's table)",
        )
    if "does not exist" in low and "database" in low:
        return EnvironmentUnavailableError(
            f"The server {server} has no database called {settings.text('database.name')!r}.",
            hint="djproject config show",
        )
    words = ("could not connect", "can't connect", "refused", "timed out", "timeout", "no route", "translate host",
             "name or service", "connection to server", "lost connection", "ssl")  # fmt: skip
    if any(word in low for word in words):
        reason = text.rstrip(".")
        return EnvironmentUnavailableError(
            f"The database of the target {target.name} does not answer at {server}: {reason}.",
            hint=_unreachable_hint(target),
        )
    return EnvironmentUnavailableError(
        f"The database at {server} refused the connection: {text.rstrip('.')}.",
        hint="djproject doctor",
    )


def _unreachable_hint(target: Target) -> str:
    if target.settings.source("database.host") == "DJ_HOST":
        return f"unset DJ_HOST  (it replaces the address of the target {target.name}; --target ignores it)"
    return "djproject up" if target.name == STACK else "djproject doctor  (or: djproject use embedded)"


def _texts(error: BaseException) -> list[str]:
    """The first lines of an exception and of those it came from; of (code, text) pairs the text."""
    texts = []
    seen: BaseException | None = error
    while seen is not None:
        text = str(seen.args[1] if len(seen.args) > 1 else seen).strip()
        texts.append(text.splitlines()[0] if text else type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    return texts
