"""Whether the values of a column fit another type: always, where no row says otherwise, or never."""

from dataclasses import dataclass

from djproject.database.column_types import Form, column_form
from djproject.pipeline.types import MYSQL

_DIGITS = {1: 3, 2: 5, 4: 10, 8: 19}


@dataclass(frozen=True, slots=True)
class Conversion:
    """From one type to another.

    Attributes
    ----------
    possible
        Whether the server converts at all; else the values have to be made again.
    misfit
        A condition in SQL with `{}` for the column: the rows whose value does not fit. Empty where all do.
    cuts
        Whether those values can be cut or rounded; else there may be none.
    length
        To how many characters they are cut; 0 where they are rounded.
    """

    possible: bool = True
    misfit: str = ""
    cuts: bool = False
    length: int = 0


WIDER, IMPOSSIBLE = Conversion(), Conversion(possible=False)


def conversion(old: str, new: str, backend: str) -> Conversion:
    """What becomes of a column's values.

    Parameters
    ----------
    old
        The server's word for the column.
    new
        The type in the definition.
    backend
        `mysql` or `postgresql`.

    Examples
    --------
    >>> conversion("smallint", "int32", "postgresql") == WIDER
    True
    >>> conversion("int", "int16", "mysql").misfit
    '{} NOT BETWEEN -32768 AND 32767'
    """
    mine, theirs = column_form(old, backend), column_form(new, backend)
    if mine is None or theirs is None:
        return IMPOSSIBLE
    return WIDER if mine == theirs else _of_numbers(mine, theirs, backend) or _of_others(mine, theirs, backend)


def _of_numbers(mine: Form, theirs: Form, backend: str) -> Conversion | None:
    match mine, theirs:
        case ("int", int(size), *signs), ("int", int(wanted), *unsigned):
            return _integers(size, bool(signs), wanted, bool(unsigned))
        case ("int", int(size), *_), ("decimal", int(digits), int(scale)):
            return WIDER if digits - scale >= _DIGITS[size] else Conversion(misfit=f"ABS({{}}) >= 1e{digits - scale}")
        case ("int", int(size), *_), ("float", int(wanted)):
            exact = 2**53 if wanted == 8 else 2**24
            return WIDER if 2 ** (8 * size - 1) <= exact else Conversion(misfit=f"ABS({{}}) > {exact}")
        case ("float", int(size)), ("float", int(wanted)):
            return WIDER if wanted >= size else Conversion(misfit=_rounded(backend, "float4"), cuts=True)
        case ("decimal", int(digits), int(scale)), ("decimal", int(wanted), int(places)):
            return _decimals(digits, scale, wanted, places)
    return None


def _of_others(mine: Form, theirs: Form, backend: str) -> Conversion:
    match mine, theirs:
        case ("char" | "varchar", int(size)), ("char" | "varchar", int(wanted)):
            longer = f"CHAR_LENGTH({{}}) > {wanted}"
            return WIDER if wanted >= size else Conversion(misfit=longer, cuts=True, length=wanted)
        case ("text" | "tinytext" | "mediumtext" | "longtext", *_), ("char" | "varchar", int(wanted)):
            return Conversion(misfit=f"CHAR_LENGTH({{}}) > {wanted}", cuts=True, length=wanted)
        case ("char" | "varchar" | "enum", *_), ("text" | "longtext", *_):
            return WIDER
        case ("enum", *values), ("enum", *wanted):
            left = ", ".join(f"'{value}'" for value in wanted)  # quotes within are doubled already
            column = "{}" if backend == MYSQL else "{}::text"
            return WIDER if set(values) <= set(wanted) else Conversion(misfit=f"{column} NOT IN ({left})")
        case ("enum", *values), ("char" | "varchar", int(wanted)):
            return WIDER if max(len(str(value)) for value in values) <= wanted else IMPOSSIBLE
        case ("datetime" | "timestamp", *before), ("datetime" | "timestamp", *after):
            return _moments(before, after, backend)
        case ("date",), ("datetime" | "timestamp", *_):
            return WIDER
    return IMPOSSIBLE


def _integers(size: int, was_unsigned: bool, wanted: int, unsigned: bool) -> Conversion:
    low, high = _range(wanted, unsigned)
    old_low, old_high = _range(size, was_unsigned)
    fits = low <= old_low and old_high <= high
    return WIDER if fits else Conversion(misfit=f"{{}} NOT BETWEEN {low} AND {high}")


def _range(size: int, unsigned: bool) -> tuple[int, int]:
    return (0, 2 ** (8 * size) - 1) if unsigned else (-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1)


def _decimals(digits: int, scale: int, wanted: int, places: int) -> Conversion:
    if wanted - places < digits - scale:
        return Conversion(misfit=f"ABS({{}}) >= 1e{wanted - places}")
    return WIDER if places >= scale else Conversion(misfit=f"ROUND({{}}, {places}) <> {{}}", cuts=True)


def _moments(before: list[int | str], after: list[int | str], backend: str) -> Conversion:
    old, new = (int(numbers[0]) if numbers else (0 if backend == MYSQL else 6) for numbers in (before, after))
    if new >= old:
        return WIDER
    cast = f"CAST({{}} AS DATETIME({new}))" if backend == MYSQL else f"{{}}::timestamp({new})"
    return Conversion(misfit=f"{cast} <> {{}}", cuts=True)


def _rounded(backend: str, kind: str) -> str:
    return "CAST(CAST({} AS FLOAT) AS DOUBLE) <> {}" if backend == MYSQL else f"{{}}::{kind}::float8 <> {{}}"
