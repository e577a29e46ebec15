"""The standard project structure, planned from a few answers."""

import datetime
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from djproject.errors import ProjectError
from djproject.project.location import PYPROJECT
from djproject.project.names import checked_package_name, checked_project_name, compose_name
from djproject.project.texts import AUTHOR_CHARACTERS, DESCRIPTION_CHARACTERS, checked_text, is_email_address
from djproject.scaffold.adoption import Place, find_place, is_missing, names_of, with_own_settings
from djproject.scaffold.dependencies import refuse_dependency_names
from djproject.scaffold.plan import Plan, plan_new_files
from djproject.scaffold.quoting import bucket_name, docstring, markdown, python_literal, quoted
from djproject.scaffold.readme import README, pipeline_with, with_table_list

LICENSES = ("MIT", "Apache-2.0", "BSD-3-Clause", "GPL-3.0-or-later")
DATABASES = ("postgresql", "mysql")
DOCS = ("mkdocs", "sphinx")
OBJECT_STORES = ("seaweedfs", "minio", "none")
PACKAGE_FOLDER = "__package__"
DESCRIPTION_HINT = "djproject init DIRECTORY --description TEXT"
AUTHOR_HINT = "djproject init DIRECTORY --author 'Name <email>'"
TEMPLATE_VERSION = 1  # changes with the templates; those before are kept in templates/older/
IGNORED_IN_EMPTY = {".git", ".DS_Store"}


@dataclass(frozen=True, slots=True)
class Author:
    """Who a project is by; both empty where it is not known."""

    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """All that a new project depends on; the same answers give the same bytes.

    Attributes
    ----------
    name
        Of the distribution (PEP 508).
    package
        The import package below `src/`.
    description
        One line.
    license
        One of `LICENSES` (SPDX).
    author
        Holder of the licence and author in pyproject.toml.
    database
        The backend that `[tool.datajoint.database]` names.
    docs
        What builds the documentation.
    example
        Whether the worked pipeline on real data is included.
    object_store
        What the Docker stack keeps objects in; "none" where all stores are folders.
    year
        In the licence.
    """

    name: str
    package: str = "workflow"
    description: str = ""
    license: str = "MIT"
    author: Author = Author()
    database: str = "postgresql"
    docs: str = "mkdocs"
    example: bool = False
    object_store: str = "seaweedfs"
    year: int = 0

    def checked(self) -> "Answers":
        """These answers, if a project can be made of them; ProjectError with the reason otherwise."""
        checked_project_name(self.name)
        checked_package_name(self.package)
        for value, choices, option in (
            (self.license, LICENSES, "--license"),
            (self.database, DATABASES, "--database"),
            (self.docs, DOCS, "--docs"),
            (self.object_store, OBJECT_STORES, "--object-store"),
        ):
            if value not in choices:
                raise ProjectError(
                    f"{option} is one of {', '.join(choices)}, not {value!r}.", hint="djproject init --help"
                )
        description = checked_text(
            self.description, "The description", hint=DESCRIPTION_HINT, longest=DESCRIPTION_CHARACTERS
        )
        return replace(self, description=description, author=_checked_author(self.author))


def _checked_author(author: Author) -> Author:
    name = checked_text(author.name, "The author's name", hint=AUTHOR_HINT, longest=AUTHOR_CHARACTERS)
    if re.search("[<>]", name):
        raise ProjectError("The author's name contains '<' or '>', which enclose an email address.", hint=AUTHOR_HINT)
    return replace(author, name=name)


def read_author(text: str) -> Author:
    """The author that "Name <email>" means.

    Examples
    --------
    >>> read_author("Ada Lovelace <ada@example.org>")
    Author(name='Ada Lovelace', email='ada@example.org')
    """
    match = re.fullmatch(r"\s*([^<>]+?)\s*(?:<\s*([^<>\s]+@[^<>\s]+)\s*>)?\s*", text)
    if not match:
        raise ProjectError(f"{text!r} is not an author.", hint=AUTHOR_HINT)
    if match[2] and not is_email_address(match[2]):
        raise ProjectError(f"{match[2]!r} is not a valid email address.", hint=AUTHOR_HINT)
    return Author(match[1], match[2] or "")


def plan_project(root: Path, answers: Answers, *, adopt: bool = False) -> Plan:
    """Every file of a new project.

    Parameters
    ----------
    root
        The project's folder; it may be missing.
    answers
        See there.
    adopt
        Add what is missing to a folder that is not empty; files in place are kept and listed as conflicts.

    Raises
    ------
    ProjectError
        An answer is not possible, or the folder is not empty (and not adopted) or is not a folder.
    """
    answers = answers.checked()
    refuse_dependency_names(answers.name, answers.package, root)
    if root.exists() and not root.is_dir():
        raise ProjectError(f"{root} is a file.", hint="djproject init another_name")
    if root.is_dir() and not adopt and any(path.name not in IGNORED_IN_EMPTY for path in root.iterdir()):
        raise ProjectError(
            f"The folder {root} is not empty.", hint=f"djproject init {root} --adopt  (adds what is missing)"
        )
    place = find_place(root, answers.package) if adopt else Place("src", answers.package)
    readme, has_license = names_of(root) if adopt else ("README.md", False)
    more: dict[str, object] = {"folder": place.folder, "readme": readme, "has_license": has_license}
    more["adopt"] = adopt and not (root / PYPROJECT).exists()
    more["version"] = TEMPLATE_VERSION
    contents = dict(sorted(rendered(answers, more)))
    contents = {_moved(path, place): data for path, data in contents.items() if not adopt or is_missing(root, path)}
    if README in contents:
        source = root.joinpath(place.folder, *answers.package.split("."))
        pipeline = pipeline_with(source, answers.package, {root / path: data for path, data in contents.items()})
        contents[README] = with_table_list(contents[README].decode(), pipeline).encode()
    plan = plan_new_files(root, contents.items())
    return with_own_settings(plan, place) if adopt else plan


def rendered(
    answers: Answers, more: Mapping[str, object], templates: Traversable | None = None
) -> Iterator[tuple[str, bytes]]:
    """All files of a template, with their paths; `more` is what their texts depend on beside the answers."""
    # Jinja2 is imported here: other commands need not wait for it.
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 (no HTML)
    )
    environment.filters.update(
        toml=quoted,
        yaml=quoted,
        python=python_literal,
        docstring=docstring,
        markdown=markdown,
        bucket=bucket_name,
        compose=compose_name,
    )
    values = {
        "name": answers.name,
        "package": answers.package,
        "description": answers.description or f"A DataJoint pipeline: {answers.name}.",
        "license": answers.license,
        "author_name": answers.author.name,
        # Git takes any text as an address; the metadata of a package do not.
        "author_email": answers.author.email if is_email_address(answers.author.email) else "",
        "holder": answers.author.name or f"the {answers.name} developers",
        "database": answers.database,
        "docs": answers.docs,
        "object_store": answers.object_store,
        "example": answers.example,
        "year": answers.year or datetime.datetime.now(tz=datetime.UTC).year,
        **more,
    }
    templates = templates or resources.files("djproject.scaffold") / "templates"
    license_text = (templates / "licenses" / f"{answers.license}.txt").read_text("utf-8")
    yield "LICENSE", environment.from_string(license_text).render(values).encode()
    trees = ["project", answers.docs, *(["example"] if answers.example else [])]
    for tree in trees:
        for path, text in _files(templates / tree):
            rendered = environment.from_string(text).render(values)
            yield _destination(path, answers.package), _finished(path, rendered)
    if answers.example and answers.docs == "mkdocs":
        for module in ("subject", "acquisition", "processing", "analysis"):
            yield f"docs/api/{module}.md", api_page(answers.package, module).encode()


def api_page(package: str, module: str) -> str:
    """The MkDocs page of a schema module; Sphinx makes such pages itself, from the source."""
    return f"# {module}\n\n::: {package}.{module}\n"


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".j2"):
            yield prefix + entry.name.removesuffix(".j2"), entry.read_text("utf-8")


def _destination(path: str, package: str) -> str:
    path = path.replace(PACKAGE_FOLDER, package)
    return path.removesuffix(".py") + ".ipynb" if path.startswith("notebooks/") else path


def _moved(path: str, place: Place) -> str:
    """Where a file belongs if the package is not in `src/`."""
    inside = f"src/{place.package}/"
    return f"{place.folder}/{path.removeprefix('src/')}".lstrip("/") if path.startswith(inside) else path


def _finished(path: str, text: str) -> bytes:
    text = text.rstrip("\n") + "\n"
    return notebook(text).encode() if path.startswith("notebooks/") else text.encode()


def notebook(text: str) -> str:
    """A Jupyter notebook (nbformat 4.5) from text in the percent format; cells are numbered, so it is reproducible.

    Parameters
    ----------
    text
        Cells that begin with `# %%` (code) or `# %% [markdown]` (comment lines).
    """
    cells = []
    for number, part in enumerate(re.split(r"^# %%", text, flags=re.MULTILINE)[1:], start=1):
        kind, _, body = part.partition("\n")
        is_markdown = "[markdown]" in kind
        source = body.strip("\n")
        if is_markdown:
            source = "\n".join(line.removeprefix("#").removeprefix(" ") for line in source.splitlines())
        cell: dict[str, object] = {
            "cell_type": "markdown" if is_markdown else "code",
            "id": f"cell-{number}",
            "metadata": {},
        }
        if not is_markdown:
            cell |= {"execution_count": None, "outputs": []}
        cells.append(cell | {"source": source.splitlines(keepends=True)})
    document = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
