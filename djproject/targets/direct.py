"""A connection by the driver alone, for commands that only read: `import datajoint` takes most of a second."""

from dataclasses import dataclass
from typing import Any

from djproject.errors import DJProjectError, EnvironmentUnavailableError
from djproject.targets.choice import Target, start_target
from djproject.targets.connection import DATAJOINT, SERVER_TIME, connection_error

_QUOTES = {"mysql": "`", "postgresql": '"'}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What readers ask of a connection's adapter; DataJoint's have the same names."""

    backend: str

    def quote_identifier(self, name: str) -> str:
        """A name as SQL writes it.

        Examples
        --------
        >>> Dialect("mysql").quote_identifier("a`b"), Dialect("postgresql").quote_identifier("a")
        ('`a``b`', '"a"')
        """
        quote = _QUOTES[self.backend]
        return f"{quote}{name.replace(quote, quote * 2)}{quote}"


class DirectConnection:
    """A driver's connection with as much of DataJoint's interface as readers use.

    Parameters
    ----------
    driver
        PyMySQL's or psycopg2's connection, with autocommit.
    backend
        "mysql" or "postgresql".
    """

    def __init__(self, driver: Any, backend: str) -> None:
        self._driver = driver
        self.adapter = Dialect(backend)

    def query(self, query: str, args: tuple[Any, ...] = (), *, as_dict: bool = False) -> Any:
        """Run one statement; the cursor, whose rows are dicts where that is wanted.

        Raises
        ------
        Exception
            The driver's own, whose words `is_missing` and `connection_error` read.
        """
        cursor = self._driver.cursor(*self._row_form()) if as_dict else self._driver.cursor()
        cursor.execute(query, args)
        return cursor

    def _row_form(self) -> tuple[Any, ...]:
        if self.adapter.backend == "mysql":
            from pymysql.cursors import DictCursor

            return (DictCursor,)
        from psycopg2.extras import RealDictCursor

        return (None, RealDictCursor)


def connect_directly(target: Target) -> DirectConnection:
    """A connection to the target, which is started if it can be; DataJoint is not imported.

    Raises
    ------
    EnvironmentUnavailableError
        The server does not answer, or does not let this user in; or its driver is not installed.
    """
    start_target(target)
    settings, backend = target.settings, target.settings.text("database.backend")
    host, _, port = settings.text("database.host").partition(":")
    place = {
        "host": host,
        "port": int(port or settings.text("database.port")),
        "user": settings["database.user"],
        "password": settings["database.password"],
    }
    missing = [name for name in ("user", "password") if place[name] is None]
    try:
        if missing:
            raise ValueError(f"Database {missing[0]} not configured.")
        if backend == "mysql":
            driver = _mysql(place, use_tls=settings["database.use_tls"])
        else:
            driver = _postgresql(
                place | {"dbname": settings.text("database.name") or "postgres"}, use_tls=settings["database.use_tls"]
            )
        connection = DirectConnection(driver, backend)
        connection.query(SERVER_TIME[backend])
    except ModuleNotFoundError as error:
        raise EnvironmentUnavailableError(
            f"The driver for {backend} is not installed in this environment: no module {error.name!r}.",
            hint=f"pip install '{DATAJOINT}'",
        ) from error
    except DJProjectError:
        raise
    except Exception as error:
        raise connection_error(target, error) from error
    return connection


def _mysql(place: dict[str, Any], *, use_tls: Any) -> Any:
    """With TLS where it must be, without where it must not; else with it where the server has it."""
    import pymysql

    if use_tls is False:
        return pymysql.connect(**place, autocommit=True, ssl_disabled=True)
    try:
        return pymysql.connect(**place, autocommit=True, ssl={"check_hostname": False} if use_tls else None)
    except pymysql.err.MySQLError:
        if use_tls:
            raise
        return pymysql.connect(**place, autocommit=True, ssl_disabled=True)


def _postgresql(place: dict[str, Any], *, use_tls: Any) -> Any:
    import psycopg2

    mode = {None: "prefer", True: "require", False: "disable"}[use_tls]
    driver = psycopg2.connect(**place, sslmode=mode, connect_timeout=10)
    driver.autocommit = True
    return driver
