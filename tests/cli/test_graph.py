"""`djproject graph` and selectors."""

import base64
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

import pytest

from djproject.cli.design.graph import complete_picture
from djproject.errors import ProjectError
from djproject.pipeline.selection import select
from tests.checking import module, pipeline_in, table, write_project
from tests.conftest import Run

MAKE = "    def make(self, key):\n        self.insert1(key)\n"
FILES = {
    "one.py": module("one", table("A", "a : int32"), table("L", "l : int32", tier="Lookup")),
    "two.py": module(
        "two",
        table("B", "-> one.A", "---", "-> one.L", "x : <blob@main>"),
        table("C", "-> B", tier="Computed", body=MAKE + '    class P(dj.Part):\n        definition = "-> master"\n'),
        imports="from . import one",
    ),
    "three.py": module(
        "three",
        table("D", "-> two.C", "-> one.A.proj(other='a')", tier="Computed", body=MAKE),
        imports="from . import one, two",
    ),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "p", dict(FILES))


@pytest.mark.parametrize(
    ("selectors", "exclude", "names"),
    [
        ([], [], "one.A one.L two.B two.C two.C.P three.D"),
        (["two"], [], "two.B two.C two.C.P"),
        (["two.B"], [], "two.B"),
        (["+two.B"], [], "one.A one.L two.B"),
        (["two.C+"], [], "two.C two.C.P three.D"),
        (["1+three.D"], [], "one.A two.C three.D"),
        (["2+three.D"], ["two.C"], "one.A two.B three.D"),
        (["one.A+1"], [], "one.A two.B three.D"),
        (["+two.B+"], [], "one.A one.L two.B two.C two.C.P three.D"),
        (["one.L..three.D"], [], "one.L two.B two.C three.D"),
        (["one..two.B"], [], "one.A one.L two.B"),
        (["tier:compute"], [], "two.C three.D"),
        (["tier:lookup", "store:main"], [], "one.L two.B"),
        (["+three"], ["tier:lookup", "two"], "one.A three.D"),
        (["D"], [], "three.D"),
    ],
)
def test_selectors_choose_tables(project: Path, selectors: list[str], exclude: list[str], names: str) -> None:
    assert " ".join(t.full_name for t in select(pipeline_in(project), selectors, exclude)) == names


@pytest.mark.parametrize(
    ("selector", "told"),
    [("four", "no table called"), ("tier:gold", "no tier 'gold'"), ("store:x", "No table names a store"),
     ("tag:gpu", "knows tier:, store: and changed:"), ("a..", "a path is written a..b"), ("++", "no selector")],
)  # fmt: skip
def test_a_selector_that_names_nothing_is_told(project: Path, selector: str, told: str) -> None:
    with pytest.raises(ProjectError, match=told):
        select(pipeline_in(project), [selector])


def test_the_same_graph_as_tree_mermaid_and_dot(run: Run, project: Path) -> None:
    tree = run("graph", "+two.B", cwd=project).stdout
    assert tree == "one.A  (manual)\none.L  (lookup)\n└─ two.B  (manual, also from one.A)\n"
    mermaid = run("graph", "+two.B", "--format", "mermaid", cwd=project).stdout
    assert "    one_A --> two_B\n    one_L -.-> two_B\n" in mermaid
    dot = run("graph", "+two.B", "--format", "dot", cwd=project).stdout
    assert '    "one.A" -> "two.B";\n    "one.L" -> "two.B" [style="dashed"];\n' in dot


def test_json_has_edges_with_their_attributes(run: Run, project: Path) -> None:
    value = json.loads(run("graph", "three.D", "one.A", "--format", "json", cwd=project).stdout)
    assert value["edges"] == [
        {
            "child": "three.D",
            "parent": "one.A",
            "primary": True,
            "renamed": True,
            "attributes": [{"child": "other", "parent": "a"}],
            "foreign_keys": 1,
        }
    ]
    modules = json.loads(run("graph", "--level", "module", "--format", "json", cwd=project).stdout)
    assert [(e["child"], e["parent"], e["foreign_keys"]) for e in modules["edges"]] == [
        ("two", "one", 2), ("three", "one", 1), ("three", "two", 1),
    ]  # fmt: skip


def test_svg_and_html_are_well_formed_and_nothing_overlaps(run: Run, project: Path, tmp_path: Path) -> None:
    run("graph", "--output", str(tmp_path / "g.svg"), cwd=project)
    root = ElementTree.fromstring((tmp_path / "g.svg").read_text())
    ns = "{http://www.w3.org/2000/svg}"
    boxes = [group.find(f"{ns}rect") for group in root.iter(f"{ns}g") if group.get("class") == "box"]
    places = [
        tuple(float(box.get(key, "0")) for key in ("x", "y", "width", "height")) for box in boxes if box is not None
    ]
    assert len(places) == 6
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    for number, (x, y, w, h) in enumerate(places):
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
        for x2, y2, w2, h2 in places[number + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    run("graph", "--output", str(tmp_path / "g.html"), cwd=project)
    page = (tmp_path / "g.html").read_text()
    assert page.count("<svg") == 1
    assert '"three.D"' in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_block_of_the_readme_is_kept_up_to_date(run: Run, project: Path) -> None:
    readme = project / "README.md"
    readme.write_text("# Title\n\nWords.\n")
    assert run("graph", "--write", "README.md", "--dry-run", cwd=project).stdout == "change    README.md\n"
    assert readme.read_text() == "# Title\n\nWords.\n"
    run("graph", "--write", "README.md", "--level", "module", cwd=project)
    first = readme.read_text()
    assert first.startswith("# Title\n\nWords.\n\n<!-- djproject graph: begin -->\n```mermaid\nflowchart TB\n")
    readme.write_text(first + "\nMore words.\n")
    assert run("graph", "--write", "README.md", "--level", "module", cwd=project).stdout == "identical README.md\n"
    assert readme.read_text() == first + "\nMore words.\n"


def test_the_line_ends_of_a_readme_stay(run: Run, project: Path) -> None:
    readme = project / "README.md"
    readme.write_bytes(b"# Title\r\n")
    run("graph", "--write", "README.md", cwd=project)
    assert readme.read_bytes().startswith(b"# Title\r\n\r\n<!-- djproject graph: begin -->\r\n")
    assert b"\n" not in readme.read_bytes().replace(b"\r\n", b"")
    readme.write_bytes(b"\xff")
    assert "is not UTF-8 text." in run("graph", "--write", "README.md", cwd=project, code=2).stderr


def test_an_empty_pipeline_has_no_picture(run: Run, tmp_path: Path) -> None:
    write_project(tmp_path / "empty", {})
    assert "no tables yet" in run("graph", cwd=tmp_path / "empty", code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "g.jpg"), "cannot be written as a .jpg file (g.jpg)"),
        (("-o", "g.GIF", "--format", "svg"), "cannot be written as a .gif file (g.GIF)"),
        (("-o", "g.pdf", "--format", "svg"), "g.pdf ends in .pdf, but --format is svg."),
        (("--format", "png"), "--format png needs a file.\nNext: djproject graph -o pipeline.png"),
        (("--write", "new.md", "--format", "pdf"), "--format pdf needs a file."),
        (("-o", "g"), "cannot be written as a file without an extension (g)"),
        (("-o", "g.svg", "--format", "html"), "g.svg ends in .svg, but --format is html."),
        (("-o", "nowhere/g.svg"), "There is no folder nowhere.\nNext: mkdir -p nowhere"),
        (("--write", "src"), "src is a folder."),
        (("-o", "g.svg", "--write", "new.md"), "--output and --write cannot be used together."),
    ],
)
def test_a_file_that_would_not_hold_what_its_ending_says_is_refused(
    run: Run, project: Path, arguments: tuple[str, ...], message: str
) -> None:
    before = sorted(project.iterdir())
    assert message in run("graph", *arguments, cwd=project, code=2).stderr
    assert sorted(project.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (("-o", "g.txt"), "one"),
        (("-o", "g.SVG"), "<svg"),
        (("-o", "g.gv"), "digraph"),
        (("-o", "g.tree", "--format", "dot"), "digraph"),
    ],
)
def test_the_ending_or_the_format_says_what_is_written(
    run: Run, project: Path, arguments: tuple[str, ...], start: str
) -> None:
    run("graph", *arguments, cwd=project)
    assert (project / arguments[1]).read_text().startswith(start)


def test_a_png_is_twice_the_size_of_the_svg_with_its_texts_and_lines(run: Run, project: Path) -> None:
    from PIL import Image

    run("graph", "-o", "g.svg", cwd=project)
    svg = (project / "g.svg").read_text()
    root = ElementTree.fromstring(svg)
    assert run("graph", "-o", "g.png", cwd=project).stdout == "create    g.png\n"
    assert run("graph", "-o", "g.png", cwd=project).stdout == "identical g.png\n"
    image = Image.open(project / "g.png").convert("RGB")
    assert image.size == (2 * int(root.get("width", "0")), 2 * int(root.get("height", "0")))
    ns = "{http://www.w3.org/2000/svg}"
    for text in root.iter(f"{ns}text"):
        x, y = 2 * float(text.get("x", "0")), 2 * float(text.get("y", "0"))
        colors = image.crop((int(x), int(y - 16), int(x + 12), int(y + 1))).getcolors(10**6) or []
        ink = tuple(int(text.get("fill", "")[i : i + 2], 16) for i in (1, 3, 5))
        assert any(max(abs(a - b) for a, b in zip(color, ink, strict=True)) < 40 for _, color in colors), text.text


def test_a_pdf_has_one_page_of_the_size_of_the_svg_with_texts_that_can_be_found(run: Run, project: Path) -> None:
    run("graph", "-o", "g.svg", cwd=project)
    root = ElementTree.fromstring((project / "g.svg").read_text())
    run("graph", "-o", "g.pdf", cwd=project)
    data = (project / "g.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", data)
    assert [float(number) for number in box] == [float(root.get(key, "0")) * 0.75 for key in ("width", "height")]
    (stream,) = re.findall(rb"stream\r?\n(.*?)~>", data, re.DOTALL)
    page = zlib.decompress(base64.a85decode(stream))
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        assert f"({text.text}) Tj".encode() in page


def test_an_image_without_the_packages_for_it_is_refused(project: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['resvg_py'] = sys.modules['svglib'] = None\n"
        "import importlib.util as util; real = util.find_spec\n"
        "util.find_spec = lambda name, *a: None if name in {'resvg_py', 'svglib'} else real(name, *a)\n"
        "sys.argv = ['djproject', 'graph', '-o', sys.argv[1]]\n"
        "from djproject.__main__ import main; main()"
    )
    for name in ("g.png", "g.pdf"):
        refused = subprocess.run(
            [sys.executable, "-c", code, name], cwd=project, capture_output=True, text=True, check=False
        )
        assert refused.returncode == 2
        assert (
            f"A {name[1:]} file needs packages that are not installed.\nNext: pip install 'djproject[images]'"
            in refused.stderr
        )
        assert not (project / name).exists()


def test_the_endings_are_completed() -> None:
    assert complete_picture("a/g.s") == ["a/g.svg"]
    assert complete_picture("g.p") == ["g.png", "g.pdf"]
    assert "pipeline.svg" in complete_picture("")
    assert complete_picture("g.x") == []
