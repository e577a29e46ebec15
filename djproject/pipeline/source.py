"""A package's files, read and linked: nothing is imported."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from djproject.errors import ProjectError
from djproject.pipeline.definition import Definition, read_definition
from djproject.pipeline.files import load_files, module_name
from djproject.pipeline.graph import imported_with
from djproject.pipeline.linking import link
from djproject.pipeline.model import Pipeline
from djproject.pipeline.module import PythonModule
from djproject.pipeline.parallel import both
from djproject.pipeline.reading import quietly, read_python
from djproject.project.location import Project

MANY_FILES = 300
FIRST_HALF = 0.58


class Sources(NamedTuple):
    """The files of a package as they were read: modules by name, definitions by their text."""

    modules: Mapping[str, PythonModule]
    definitions: Mapping[str, Definition]


class Unreadable(NamedTuple):
    """A file that is needed and is not valid Python.

    Attributes
    ----------
    module, path, line
        What it would be, and where it stops being Python.
    message
        Why: "is not valid Python: invalid syntax".
    """

    module: str
    path: Path
    line: int
    message: str


def load_pipeline(project: Project) -> Pipeline:
    """The pipeline in a project's source folder, whole; nothing is imported.

    Raises
    ------
    ProjectError
        As `load_package`.
    """
    return load_package(project.source, project.package)


def load_package(folder: Path, package: str) -> Pipeline:
    """The pipeline in the folder of a package; an empty one where the folder is missing.

    A file that is not valid Python, an old script for instance, is left out where no schema module imports it.

    Raises
    ------
    ProjectError
        A file is not valid Python, and is imported by a schema module or mentions a schema; with file and line.
    """
    pipeline = link(package, *read_files(folder, package, load_files(folder)))
    for found in unreadable(pipeline):
        raise unreadable_error(found)
    return pipeline


def load_readable(project: Project) -> Pipeline:
    """The pipeline in a project's source folder as far as it can be read; `unreadable` says what is not in it."""
    return link(project.package, *read_files(project.source, project.package, load_files(project.source)))


def unreadable(pipeline: Pipeline) -> list[Unreadable]:
    """The files that are not valid Python, and are imported by a schema module or mention a schema."""
    problems = [(source, source.problem) for source in pipeline.sources.values() if source.problem]
    needed = imported_with(pipeline.sources, [module.name for module in pipeline.modules]) if problems else set()
    return [
        Unreadable(source.name, source.path, problem.place.line, problem.message)
        for source, problem in problems
        if problem.has_schema or source.name in needed
    ]


def unreadable_error(found: Unreadable) -> ProjectError:
    """The sentence for a command that cannot do without such a file."""
    return ProjectError(f"{found.path}:{found.line} {found.message}.", hint=f"$EDITOR {found.path}")


def read_files(
    folder: Path, package: str, files: Mapping[Path, bytes], meanwhile: Callable[[], object] = dict
) -> Sources:
    """What each file says, by module name; of many files two processes read one half each.

    `meanwhile` is what this process has to do as well; it is done when the second one is at work.
    """

    def read(some: Iterable[tuple[Path, bytes]]) -> Sources:
        modules = {}
        with quietly():
            for path, data in some:
                name = module_name(path, folder)
                modules[name] = read_python(data, name=name, package=package, path=path)
        texts = (c.definition.value for m in modules.values() for f in m.classes for c in (f, *f.parts) if c.definition)
        return Sources(modules, {text: read_definition(text) for text in texts if text is not None})

    def work_and_read(some: Iterable[tuple[Path, bytes]]) -> Sources:
        meanwhile()
        return read(some)

    if len(files) < MANY_FILES:
        return work_and_read(files.items())
    items = list(files.items())
    middle = int(len(items) * FIRST_HALF)
    mine, others = both(lambda: work_and_read(items[:middle]), lambda: read(items[middle:]))
    return Sources({**mine.modules, **others.modules}, {**mine.definitions, **others.definitions})
