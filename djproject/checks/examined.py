"""What the rules look at: a project's files, its settings and its static pipeline; nothing is imported or run."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from djproject.checks.loading import Inputs
from djproject.findings import Edit, Location
from djproject.pipeline.definition import Attribute, ForeignKey
from djproject.pipeline.heading import Headings
from djproject.pipeline.model import Pipeline, Table
from djproject.pipeline.module import Place
from djproject.pipeline.places import place_in_text
from djproject.pipeline.scope import Meaning
from djproject.pipeline.types import BUILT_IN_CODECS, POSTGRESQL
from djproject.project.location import Project


class Examined:
    """A project as the rules see it.

    Attributes
    ----------
    project
        Where it is and what its pyproject.toml says.
    document
        The parsed pyproject.toml.
    pipeline
        The static pipeline; files with problems are in it.
    files
        The bytes of every file that was read: the package's, and the few others that rules look into.
    names
        The paths of everything else the rules ask for, relative to the root, with forward slashes.
    tracked, unignored
        Of the private files that exist: those that git tracks, those that no .gitignore covers.
    in_git
        Whether the project is in a git repository.
    setting_problems
        The settings of pyproject.toml that are refused; the project is without them.
    """

    def __init__(self, inputs: Inputs, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.project, self.document, self.files, self.names = (
            inputs.project, inputs.document, inputs.files, inputs.names,
        )  # fmt: skip
        self.tracked, self.unignored, self.in_git = inputs.tracked, inputs.unignored, inputs.in_git
        self.setting_problems = inputs.setting_problems
        self._lines: dict[Path, list[str]] = {}

    @cached_property
    def headings(self) -> Headings:
        """The attributes of all tables."""
        return Headings(self.pipeline)

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """All table classes, also those in modules without a schema."""
        return (*self.pipeline.tables, *self.pipeline.strays)

    @cached_property
    def attributes(self) -> tuple[tuple[Table, Attribute], ...]:
        """All attribute lines, each with its table."""
        return tuple(
            [(table, line) for table in self.tables if table.definition for line in table.definition.attributes]
        )

    @cached_property
    def keys(self) -> tuple[tuple[Table, ForeignKey, str | None, Meaning], ...]:
        """All foreign keys, each with its table, its parent and what its target means."""
        known = [(table, table.definition) for table in self.tables if table.definition]
        return tuple(
            [
                (table, key, parent, meaning)
                for table, definition in known
                for key, parent, meaning in zip(definition.foreign_keys, table.parents, table.meanings, strict=True)
            ]
        )

    @cached_property
    def _by_type(self) -> dict[str, list[tuple[Table, Attribute]]]:
        found: dict[str, list[tuple[Table, Attribute]]] = {}
        for table, attribute in self.attributes:
            found.setdefault(attribute.type, []).append((table, attribute))
        return found

    def attributes_where(self, claim: Callable[[str], bool]) -> Iterator[tuple[Table, Attribute]]:
        """The attributes whose type `claim` holds for; it is asked once for each type there is."""
        for kind, places in self._by_type.items():
            if claim(kind):
                yield from places

    @cached_property
    def backends(self) -> tuple[str, ...]:
        """The database servers this project is configured for, by backend, sorted."""
        return backends_of(self.project)

    def setting(self, path: tuple[str, ...]) -> object:
        """What pyproject.toml has at these keys; None where it has nothing."""
        value: object = self.document
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    @cached_property
    def broken_stores(self) -> frozenset[str]:
        """The stores with a setting that is refused: they are configured, and nothing else is known of them."""
        return frozenset(problem.store for problem in self.setting_problems if problem.store)

    @cached_property
    def own_codecs(self) -> frozenset[str]:
        """DataJoint's own codecs and those the package defines."""
        labels = {
            facts.label
            for source in self.pipeline.sources.values()
            for facts in source.classes
            if facts.label and any("Codec" in base for base in facts.bases)
        }
        return BUILT_IN_CODECS | labels

    @cached_property
    def installed_codecs(self) -> frozenset[str]:
        """The codecs that installed plugins bring (entry points `datajoint.codecs`, `datajoint.types`)."""
        from importlib.metadata import entry_points

        groups = ("datajoint.codecs", "datajoint.types")
        return frozenset(entry.name for group in groups for entry in entry_points(group=group))

    def relative(self, path: Path) -> str:
        """A path below the root as findings name it."""
        text, root = str(path), str(self.project.root)
        return text[len(root) + 1 :].replace("\\", "/") if text.startswith(root) else text

    def text(self, path: Path) -> str:
        """The decoded text of a file; characters that are not in its encoding are replaced."""
        return decode(self.files.get(path, b""))[0]

    def lines(self, path: Path) -> list[str]:
        """The lines of a file."""
        if path not in self._lines:
            self._lines[path] = self.text(path).split("\n")
        return self._lines[path]

    def at(self, path: Path, place: Place, token: str = "") -> Location:
        """A place that Python's `ast` gave, as a location that covers `token`."""
        lines = self.lines(path)
        line = lines[place.line - 1] if place.line <= len(lines) else ""
        column = len(line.encode()[: place.column - 1].decode(errors="replace")) + 1
        length = len(token) if token else len(line.rstrip()) + 1 - column
        return Location(self.relative(path), place.line, column, column + max(length, 1))

    def of_file(self, name: str) -> Location:
        """A file, or a folder, as a whole."""
        return Location(name)

    def of_table(self, table: Table) -> Location:
        """The name of a table's class."""
        return self.at(table.path, table.facts.place, table.facts.name)

    def in_definition(self, table: Table, line: int, token: str = "") -> Location:
        """A line of a table's definition, or a token in it."""
        if table.text is None or not table.text.segments:
            return self.of_table(table)
        place = place_in_text(table.text, self.lines(table.text_path), line, token)
        if not token:
            written = (table.text.value or "").split("\n")[line - 1].strip()
            token = written.partition("#")[0].rstrip() or written
        return self.at(table.text_path, place, token)

    def of_type(self, table: Table, attribute: Attribute) -> Location:
        """The type of an attribute; the name where it cannot be found."""
        where = self.in_definition(table, attribute.line)
        lines = self.lines(table.text_path)
        line = lines[where.line - 1] if where.line <= len(lines) else ""
        default = attribute.default or ""
        after_name = line.find(attribute.name, where.column - 1) + len(attribute.name)
        behind = line.find(default, after_name)
        colon = line.find(":", behind + len(default)) if behind >= 0 else -1
        column = line.find(attribute.type, colon) if colon >= 0 else -1
        if column < 0:
            return where
        return Location(where.path, where.line, column + 1, column + 1 + len(attribute.type))

    def of_key(self, table: Table, key: ForeignKey) -> Location:
        """The target of a foreign key."""
        return self.in_definition(table, key.line, key.target or "->")

    def replacement(self, location: Location, text: str) -> tuple[Edit, ...]:
        """The edit that puts `text` where a location is."""
        path = self.project.root / location.path
        start = sum(len(line) + 1 for line in self.lines(path)[: location.line - 1]) + location.column - 1
        return (Edit(location.path, start, start + location.end_column - location.column, text),)

    def text_at(self, location: Location) -> str:
        """The text where a location is."""
        lines = self.lines(self.project.root / location.path)
        line = lines[location.line - 1] if location.line <= len(lines) else ""
        return line[location.column - 1 : location.end_column - 1]

    def rewriting(self, path: Path, new: str) -> tuple[Edit, ...]:
        """The edit that makes `new` of a file's text, as short as it can be."""
        old = self.text(path)
        if old == new:
            return ()
        start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        tail = 0
        while tail < min(len(old), len(new)) - start and old[-1 - tail] == new[-1 - tail]:
            tail += 1
        return (Edit(self.relative(path), start, len(old) - tail, new[start : len(new) - tail]),)


def backends_of(project: Project) -> tuple[str, ...]:
    """The database servers that a project's settings and targets name, by backend, sorted; PostgreSQL without any."""
    places = (project.datajoint.values, *(target.values for target in project.targets.values()))
    found = {str(values["database.backend"]) for values in places if "database.backend" in values}
    if project.target == "embedded" or not found:
        found.add(POSTGRESQL)
    return tuple(sorted(found))


def decode(data: bytes) -> tuple[str, str]:
    """The text of a Python file and the encoding it declares; UTF-8 with replacements where that is wrong."""
    import io
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding), encoding
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return data.decode(errors="replace"), "utf-8"
