"""What check passes, DataJoint declares; what DataJoint refuses, check reported; and both see the same graph."""

import os
import shutil
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from djproject.pipeline.heading import Headings
from djproject.pipeline.model import Pipeline
from djproject.project.names import TIER_PREFIX, snake_case
from tests.checking import errors_in, module, pipeline_in, table, write_project
from tests.integration.conftest import MySQL, PostgreSQL

EXAMPLES = settings(
    max_examples=int(os.environ.get("DJPROJECT_EXAMPLES", "120")),
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
Attributes = tuple[tuple[str, str], ...]
Edge = tuple[str, str, frozenset[tuple[str, str]], bool]


@dataclass
class Server:
    """DataJoint connected to one real server."""

    backend: str
    connection: object
    schemas: list[str] = field(default_factory=list)
    namespace: dict[str, object] = field(default_factory=dict)

    def declare(self, text: str, name: str) -> str:
        """Run a schema module against the server; why it was refused, or an empty text."""
        import datajoint as dj

        schema = dj.Schema(name, connection=self.connection)
        self.schemas.append(name)
        namespace: dict[str, object] = {"schema": schema}
        text = text.replace(f'schema = dj.Schema("{name}")', "")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(compile(text, name, "exec"), namespace)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        self.namespace = namespace
        return ""

    def classes(self, text: str, name: str) -> dict[str, Any]:
        """The classes of a schema module that the server takes."""
        assert self.declare(text, name) == ""
        return self.namespace

    def edges(self, schema: str) -> set[Edge]:
        """The foreign keys that DataJoint loads from the server's catalogue."""
        dependencies = self.connection.dependencies  # type: ignore[attr-defined]
        dependencies.load(force=True, schema_names={schema})

        def plain(name: str) -> str:
            return name.replace('"', "").replace("`", "").rpartition(".")[2]

        return {
            (plain(child), plain(parent), frozenset(edge["attr_map"].items()), edge["primary"])
            for parent, child, edge in dependencies.edges(data=True)
        }

    def drop(self) -> None:
        for name in dict.fromkeys(reversed(self.schemas)):  # downstream first
            quote = '"' if self.backend == "postgresql" else "`"
            cascade = " CASCADE" if self.backend == "postgresql" else ""
            self.connection.query(f"DROP SCHEMA IF EXISTS {quote}{name}{quote}{cascade}")  # type: ignore[attr-defined]
        self.schemas.clear()


@pytest.fixture(scope="module", params=["postgresql", pytest.param("mysql", marks=pytest.mark.mysql)])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    import datajoint as dj

    place: PostgreSQL | MySQL = request.getfixturevalue(request.param)
    database = "postgres" if request.param == "postgresql" else None
    connection = dj.Connection(
        place.host, place.user, place.password, place.port, backend=request.param, database_name=database, use_tls=False
    )
    found = Server(request.param, connection)
    yield found
    found.drop()
    connection.close()


TYPES = st.sampled_from(
    [
        "int8",
        "int16",
        "int32",
        "int64",
        "float32",
        "float64",
        "bool",
        "uuid",
        "json",
        "bytes",
        "date",
        "datetime",
        "datetime(3)",
        "datetime(9)",
        "char(4)",
        "char(300)",
        "varchar(20)",
        "varchar(20000)",
        "varchar(900)",
        "enum('a','b')",
        "enum('a','a')",
        "decimal(5,2)",
        "decimal(70,2)",
        "decimal(2,5)",
        "<blob>",
        "<attach>",
        "<blob@main>",
        "<object@main>",
        "<object>",
        "<npy@main>",
        "<nothing>",
        "int",
        "smallint",
        "tinyint",
        "bigint",
        "double",
        "float",
        "real",
        "numeric(4,1)",
        "text",
        "longtext",
        "timestamp",
        "time",
        "year",
        "longblob",
        "blob",
        "serial",
        "boolean",
        "object@main",
        "INT32",
        "uint8",
        "varchar",
    ]
    + ["int unsigned", "varchar (8)", "enum('left', 'right')", "decimal(6, 3)"]
)
NAMES = st.sampled_from(["a", "b", "c", "subject_id", "trial", "x1", "Upper", "_hidden", "b"])
DEFAULTS = st.sampled_from(
    ["", "", "", "", "", "= null", "= 0", "= 1", "= 70000", "= 1.5", '= "a"', "= 'b'", '= ""', "= CURRENT_TIMESTAMP",
     '= "2026-01-31"', '= "nothing"', "= left", "= 'left'"]
)  # fmt: skip
COMMENTS = st.sampled_from(["", "", "", "# a comment", "# with 'quotes' and \"more\"", "#: colon", "# a # b"])
ATTRIBUTES = st.builds(lambda n, d, t, c: f"{n} {d} : {t} {c}".rstrip(), NAMES, DEFAULTS, TYPES, COMMENTS)
PLAIN = st.builds(
    lambda n, t: f"{n} : {t}",
    st.sampled_from(["a", "b", "c", "subject_id", "trial"]),
    st.sampled_from(["int32", "date"]),
)
REFERENCES = st.sampled_from(
    ["A", "B", "C", "A()", "Nothing", "A.proj()", "A.proj(other='a')", "A.proj(z='b')", "A.proj(q='nope')", "A & 'a=1'",
     "A.proj(one='a').proj(two='one')", "A.proj().proj(z='a')", "A.proj(z='a').proj()", "A.proj(z='a').proj(y='b')", "A.proj(b='a')", "A.proj('b')", "A * B", "[1]"]
)  # fmt: skip
OPTIONS = st.sampled_from(
    ["", "", "", "[nullable] ", "[unique] ", "[nullable, unique] ", "[wrong] ", "[nullable unique] "]
)
KEYS = st.builds(lambda options, ref: f"-> {options}{ref}", OPTIONS, REFERENCES)
OTHER = st.sampled_from(
    ["index(a)", "unique index(a, b)", "index(nope)", "# comment", "nonsense", "a b : int32", "x -> A"]
)
GOOD_KEYS = st.sampled_from(
    ["-> A", "-> B", "-> [nullable] A", "-> [unique] B", "-> A.proj(other='a')", "-> A.proj(z='b')", "-> B.proj(y='c')",
     "-> [nullable] A.proj(one='a', two='b')", "-> B.proj()"]
)  # fmt: skip
NOISE = st.one_of(PLAIN, ATTRIBUTES, KEYS, OTHER)


@st.composite
def definitions(draw: st.DrawFn) -> list[str]:
    names = draw(st.permutations(["a", "b", "c", "trial", "subject_id", "day"]))
    lines = [f"{name} : {draw(st.sampled_from(['int32', 'date', 'varchar(20)']))}" for name in names]
    keys = draw(st.lists(GOOD_KEYS, max_size=3))
    above = [*lines[: draw(st.integers(0, 2))], *(key for key in keys[:1] if "nullable" not in key)]
    below = [*lines[3 : draw(st.integers(3, 5))], *keys[1:]]
    above, below = draw(st.permutations(above)), draw(st.permutations(below))
    noise = draw(st.lists(NOISE, max_size=1)) if draw(st.integers(0, 3)) == 0 else []
    return [*above, "---", *below, *noise]


@st.composite
def pipelines(draw: st.DrawFn) -> list[list[str]]:
    return draw(st.lists(definitions(), min_size=1, max_size=3))


def one_module(definitions: list[list[str]], name: str) -> str:
    return module(name, *(table(letter, *lines) for letter, lines in zip("ABC", definitions, strict=False)))


def project_of(folder: Path, text: str, server: Server) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    target = "lab" if server.backend == "mysql" else "embedded"
    lab = '\n[tool.djproject.targets.lab]\nhost = "db"\nbackend = "mysql"\n' if target == "lab" else ""
    stores = '\n[tool.datajoint.stores.main]\nprotocol = "file"\nlocation = "/tmp"\n'
    start = f'[project]\nname = "p"\n\n[tool.djproject]\npackage = "workflow"\ntarget = "{target}"\n'
    return write_project(folder, {"mine.py": text}, pyproject=start + lab + stores, git=False)


@EXAMPLES
@given(parts=pipelines())
def test_check_and_datajoint_agree_on_generated_definitions(
    server: Server, tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]]
) -> None:
    name = f"check_{uuid.uuid4().hex[:10]}"
    text = one_module(parts, name)
    root = project_of(tmp_path_factory.getbasetemp() / "generated", text, server)
    errors = errors_in(root)
    refused = server.declare(text, name)
    if refused:
        assert errors, f"check passed what DataJoint refused on {server.backend}: {refused}\n{text}"
    elif not errors:
        assert static_edges(pipeline_in(root)) == server.edges(name), text
    server.drop()


@EXAMPLES
@given(line=st.one_of(ATTRIBUTES, ATTRIBUTES, KEYS, OTHER), where=st.booleans())
def test_check_and_datajoint_agree_on_single_lines(
    server: Server, tmp_path_factory: pytest.TempPathFactory, line: str, where: bool
) -> None:
    parent = ["a : int32", "---", "b : int32"]
    mine = [line, "---"] if where else ["id : int32", "---", line]
    name = f"check_{uuid.uuid4().hex[:10]}"
    text = module(name, table("A", *parent), table("T", *mine))
    root = project_of(tmp_path_factory.getbasetemp() / "lines", text, server)
    errors = errors_in(root)
    refused = server.declare(text, name)
    if refused:
        assert errors, f"check passed what DataJoint refused on {server.backend}: {refused}\n{text}"
    server.drop()


BOTH, PG, MY = frozenset({"postgresql", "mysql"}), frozenset({"postgresql"}), frozenset({"mysql"})
K, X = "k : int32", "x : varchar(20)"
REFUSED: list[tuple[str, frozenset[str], tuple[list[str], ...]]] = [
    ("", frozenset(), ([K, "# 5 %", "---", "x : int32  # 5 %% of", "index(x)  # 5 %", "-> A  # 5 %"],)),
    ("", frozenset(), (["# it's 5 %% of it", K],)),
    ("DJP235", BOTH, (["# 5 % of", K],)),
    ("DJP235", BOTH, (["k : int32  # 5 %"],)),
    ("DJP235", BOTH, ([K, "---", "x = '5 %' : varchar(20)"],)),
    ("DJP235", BOTH, ([K, "---", "x : enum('5 %', 'b')"],)),
    ("DJP235", MY, (["k : int32  # 5 %% of"], ["-> B", "y : int32"])),
    ("DJP235", MY, (["k : enum('5 %%','b')"], ["-> B", "y : int32"])),
    ("DJP236", MY, (['# a "b" c', K],)),
    ("DJP236", MY, (["# ends in \\\\", K],)),
    ("DJP236", MY, (["k : int32  # ends in \\\\"],)),
    ("DJP236", MY, (['k : int32  # a "b" c'], ["-> B", "y : int32"])),
    ("", frozenset(), (["k : int32  # it's", "---", 'x : int32  # a "b" c'], ["b : int32"])),
    ("DJP214", MY, ([K, "---", "x : enum('a', 'A')"],)),
    ("DJP214", MY, ([K, "---", "x : enum('e', 'é')"],)),
    ("DJP214", MY, ([K, "---", "x : enum('a', 'a ')"],)),
    ("DJP214", MY, ([K, "---", "x : enum('ss', 'ß')"],)),
    ("DJP214", BOTH, ([K, "---", "x : enum('a', 'a')"],)),
    ("DJP214", MY, ([K, "---", 'x : enum("a", "c")'],)),
    ("DJP214", MY, ([K, "---", "x : enum('a\"b', 'c')"],)),
    ("DJP212", BOTH, ([K, "---", "x : ENUM('a', 'c')"],)),
    ("", frozenset(), ([K, "---", "x : enum('Left', 'RIGHT', ' it''s', 'a)', 'a#b', 'a:b', '', 'µ', '😀')"],)),
    ("DJP232", PG, ([K, "---", X, "index(x desc)"],)),
    ("DJP232", PG, ([K, "---", X, "index((lower(x)))"],)),
    ("DJP232", PG, ([K, "---", X, "index(x(10))"],)),
    ("DJP232", PG, ([K, "---", X, "index(x)", "index(x)"],)),
    ("DJP232", MY, ([K, "---", X, "index(x, x)"],)),
    ("DJP231", MY, (["x : varchar(769)"],)),
    ("", frozenset(), (["x : varchar(764)", "u : uuid"],)),
    ("DJP231", MY, (["x : varchar(764)", "u : uuid", "i : int8"],)),
    ("DJP231", MY, (["x : varchar(500)"], ["-> B", "y : varchar(300)"])),
    ("DJP231", MY, ([K, "---", *(f"x{i} : varchar(255)" for i in range(4)), "index(x0, x1, x2, x3)"],)),
    ("", frozenset(), ([K, "---", *(f"x{i} : varchar(255)" for i in range(3)), "index(x0, x1, x2)"],)),
    ("DJP207", BOTH, ([K], ["-> mine.B"])),
]


@pytest.mark.parametrize(("code", "refusing", "tables"), REFUSED)
def test_what_a_server_refuses_is_found_for_that_server_alone(
    server: Server, tmp_path: Path, code: str, refusing: frozenset[str], tables: tuple[list[str], ...]
) -> None:
    name = f"check_{uuid.uuid4().hex[:10]}"
    text = module(
        name, table("A", "a : int32"), *(table(letter, *lines) for letter, lines in zip("BC", tables, strict=False))
    )
    found = {finding.code for finding in errors_in(project_of(tmp_path, text, server))}
    refused = server.declare(text, name)
    server.drop()
    assert bool(refused) is (server.backend in refusing), refused
    assert found == ({code} if refused else set())


@pytest.mark.parametrize(("code", "letters"), [("DJP227", 58), ("", 57)])
def test_a_foreign_keys_name_fits_mysql(server: Server, tmp_path: Path, code: str, letters: int) -> None:
    name = f"check_{uuid.uuid4().hex[:10]}"
    text = module(name, table("A", "a : int32"), table("B" + "b" * (letters - 1), "-> A", "k : int32"))
    found = {finding.code for finding in errors_in(project_of(tmp_path, text, server))}
    refused = server.declare(text, name)
    server.drop()
    assert bool(refused) is (bool(code) and server.backend == "mysql"), refused
    assert found == ({code} if refused else set())


@pytest.mark.parametrize("value", ["a,b", "a\\b"])
def test_an_enum_whose_values_a_server_changes_is_an_error_there(server: Server, tmp_path: Path, value: str) -> None:
    name = f"check_{uuid.uuid4().hex[:10]}"
    written = value.replace("\\", "\\\\")  # as Python source has it
    text = module(name, table("T", K, "---", f"x : enum('{written}', 'c')"))
    found = {finding.code for finding in errors_in(project_of(tmp_path, text, server))}
    classes = server.classes(text, name)
    try:
        classes["T"].insert1({"k": 1, "x": value})
        kept = classes["T"]().fetch1("x") == value
    except Exception:  # each server has an error of its own for it
        kept = False
    server.drop()
    assert found == (set() if kept else {"DJP214"})
    assert kept is (server.backend != {"a,b": "postgresql", "a\\b": "mysql"}[value])


def static_edges(pipeline: Pipeline) -> set[Edge]:
    """The foreign keys as `graph` has them, named as the database names tables."""

    def name(full: str) -> str:
        found = pipeline.table(full)
        assert found is not None
        parts = found.name.split(".")
        master = pipeline.table(f"{found.module}.{parts[0]}")
        assert master is not None
        return TIER_PREFIX[master.tier] + "__".join(snake_case(part) for part in parts)

    return {
        (name(link.child), name(link.parent), frozenset(link.attributes), link.primary)
        for link in Headings(pipeline).links()
    }


CODEC_VALUES = ["blob", "attach", "hash", "object", "npy", "filepath"]


@pytest.mark.parametrize("codec", CODEC_VALUES)
def test_a_codec_works_with_the_name_of_its_store_and_never_without(
    server: Server, codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # attachments are fetched into the working folder
    name = f"check_{uuid.uuid4().hex[:10]}"
    with_name, without = (
        table(letter, "k : int32", "---", f"x : <{codec}@{s}>") for letter, s in (("A", "main"), ("B", ""))
    )
    text = module(name, with_name, without)
    config = server.connection._config  # type: ignore[attr-defined]
    (tmp_path / "store").mkdir()
    config.stores = {
        "default": "main",
        "filepath_default": "main",
        "main": {"protocol": "file", "location": str(tmp_path / "store")},
    }
    classes = server.classes(text, name)
    value = codec_value(codec, tmp_path)
    classes["A"].insert1({"k": 1, "x": value})
    assert classes["A"]().fetch1("x") is not None
    with pytest.raises(Exception, match="Storage '' is requested"):
        classes["B"].insert1({"k": 1, "x": value})
    assert errors_in(project_of(tmp_path / "project", module(name, with_name), server)) == []
    assert [f.code for f in errors_in(project_of(tmp_path / "project", module(name, without), server))] == ["DJP217"]


def codec_value(codec: str, folder: Path) -> object:
    import numpy as np

    match codec:
        case "attach":
            (folder / "note.txt").write_text("attached")
            return str(folder / "note.txt")
        case "hash":
            return b"bytes"
        case "object":
            return b"bytes"
        case "filepath":
            (folder / "store/data.bin").write_bytes(b"raw")
            return "data.bin"
    return np.arange(3)


SAMPLES = Path(__file__).parents[1] / "pipelines"
RUNNER = """
import json, sys
import datajoint as dj
connection = dj.conn()
from djproject.pipeline.source import load_package
from djproject.pipeline.graph import sorted_modules
from pathlib import Path
import importlib
package, folder = {package!r}, Path({folder!r})
pipeline = load_package(folder, package)
if package == "element_demo":
    import types
    link = types.ModuleType("link")
    host = dj.Schema("samples_host")
    @host
    class Session(dj.Manual):
        definition = "session : int32"
    link.Session = Session
    importlib.import_module("element_demo.scan").activate("samples_scan", linking_module=link)
loaded = [importlib.import_module(f"{{package}}.{{name}}").schema for name in sorted_modules(pipeline)]
names = [schema.database for schema in loaded]
connection.dependencies.load(force=True, schema_names=set(names))
def plain(name):
    return name.replace('"', "").replace("`", "")
edges = [[plain(c), plain(p), sorted(e["attr_map"].items()), e["primary"]] for p, c, e in connection.dependencies.edges(data=True)]
print("EDGES" + json.dumps([edges, names]))
"""


@pytest.mark.parametrize("sample", ["nested", "aliases", "elements"])
def test_samples_are_clean_declared_and_the_same_graph(server: Server, sample: str, tmp_path: Path) -> None:
    import json
    import os
    import subprocess
    import sys

    from tests.checking import findings_in

    root = tmp_path / sample
    shutil.copytree(SAMPLES / sample, root)
    (package,) = (path.name for path in (root / "src").iterdir())
    assert [f for f in findings_in(root, ("DJP1", "DJP2", "DJP3")) if f.severity != "info"] == []
    place = server.connection.conn_info  # type: ignore[attr-defined]
    code = RUNNER.format(package=package, folder=str(root / "src" / package))
    environ = {
        **os.environ,
        "PYTHONPATH": f"{root / 'src'}{os.pathsep}{SAMPLES.parents[1]}",
        "DJ_IGNORE_CONFIG_FILE": "true",
    }
    environ |= {"DJ_BACKEND": server.backend, "DJ_USE_TLS": "false", "DJ_LOG_LEVEL": "ERROR", "DJ_HOST": place["host"]}
    environ |= {"DJ_USER": place["user"], "DJ_PASS": place["passwd"], "DJ_PORT": str(place["port"])}
    if server.backend == "postgresql":
        environ["DJ_DATABASE_NAME"] = "postgres"
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environ, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    edges, names = json.loads(answer.stdout.partition("EDGES")[2])
    server.schemas += ["samples_host", *names]
    from_database = {
        (child, parent, frozenset(map(tuple, attributes)), primary) for child, parent, attributes, primary in edges
    }
    inside = {edge for edge in from_database if edge[1].split(".")[0] in names}
    known = static_sample_edges(root, package)
    if sample == "elements":  # its keys begin in a table of the linking module, which nobody knows before
        assert {edge[:2] for edge in inside} >= {edge[:2] for edge in known}
    else:
        assert known == inside
    package_folder = root / "src" / package
    if sample != "elements":  # which is not complete without its linking module
        assert drift_of_sample(server, package_folder, names) == ((), True)
    assert drift_of_sample(server, package_folder, names)[0] == ()
    server.drop()


def drift_of_sample(server: Server, folder: Path, schemas: list[str]) -> tuple[tuple[object, ...], bool]:
    """In what the tables of a sample differ from its source, and whether all of the source is known."""
    from djproject.database.agreement import compare_at, source_places
    from djproject.database.source_tables import source_tables
    from djproject.pipeline.graph import sorted_modules
    from djproject.pipeline.source import load_package

    pipeline = load_package(folder, folder.name)
    schema_of = dict(zip(sorted_modules(pipeline), schemas, strict=True))
    modules = tuple(
        module._replace(
            schema=schema_of[module.name],
            tables=tuple(table._replace(schema=schema_of[module.name]) for table in module.tables),
        )
        for module in pipeline.modules
    )
    pipeline = Pipeline(pipeline.package, modules, pipeline.sources, pipeline.strays)
    places = source_places(pipeline, str)
    read = source_tables(pipeline, places, server.backend)
    assert set(places) == set(read)
    return compare_at(server.connection, pipeline, places), all(table.complete for table in read.values())


def static_sample_edges(root: Path, package: str) -> set[Edge]:
    from djproject.pipeline.source import load_package

    pipeline = load_package(root / "src" / package, package)
    schema_of = {m.name: m.schema or "samples_scan" for m in pipeline.modules}

    def name(full: str) -> str:
        found = pipeline.table(full)
        assert found is not None
        parts = found.name.split(".")
        master = pipeline.table(f"{found.module}.{parts[0]}")
        assert master is not None
        return f"{schema_of[found.module]}." + TIER_PREFIX[master.tier] + "__".join(snake_case(part) for part in parts)

    links = list(Headings(pipeline).links())
    return {(name(link.child), name(link.parent), frozenset(link.attributes), link.primary) for link in links}
