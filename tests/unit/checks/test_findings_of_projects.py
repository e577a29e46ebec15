"""The whole of what rules say about a project, its modules, containers and stores, where it takes many forms."""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from djproject.pipeline import cycles
from tests.checking import findings_in, module, table, write_project
from tests.unit.checks.cases import MYSQL
from tests.unit.checks.test_findings import told

Files = dict[str, str | bytes]
TYPING = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import {}"
KEY = "k : int32"


def say(root: Path, files: Files, *codes: str, pyproject: str = "") -> str:
    write_project(root, files, pyproject=pyproject, git=False)
    return "\n".join(told(finding) for finding in findings_in(root, codes))


KNOT: Files = {
    "a.py": module("a", imports="from . import b"),
    "b.py": module("b", imports="import os\nfrom . import a, c"),
    "c.py": module("c", imports="if os:\n    from . import b"),
}
BOTH_WAYS: Files = {
    "__init__.py": module("all", table("Top", "-> a.A", "---", "-> [nullable] a.B"), imports="from . import a"),
    "a.py": module("a", table("A", KEY), table("B", "-> Top"), imports="from . import Top"),
}
NO_TABLES: Files = {
    f"{name}.py": module(name, "class Plain: ...", table("T", f"-> {other}.Plain"), imports=TYPING.format(other))
    for name, other in (("a", "b"), ("b", "a"))
}


@pytest.mark.parametrize(
    ("files", "codes"),
    [(KNOT, ["DJP112", "DJP113"]), (BOTH_WAYS, ["DJP112", "DJP113"]), (NO_TABLES, ["DJP113"])],
    ids=["knot", "the package", "without places"],
)
def test_a_cycle(tmp_path: Path, snapshot: SnapshotAssertion, files: Files, codes: list[str]) -> None:
    files = {f"src/workflow/{name}": text for name, text in files.items()}
    assert say(tmp_path, files, *codes) == snapshot


def test_a_cycle_whose_fewest_edges_are_not_known(
    tmp_path: Path, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cycles, "STEPS", 1)
    assert say(tmp_path, KNOT, "DJP112") == snapshot


S = module("subject", table("Subject", KEY))
CHILD = table("T", "-> subject.Subject")
UNIMPORTED: dict[str, Files] = {
    "not imported": {"b.py": module("b", CHILD, imports="import os\nfrom . import c"), "c.py": module("c")},
    "windows": {"b.py": module("b", CHILD).replace("\n", "\r\n")},
    "for typing": {"b.py": module("b", CHILD, imports=TYPING.format("subject"))},
    "for typing and otherwise": {
        "b.py": module("b", CHILD, imports=f"{TYPING.format('subject')}\nelse:\n    from . import subject")
    },
    "for typing, by another name": {
        "b.py": module("b", table("T", "-> who.Subject"), imports=TYPING.format("subject as who"))
    },
    "for typing, the table itself": {
        "b.py": module("b", table("T", "-> Subject"), imports=TYPING.replace(".", ".subject").format("Subject"))
    },
    "in another package": {
        "one/__init__.py": "",
        "one/a.py": S,
        "two/__init__.py": module("two", table("T", "-> a.Subject"), imports=TYPING.replace(".", "..one").format("a")),
        "two/b.py": module("b", table("T", "-> a.Subject"), imports=TYPING.replace(".", "..one").format("a")),
        "c.py": module("c", table("T", "-> a.Subject"), imports=TYPING.replace(".", ".one").format("a")),
    },
    "in a package below its own": {
        "deep/__init__.py": "",
        "deep/low/__init__.py": "",
        "deep/low/a.py": S,
        "deep/b.py": module("b", table("T", "-> a.Subject"), imports=TYPING.replace(".", ".low").format("a")),
    },
    "in a function": {"b.py": module("b", CHILD) + "def f():\n    from . import subject\n"},
    "bound to nothing": {"b.py": module("b", CHILD, imports="from .none import subject")},
    "a schema that is named later": {"b.py": module("b", CHILD).replace('dj.Schema("b")', "dj.Schema()")},
    "its own": {"b.py": module("b", table("T", "-> b.Subject"), table("U", "-> Subject"), table("V", "-> none.X"))},
    "in a package": {
        "deep/__init__.py": "",
        "deep/subject.py": S,
        "deep/b.py": module("b", CHILD, table("U", "-> deep.subject.Subject")),
    },
    "above a package": {"deep/__init__.py": "", "deep/b.py": module("b", CHILD)},
    "from the package": {"__init__.py": module("all", CHILD)},
    "which imports it": {"subject.py": S + "from . import b\nx = b\n", "b.py": module("b", CHILD)},
    "which imports it indirectly": {
        "subject.py": S + "from . import c\nx = c\n",
        "c.py": "from . import b\n",
        "b.py": module("b", CHILD, table("U", "-> c.X")),
    },
}


@pytest.mark.parametrize("files", UNIMPORTED.values(), ids=UNIMPORTED)
def test_a_foreign_key_to_another_module(tmp_path: Path, snapshot: SnapshotAssertion, files: Files) -> None:
    files = {f"src/workflow/{name}": text for name, text in {"subject.py": S, **files}.items()}
    assert say(tmp_path, files, "DJP114") == snapshot


CHAIN: Files = {
    "src/workflow/low/__init__.py": "",
    "src/workflow/low/deep/__init__.py": "",
    "src/workflow/low/deep/a.py": module("a", table("A", "-> mid.M"), imports="from ... import mid"),
    "src/workflow/mid.py": module("mid", table("M", "-> top.X", KEY), imports="\n    \nfrom . import top"),
    "src/workflow/top.py": module("top", "class Plain: ...", table("X", KEY)),
    "src/workflow/odd.py": module(
        "odd", '@schema\nclass O(dj.Manual):\n    definition = "k : int32\\n-> top.X"'
    ).strip()
    + "  # the end",
    "src/workflow/typed.py": module("typed", table("T", "-> top.Plain"), imports=TYPING.format("top")),
}
CONTRACTS = {
    "layers": 'layers = [["low"], ["mid", "odd", "typed"], ["top"]]',
    "a layer of one": 'layers = [["low.deep.a"], ["mid"]]',
    "layers that hold": 'layers = [["top"], ["mid", "odd"], ["low"]]',
    "forbid": 'forbid = ["mid -> top", "low.deep.a -> top", "typed -> top"]',
    "independent": 'independent = ["low.deep.a", "top", "odd", "typed"]',
    "nothing": "ignore = []",
}


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_a_contract(tmp_path: Path, snapshot: SnapshotAssertion, contract: str) -> None:
    codes = ("DJP120", "DJP121", "DJP122")
    assert say(tmp_path, CHAIN, *codes, pyproject=f"[tool.djproject.check]\n{contract}\n") == snapshot


TIERS = [
    table("L", KEY, tier="Lookup"), table("M", KEY, body="    class P(dj.Part):\n        definition = '-> master'"),
    table("I", "-> M", tier="Imported"), table("C", "-> M", tier="Computed"), table("Q", KEY, tier="Part"),
]  # fmt: skip
DOCSTRINGS = {
    "both": '"""\nThis one.\n\nDependencies:\n    - gone: x\n    - subject: y\n    - tools: z\n    - Numpy: n\n'
    "    - deep.more: m\n    - c: w\n\nProvides:\n    - M: x\n    - M.P: x\n    - Old: x\n    - Old.P: y\n    - Plain: x\n"
    '    - none\n"""\n',
    "one of each": '"""This one.\n\n  Dependencies:\n    - subject: y\n    - other: y\n    - c: w\n\n  Provides:\n'
    '    - M: x\n    - L: x\n    - C: x\n    - Q: x\n    - Gone: x\n"""\n',
    "only missing": '"""This one.\n\nDependencies:\n    - other: y\n\nProvides:\n    - M: x\n    - C: x\n    - L\n    - Q\n"""\n',
    "first line": '"""Dependencies:\n    - other: o\n    - none\n\nProvides:\n    - M: x\n"""\n',
    "nothing": '""" """\n',
    "no lists": '"""This one."""\n',
    "complete": '"""This one.\n\nDependencies:\n    - other: o\n    - c: w\n\nProvides:\n    - L\n    - M\n    - I\n    - C\n    - Q\n"""\n',
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("docstring", DOCSTRINGS.values(), ids=DOCSTRINGS)
def test_a_docstring(tmp_path: Path, snapshot: SnapshotAssertion, docstring: str, newline: str) -> None:
    files: Files = {
        "subject.py": S,
        "other.py": module("other"),
        "tools.py": "x = 1\n",
        "c.py": module("c"),
        "b.py": docstring + module("b", "class Plain: ...", *TIERS, imports="from . import b, other, tools, c"),
    }
    files = {name: str(text).replace("\n", newline).encode() for name, text in files.items()}
    write_project(tmp_path, files, git=False)
    found = findings_in(tmp_path, ["DJP109", "DJP110", "DJP111"])
    assert "\n".join(told(each) for each in found if each.location.path.endswith("b.py")) == snapshot


SCHEMAS: dict[str, str] = {
    "none": module("a").replace('schema = dj.Schema("a")', ""),
    "computed": module("a", table("T", "-> make(3)", "-> [nullable]")).replace('"a"', "NAME"),
    "two": module("a") + "db = dj.Schema('two')\nthird = dj.Schema('third')\n",
    "odd": module("Odd-Name").replace("schema =", "db ="),
    "long": module("a" * 64),
    "hidden": module("a", "def f():\n    class Größe(dj.Manual):\n        definition = ''"),
    "computed definition": module("a", "@schema\nclass T(dj.Manual):\n    definition = make()"),
    "unreadable": "import datajoint as dj\nschema = dj.Schema(\n",
}


@pytest.mark.parametrize("backend", ["", MYSQL.replace("\n[", 'target = "lab"\n[', 1)], ids=["postgresql", "mysql"])
@pytest.mark.parametrize("text", SCHEMAS.values(), ids=SCHEMAS)
def test_a_schema(tmp_path: Path, snapshot: SnapshotAssertion, text: str, backend: str) -> None:
    codes = ("DJP100", "DJP101", "DJP102", "DJP103", "DJP104", "DJP106", "DJP117")
    assert say(tmp_path, {"a.py": text, "b.py": module("b")}, *codes, pyproject=backend) == snapshot


COMPOSE = "services:\n  a:\n    image: {}  # a comment\n"
CONTAINERS: dict[str, Files] = {
    "images": {
        f"docker/compose.{number}.yaml": COMPOSE.format(image)
        for number, image in enumerate(
            [
                "mysql", "mysql:latest", "mysql:8.4", "lab.org:5000/mysql", "lab.org:5000/mysql:8", '"minio/minio"',
                "'docker.io/minio/mc:1'", "minio/minio@sha256:12", "${IMAGE:-mysql}", "${IMAGE:-minio/minio:1}",
                "${IMAGE}", "minio/minio:latest", "quay.io/minio/minio:1", "docker.io/minio/minio:1@sha256:12",
            ]
        )
    },
    "stages": {
        "docker/Dockerfile": "FROM python:3.11 AS base\nfrom --platform=linux/amd64 python as two\n# FROM mysql\n"
        "  FROM base\nFROM two\nFROM scratch\nFROM three\nRUN x # FROM mysql\nFROM python:latest#x\nFROM alpine:3 as\n",
        "Dockerfile.gpu": "FROM base\n",
    },
    "other files": {
        "docker/compose.yml.bak": COMPOSE.format("mysql"),
        "docker/docker-compose.dev.yml": COMPOSE.format("mysql"),
        "compose.yaml": COMPOSE.format("mysql"),
    },
    "commands": {
        "docker/Dockerfile": 'CMD ["python", "-m", "workflow.none"]\nCMD python -m workflow.sub.none && python -m workflow.b\n'
        "CMD python -m workflow\nCMD python -m workflow_other.x\n  # python -m workflow.old\nCMD python -m\t'workflow.sub'\n"
        "CMD python -m pip; python workflow.none; python -m other.workflow.none\nCMD -m workflow.no -m workflow.nor\n",
        "b.py": "x = 1\n",
        "sub/__init__.py": "",
    },
}  # fmt: skip


@pytest.mark.parametrize("files", CONTAINERS.values(), ids=CONTAINERS)
def test_a_container(tmp_path: Path, snapshot: SnapshotAssertion, files: Files) -> None:
    files = {name.replace("sub/", "src/workflow/sub/"): text for name, text in files.items()}
    files = {f"./{name}" if name.startswith("compose") else name: text for name, text in files.items()}
    assert say(tmp_path, files, "DJP010", "DJP011", "DJP012") == snapshot


def test_a_script(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    scripts = [
        "workflow.none:main",
        "workflow.b:main",
        "workflow:main",
        " workflow.no : main",
        "other.x:y",
        "workflow2:x",
    ]
    listed = "\n".join(f'{name} = "{entry}"' for name, entry in zip("abcdef", scripts, strict=True))
    pyproject = f'[project]\nname = "p"\n\n[project.scripts]\n{listed}\n\n[tool.djproject]\npackage = "workflow"\n'
    assert say(tmp_path, {"b.py": ""}, "DJP010", pyproject=pyproject) == snapshot


@pytest.mark.parametrize("main", [True, False])
def test_a_package_within_another_has_its_modules(tmp_path: Path, main: bool) -> None:
    pyproject = '[project]\nname = "p"\nscripts = {s = "lab.flow.b:m"}\n\n[tool.djproject]\npackage = "lab.flow"\n'
    files: Files = {f"src/lab/flow/{name}.py": "" for name in ("__init__", "b", *["__main__"] * main)}
    files["Dockerfile"] = "CMD python -m lab.flow.b\nCMD python -m lab.flow\nCMD python -m lab.flow.c\n"
    write_project(tmp_path, files, pyproject=pyproject, git=False)
    gone = ["There is no module lab.flow.c."]
    found = [finding.message for finding in findings_in(tmp_path, ["DJP010"])]
    assert found == (gone if main else ["There is no module lab.flow.", *gone])


STORES = {
    "without protocol": "[tool.datajoint.stores.main]\nlocation = '/data'\n",
    "unknown protocol": "[tool.datajoint.stores.main]\nlocation = '/data'\nprotocol = 'ftp'\nx = 1\n",
    "capitals": "[tool.datajoint.stores.main]\nprotocol = 'S3'\nbucket = ''\nlocation = ''\nfolder = 'x'\n",
    "inline": "[tool.datajoint.stores]\nmain = {protocol = 'file', folder = 'x'}\n",
    "dotted": "[tool.datajoint]\nstores.default = 'x'\nstores.main.protocol = 'file'\nstores.main.folder = 1\n",
    "broken": "[tool.datajoint.stores]\ndefault = 'main'\n\n[tool.datajoint.stores.main]\nprotocol = 5\n",
    "badly named": "[tool.datajoint.stores.'1a']\nprotocol = 'file'\nlocation = '/a'\n",
    "prefixes": "[tool.datajoint.stores.main]\nprotocol = 'file'\nlocation = '/a'\nhash_prefix = 'a'\n"
    "schema_prefix = 'a/b'\nfilepath_prefix = 'a'\npartition_pattern = 'a/b'\n",
    "places": "".join(
        f"[tool.datajoint.stores.{name}]\nprotocol = '{protocol}'\nendpoint = '{endpoint}'\nbucket = 'b'\nlocation = '{place}'\n"
        for name, protocol, endpoint, place in [
            ("one", "s3", "https://e/", "/a"), ("two", "s3", "e", "a/b/"), ("three", "s3", "f", "/a"),
            ("four", "s3", "http://e", ""), ("five", "s3", "e", "ab"),
        ]
    ),
}  # fmt: skip


@pytest.mark.parametrize("stores", STORES.values(), ids=STORES)
def test_a_store(tmp_path: Path, snapshot: SnapshotAssertion, stores: str) -> None:
    files: Files = {"a.py": module("a", table("T", KEY))}
    assert say(tmp_path, files, "DJP013", "DJP3", pyproject=stores) == snapshot
