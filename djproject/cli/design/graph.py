"""`djproject graph`."""

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from djproject.cli import _render
from djproject.cli._gate import readable_pipeline
from djproject.cli._options import DryRunOption, ExcludeOption, SelectorsArgument, new_app
from djproject.errors import ProjectError
from djproject.pipeline.selection import nothing_to_show, select
from djproject.project.location import load_project
from djproject.project.opening import read_text

if TYPE_CHECKING:
    from djproject.views.graph import Graph

app = new_app()


class Level(StrEnum):
    """One box for each module or for each table."""

    MODULE = "module"
    TABLE = "table"


class PictureFormat(StrEnum):
    """How the graph is drawn."""

    TREE = "tree"
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"
    HTML = "html"
    JSON = "json"
    PNG = "png"
    PDF = "pdf"


ENDINGS = {
    ".svg": PictureFormat.SVG,
    ".html": PictureFormat.HTML,
    ".dot": PictureFormat.DOT,
    ".gv": PictureFormat.DOT,
    ".json": PictureFormat.JSON,
    ".mmd": PictureFormat.MERMAID,
    ".txt": PictureFormat.TREE,
    ".png": PictureFormat.PNG,
    ".pdf": PictureFormat.PDF,
}
BINARY = (PictureFormat.PNG, PictureFormat.PDF)
OTHER_IMAGES = frozenset({".jpg", ".jpeg", ".gif", ".webp", ".eps", ".ps", ".tif", ".tiff"})


def complete_picture(incomplete: str) -> list[str]:
    """The file with each of the endings that can be written."""
    before, dot, ending = incomplete.rpartition(".")
    stem, ending = (before, f".{ending}") if dot else (incomplete or "pipeline", "")
    return [f"{stem}{known}" for known in ENDINGS if known.startswith(ending)]


@app.command()
def graph(
    selector: SelectorsArgument = None,
    exclude: ExcludeOption = None,
    level: Annotated[Level, typer.Option(help="Draw one box for each module or for each table.")] = Level.TABLE,
    format: Annotated[
        PictureFormat | None,
        typer.Option(
            "--format", help="By default tree; mermaid with --write; with --output, from the file's extension."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the graph to a .svg, .html, .png, .pdf, .dot, .gv, .json, .mmd or .txt file.",
            autocompletion=complete_picture,
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.md",
            help="Update the graph between djproject's two comments in a Markdown file, or add it at the end.",
        ),
    ] = None,
    dry_run: DryRunOption = False,
) -> None:
    """Draw the modules or tables of the pipeline, without a database.

    Selectors choose tables: module, module.Table, +T (T and its ancestors), T+ (T and its descendants), 2+T (T and two
    levels of ancestors), A..B (every table on a path from A to B), tier:computed, store:main, changed:REV
    (changed since REV).

    Example: djproject graph +analysis.Summary --format svg -o pipeline.svg
    """
    from djproject.views.block import with_block
    from djproject.views.graph import module_graph, table_graph

    if output is not None and write is not None:
        raise ProjectError("--output and --write cannot be used together.", hint=f"djproject graph --write {write}")
    chosen = _format_of(output, format)
    _check_format(chosen if write is None else format, output)
    _check_place(output or write)
    project = load_project()
    pipeline = readable_pipeline(project)
    if not pipeline.tables:
        raise nothing_to_show(pipeline)
    tables = select(pipeline, selector or (), exclude or ())
    if not tables:
        raise ProjectError("The selectors leave no table to draw.", hint="djproject graph")
    drawn = module_graph(pipeline, tables) if level is Level.MODULE else table_graph(pipeline, tables)
    if write is not None:
        text = str(_drawn(drawn, format or PictureFormat.MERMAID, project.name))
        language = "mermaid" if (format or PictureFormat.MERMAID) is PictureFormat.MERMAID else ""
        old = read_text(write) if write.exists() else ""
        _replace(write, with_block(old, f"```{language}\n{text}\n```").encode(), dry_run=dry_run)
        return
    data = _drawn(drawn, chosen, project.name)
    text = data if isinstance(data, str) else ""
    if output is not None:
        _replace(output, data if isinstance(data, bytes) else f"{text}\n".encode(), dry_run=dry_run)
    else:
        _render.tree(text) if format in {None, PictureFormat.TREE} else _render.result(text)


def _format_of(output: Path | None, format: PictureFormat | None) -> PictureFormat:
    """The format that is asked for, or that the file's ending means.

    Raises
    ------
    ProjectError
        The ending means no format that is written, or for another one than is asked for.
    """
    if output is None:
        return format or PictureFormat.TREE
    ending = output.suffix.lower()
    meant = ENDINGS.get(ending)
    if meant is None and (format is None or ending in OTHER_IMAGES):
        what = f"{ending} file" if ending else "file without an extension"
        raise ProjectError(
            f"The graph cannot be written as a {what} ({output}). The extensions are {', '.join(ENDINGS)}.",
            hint=f"djproject graph -o {output.with_suffix('.svg') if output.name else 'pipeline.svg'}",
        )
    if format is not None and meant not in {None, format}:
        raise ProjectError(
            f"{output} ends in {ending}, but --format is {format.value}.",
            hint=f"djproject graph -o {output}  (without --format)",
        )
    return format or meant or PictureFormat.TREE


def _check_format(format: PictureFormat | None, output: Path | None) -> None:
    """Raise an error where an image has no file to go to, or what draws it is not installed."""
    if format not in BINARY:
        return
    if output is None:
        raise ProjectError(f"--format {format.value} needs a file.", hint=f"djproject graph -o pipeline.{format.value}")
    from djproject.views.images import require_libraries

    require_libraries(format.value)


def _check_place(path: Path | None) -> None:
    """Raise a ProjectError where no file can be written at the path."""
    if path is None:
        return
    if path.is_dir():
        raise ProjectError(f"{path} is a folder.", hint="djproject graph -o pipeline.svg")
    if not path.parent.is_dir():
        raise ProjectError(f"There is no folder {path.parent}.", hint=f"mkdir -p {shlex.quote(str(path.parent))}")


def _drawn(graph: "Graph", format: PictureFormat, title: str) -> str | bytes:
    from djproject.views import drawing, images, picture

    match format:
        case PictureFormat.TREE:
            return drawing.as_tree(graph)
        case PictureFormat.MERMAID:
            return drawing.as_mermaid(graph)
        case PictureFormat.DOT:
            return drawing.as_dot(graph)
        case PictureFormat.JSON:
            return drawing.as_json(graph)
        case PictureFormat.SVG:
            return picture.as_svg(graph)
        case PictureFormat.HTML:
            return picture.as_html(graph, title)
        case PictureFormat.PNG:
            return images.as_png(picture.as_svg(graph))
        case PictureFormat.PDF:
            return images.as_pdf(picture.as_svg(graph))


def _replace(path: Path, data: bytes, *, dry_run: bool) -> None:
    from djproject.project.files import replace_file

    old = path.read_bytes() if path.exists() else None
    action = "create" if old is None else "identical" if old == data else "change"
    if action != "identical" and not dry_run:
        replace_file(path, data)
    _render.result(f"{action:<9} {path}")
    if dry_run:
        _render.note("Nothing was written (--dry-run).")
