"""A table's definition read from its text: attributes, foreign keys, stores."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FOREIGN_KEY = re.compile(r"->\s*(?:\[(?P<options>[^\]]*)\])?\s*(?P<target>[^#]+)")
_ATTRIBUTE = re.compile(
    r"(?P<name>\w+)\s*(?:=\s*(?P<default>[^:]*?))?\s*:\s*(?P<type>[^#]+?)\s*(?:#\s*(?P<comment>.*))?$"
)
_TARGET = re.compile(r"[A-Za-z_][\w.]*")
_CODEC = re.compile(r"<\s*(?P<codec>\w+)\s*(?P<at>@)?\s*(?P<store>[^>]*?)\s*>")


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute line.

    Attributes
    ----------
    name, type, comment
        As written.
    default
        The text between `=` and `:`; None where there is none.
    primary
        Whether it stands above the `---`.
    line
        Within the definition, counted from 1.
    """

    name: str
    type: str
    default: str | None
    comment: str
    primary: bool
    line: int


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """One `-> Parent` line.

    Attributes
    ----------
    target
        The parent as written, without a projection: `subject.Subject`, `master`.
    options
        "nullable" and "unique", where given.
    projected
        Whether attributes are renamed (`Parent.proj(...)`).
    primary
        Whether it stands above the `---`.
    line
        Within the definition, counted from 1.
    """

    target: str
    options: tuple[str, ...]
    projected: bool
    primary: bool
    line: int


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition's lines, in their order; lines that are neither kind are left out."""

    attributes: tuple[Attribute, ...]
    foreign_keys: tuple[ForeignKey, ...]

    @property
    def store_names(self) -> tuple[str, ...]:
        """The stores that codecs name, in order; "" stands for the default store (`<blob@>`)."""
        found = (match for attribute in self.attributes if (match := _CODEC.search(attribute.type)) and match["at"])
        return tuple(dict.fromkeys(match["store"] for match in found))


def read_definition(text: str) -> Definition:
    r"""The attributes and foreign keys of a definition.

    Examples
    --------
    >>> found = read_definition("-> subject.Subject\nsession : int32  # number\n---\nraw : <blob@main>")
    >>> [key.target for key in found.foreign_keys], [a.name for a in found.attributes], found.store_names
    (['subject.Subject'], ['session', 'raw'], ('main',))
    """
    parts = list(_parts(text))
    return Definition(
        tuple(part for part in parts if isinstance(part, Attribute)),
        tuple(part for part in parts if isinstance(part, ForeignKey)),
    )


def _parts(text: str) -> Iterator[Attribute | ForeignKey]:
    primary = True
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line.startswith("---"):
            primary = False
        elif match := _FOREIGN_KEY.match(line):
            target = _TARGET.match(match["target"].strip())
            if target:
                options = tuple(filter(None, re.split(r"[,\s]+", (match["options"] or "").lower())))
                name = target[0].removesuffix(".proj")
                yield ForeignKey(name, options, ".proj" in match["target"], primary, number)
        elif not line.startswith("#") and (match := _ATTRIBUTE.match(line)):
            default = match["default"]
            yield Attribute(
                match["name"],
                match["type"].strip(),
                default and default.strip(),
                match["comment"] or "",
                primary,
                number,
            )
