"""The same tables, edges and findings, in whatever way a pipeline is written."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from djproject.findings import Kind
from djproject.pipeline.heading import Headings
from tests.checking import findings_in, pipeline_in, write_project
from tests.styles import EDGES, STYLES, TIERS

MODULES = ("lab.py", "subject.py", "scan.py")
ALONE = [  # styles in which each module can be read without the others
    name
    for name, files in STYLES.items()
    if set(files) <= {*MODULES, "tools.py", "texts.py", "common.py", "schemas.py"}
]


@pytest.mark.parametrize("style", STYLES)
def test_the_tables_and_edges_do_not_depend_on_the_style(tmp_path: Path, style: str) -> None:
    check_style(tmp_path, STYLES[style])


def check_style(root: Path, files: Mapping[str, str]) -> None:
    write_project(root, files, git=False)
    pipeline = pipeline_in(root)
    assert {table.full_name: table.tier for table in pipeline.tables} == TIERS
    links = Headings(pipeline).links()
    assert {(link.child, link.parent, link.attributes, link.primary) for link in links} == EDGES
    assert pipeline.strays == ()
    assert [finding.message for finding in findings_in(root) if finding.kind is Kind.BROKEN] == []


@given(st.data())
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_styles_may_be_mixed(data: st.DataObject) -> None:
    """Each module of the pipeline by somebody else."""
    files: dict[str, str] = {}
    for module in MODULES:
        style = STYLES[data.draw(st.sampled_from([name for name in ALONE if module in STYLES[name]]))]
        helpers = {name: text for name, text in style.items() if name not in MODULES}
        assume(all(files.get(name, text) == text for name, text in helpers.items()))
        files |= {**helpers, module: style[module]}
    with tempfile.TemporaryDirectory() as folder:
        check_style(Path(folder), files)


def project_of(root: Path, text: str) -> Path:
    return write_project(root, {"a.py": f"import datajoint as dj\n{text}"}, git=False)


def test_a_mixin_after_datajoints_class_gives_no_definition(tmp_path: Path) -> None:
    text = (
        'schema = dj.Schema("a")\n\nclass Mixin:\n    definition = "k : int32"\n\n\n@schema\nclass T({}):\n    pass\n'
    )
    for bases, codes in (("Mixin, dj.Manual", []), ("dj.Manual, Mixin", ["DJP205"])):
        root = project_of(tmp_path / bases[:2], text.format(bases))
        assert [finding.code for finding in findings_in(root, ["DJP20"])] == codes


@pytest.mark.parametrize(
    "definition",
    [
        "make()",
        '"k : int32" if flag else "j : int32"',
        '"k : {!r}".format("int32")',
        '"k : {:>9}".format("int32")',
        '"k : {}".format(kind)',
        '"k : %d %s" % ("int32",)',
        '"k : %x" % 3',
        "texts.MISSING",
        '"k : int32" + missing',
        "definition",
    ],
)
def test_a_definition_that_needs_code_is_unknown_and_told_once(tmp_path: Path, definition: str) -> None:
    text = f'schema = dj.Schema("a")\n\n@schema\nclass T(dj.Manual):\n    definition = {definition}\n'
    root = project_of(tmp_path, text)
    (table,) = pipeline_in(root).tables
    assert table.unknown
    assert table.definition is None
    assert [finding.code for finding in findings_in(root, ["DJP117", "DJP2"])] == ["DJP117"]


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ('if flag:\n    schema = dj.Schema("a")\nelse:\n    schema = dj.Schema("b")', None),
        ('try:\n    schema = dj.Schema("a")\nexcept KeyError:\n    schema = dj.Schema("b")', "a"),
        ('schema = dj.Schema("a") if flag else dj.Schema("b")', None),
        ('def make(name):\n    return dj.Schema("x_" + name)\n\nschema = make("a")', None),
        ('def make(name):\n    return dj.Schema(name)\n\nschema = make("a")', "a"),
        ('class S(dj.Schema):\n    def __init__(self, n):\n        super().__init__("x")\n\nschema = S("a")', None),
        ('class S(dj.Schema):\n    pass\n\nschema = S("a")', "a"),
    ],
)
def test_the_name_of_a_schema_is_known_or_said_to_be_computed(tmp_path: Path, schema: str, name: str | None) -> None:
    root = project_of(tmp_path, f'{schema}\n\n@schema\nclass T(dj.Manual):\n    definition = "k : int32"\n')
    pipeline = pipeline_in(root)
    assert [module.schema for module in pipeline.modules] == [name]
    assert [finding.code for finding in findings_in(root, ["DJP101", "DJP117"])] == ([] if name else ["DJP117"])


def test_calls_that_make_no_schema_are_none(tmp_path: Path) -> None:
    pipeline = pipeline_in(project_of(tmp_path, 'app = dict(a=1)\nlog = dj.logger.getChild("x")\n'))
    assert pipeline.modules == ()
    assert pipeline.sources["a"].schemas == ()


def test_tables_within_functions_and_without_schema_are_not_passed_over(tmp_path: Path) -> None:
    from djproject.pipeline.selection import nothing_to_show

    inside = "def make(schema):\n    @schema\n    class A(dj.Manual):\n        definition = 'a : int32'\n"
    root = project_of(tmp_path / "inside", inside)
    assert [finding.code for finding in findings_in(root, ["DJP117"])] == ["DJP117"]
    assert "table classes (A)" in nothing_to_show(pipeline_in(root)).message
    without = project_of(tmp_path / "without", "class A(dj.Manual):\n    definition = 'a : int32'\n")
    assert "table classes (a.A), and none is decorated" in nothing_to_show(pipeline_in(without)).message
    assert "no tables yet" in nothing_to_show(pipeline_in(write_project(tmp_path / "none", {}, git=False))).message


def test_classes_made_of_what_is_in_a_database_may_be_parents(tmp_path: Path) -> None:
    text = (
        'schema = dj.Schema("a")\nlab = dj.VirtualModule("lab", "lab")\n{}\n\n@schema\nclass T(dj.Manual):\n'
        '    definition = """\n    -> lab.Lab\n    -> Session\n    """\n'
    )
    for call, codes in (("schema.spawn_missing_classes()", []), ("", ["DJP207"])):
        root = project_of(tmp_path / str(len(call)), text.format(call))
        assert [finding.code for finding in findings_in(root, ["DJP207"])] == codes


def test_parents_in_other_packages_are_drawn_as_such_and_never_missing(tmp_path: Path) -> None:
    from djproject.views.graph import table_graph

    text = (
        "from element_animal import subject\nfrom element_animal.subject import Strain as S\n"
        'lab = dj.VirtualModule("lab", "lab")\nschema = dj.Schema("a")\n\n@schema\nclass A(dj.Manual):\n    definition = """\n'
        "    -> subject.Subject\n    ---\n    -> S.proj(x='strain')\n    -> lab.Lab\n    -> lab.Lab & 'x=1'\n    \"\"\"\n"
    )
    pipeline = pipeline_in(project_of(tmp_path, text))
    graph = table_graph(pipeline, pipeline.tables)
    assert [(group.name, [(box.label, box.tier) for box in group.boxes]) for group in graph.groups] == [
        ("element_animal.subject", [("Subject", "foreign"), ("Strain", "foreign")]),
        ("lab", [("Lab", "foreign")]),
        ("a", [("A", "manual")]),
    ]
    assert [(edge.child, edge.parent, edge.primary) for edge in graph.edges] == [
        ("a.A", "element_animal.subject.Subject", True),
        ("a.A", "element_animal.subject.Strain", False),
        ("a.A", "lab.Lab", False),
    ]


def test_a_file_beside_is_meant_by_its_bare_name_as_scripts_do(tmp_path: Path) -> None:
    from tests.styles import PLAIN

    files: dict[str, str | bytes] = {
        f"{name}.py": text.replace("from . import", "import") for name, text in PLAIN.items()
    }
    files["logging.py"] = files["tools.py"] = "class A: pass\n"
    files["scan.py"] = f"import logging\nimport elsewhere\n{files['scan.py']}"  # type: ignore[str-bytes-safe]
    pipeline = pipeline_in(write_project(tmp_path, files, git=False))
    links = Headings(pipeline).links()
    assert {(link.child, link.parent, link.attributes, link.primary) for link in links} == EDGES
    assert pipeline.script_folders == (tmp_path / "src/workflow",)
    inside = {item.base for item in pipeline.sources["scan"].imports if item.inside}
    assert inside == {"subject"}
