"""What went wrong for a transient reason, and what goes wrong again however often it is tried.

A server that closes a connection because of a limit looks like a network that failed. Where the limit is known, it is
named at the first loss.
"""

import errno
from collections.abc import Iterator
from typing import Any

# What may work a moment later: names of exceptions, MySQL's error numbers, the system's, and words of object stores.
PASSING_TYPES = frozenset({"LostConnectionError", "TimeoutError", "ConnectionError", "EndpointConnectionError",
                           "IncompleteReadError", "ReadTimeoutError", "ConnectTimeoutError",
                           "StoreAwayError"})  # fmt: skip
PASSING_MYSQL = frozenset(
    {1021, 1040, 1053, 1114, 1158, 1159, 1160, 1161, 1205, 1213, 1317, 1412, 2002, 2003, 2006, 2013}
)
PASSING_ERRNO = frozenset({errno.EBUSY, errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.ENETUNREACH,
                           errno.EHOSTUNREACH})  # fmt: skip
PASSING_WORDS = ("slowdown", "slow down", "internalerror", "serviceunavailable", "(500)", "(502)", "(503)", "(504)")
# What the server ends, or refuses, for a limit of its own.
LASTING_MYSQL = frozenset({1153, 4031})  # packet too large, idle too long
LASTING_POSTGRESQL = frozenset({"25P03", "25P04", "57P05"})  # idle in a transaction, transaction too long, idle
SHORTEST_IDLE_POSTGRESQL = (  # in milliseconds; NULL where nothing is limited
    "SELECT MIN(setting::bigint) FROM pg_settings WHERE setting <> '0' AND name IN "
    "('idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')"
)
TOO_LARGE_POSTGRESQL = "54"  # the class of "row is too big" and the like
LARGEST_POSTGRESQL = 2**30 - 1  # bytes of one message


def is_passing(error: BaseException) -> bool:
    """Whether the same thing may work a moment later.

    Examples
    --------
    >>> [is_passing(error) for error in (OSError(28, "No space left"), ValueError("503 rows"), TimeoutError())]
    [True, False, True]
    """
    links = list(chain(error))
    return any(map(_passes, links)) and not any(map(_lasts, links))


def limit_exceeded(error: BaseException, connection: Any, seconds: float) -> str:
    """Which limit of the server ended a connection, in words for the user; empty where no limit is known to have.

    Parameters
    ----------
    error
        What was raised when the connection was lost.
    connection
        A DataJoint connection to the same server that works.
    seconds
        How long the job took until then.
    """
    links = list(chain(error))
    if not any(_passes(link) or _lasts(link) for link in links):
        return ""
    try:
        if connection.adapter.backend == "mysql":
            return _mysql_limit(links, connection, seconds)
        return _postgresql_limit(links, connection, seconds)
    except Exception:  # the server does not say
        return ""


def _mysql_limit(links: list[BaseException], connection: Any, seconds: float) -> str:
    packet, idle = connection.query("SELECT @@GLOBAL.max_allowed_packet, @@SESSION.wait_timeout").fetchone()
    codes = {link.args[0] for link in links if link.args and isinstance(link.args[0], int)}
    size = largest_query(links)
    if size > packet or 1153 in codes:
        return (
            f"one statement of {_megabytes(max(size, packet))} MB is more than the server accepts "
            f"(max_allowed_packet: {_megabytes(packet)} MB); insert fewer rows at once, or raise the limit"
        )
    if 4031 in codes or seconds > idle:
        return (
            "the server closed the connection, which make left idle for longer than wait_timeout; "
            "separate computing from fetching and inserting (make_fetch, make_compute, make_insert), or raise the limit"
        )
    return ""


def _postgresql_limit(links: list[BaseException], connection: Any, seconds: float) -> str:
    (shortest,) = connection.query(SHORTEST_IDLE_POSTGRESQL).fetchone()
    codes = {str(getattr(link, "pgcode", None)) for link in links}
    if codes & LASTING_POSTGRESQL or (shortest and seconds > shortest / 1000):
        return (
            "make took longer than the server lets a connection stay idle; "
            "separate computing from fetching and inserting (make_fetch, make_compute, make_insert), or raise the limit"
        )
    if (size := largest_query(links)) > LARGEST_POSTGRESQL:
        return (
            f"one statement of {_megabytes(size)} MB is more than PostgreSQL accepts (1024 MB); "
            "insert fewer rows at once"
        )
    return ""


def largest_query(links: list[BaseException]) -> int:
    """The length of the longest query that was being sent when any of these was raised; 0 where none was.

    The driver's own variable is read: a query with its values exists only there.
    """
    sizes = [0]
    for link in links:
        trace = link.__traceback__
        while trace is not None:
            module = trace.tb_frame.f_globals.get("__name__", "")
            if module.partition(".")[0] in {"pymysql", "datajoint"}:
                for name in ("sql", "query"):
                    text = trace.tb_frame.f_locals.get(name)
                    if isinstance(text, str | bytes | bytearray):
                        sizes.append(len(text) + _size(trace.tb_frame.f_locals.get("args")))
            trace = trace.tb_next
    return max(sizes)


def _size(arguments: Any) -> int:
    if not isinstance(arguments, list | tuple):
        return 0
    return sum(len(value) for value in arguments if isinstance(value, str | bytes | bytearray))


def chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it came from, the newest first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _library(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]


def _passes(error: BaseException) -> bool:
    names = {cls.__name__ for cls in type(error).__mro__}
    library = _library(error)
    if names & PASSING_TYPES or (isinstance(error, OSError) and error.errno in PASSING_ERRNO):
        return True
    if library == "psycopg2":
        return bool(names & {"OperationalError", "InterfaceError"})
    if library == "pymysql":
        return "InterfaceError" in names or bool(error.args and error.args[0] in PASSING_MYSQL)
    text = str(error).lower()
    return library in {"botocore", "aiobotocore", "s3fs"} and any(word in text for word in PASSING_WORDS)


def _lasts(error: BaseException) -> bool:
    library = _library(error)
    if library == "psycopg2":
        code = str(getattr(error, "pgcode", None))
        return code in LASTING_POSTGRESQL or code.startswith(TOO_LARGE_POSTGRESQL)
    return library == "pymysql" and bool(error.args and error.args[0] in LASTING_MYSQL)


def _megabytes(size: float) -> str:
    return f"{size / 2**20:.4g}"
