"""Every reader of a file that a stranger may have written: damaged, cut, mixed, or nonsense, it ends in a sentence.

DJPROJECT_FUZZ=100000 tries so many cases of each reader; by default a few hundred.
"""

import contextlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from djproject.checks.cache import _read
from djproject.checks.run import load_baseline
from djproject.errors import DJProjectError
from djproject.pipeline.definition import read_definition
from djproject.project.location import read_document, read_leniently, read_project
from djproject.project.opening import read_text
from djproject.stack.archive import DUMP, ArchiveWriter, read_manifest
from djproject.stack.compose import plan_in
from djproject.targets.claim import Claims
from djproject.targets.stack import read_variables
from djproject.worker.events import Failed, Idle, line_of, read_event
from tests.checking import findings_in, write_project
from tests.styles import STYLES


def snapshot() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        writer = ArchiveWriter(archive)
        writer.add(DUMP, io.BytesIO(b"dump"), 4)
        writer.finish("lab", "mysql", "2026", "1")
    return file.getvalue()


pytestmark = pytest.mark.slow
CASES = int(os.environ.get("DJPROJECT_FUZZ", "300"))
ODD = [b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"[" * 3000, b"{" * 3000, b"(" * 300, b'"""', b"'", b"\\", b"\r", b"\x1b[2J",
       b"9" * 5000, b"1e999", b"-", b"=", b".", b"\n", b"#", b"null", b"NaN", b"\xe2\x80\xae", b"@", b"->", b"<", b">",
       b"*", b"${", b"%s", b"lambda:", b"class A(A):", b"import a.b as a", b"match x:\n case", b"f'{'"]  # fmt: skip
PYPROJECT = b"""[project]
name = "workflow"
dependencies = ["datajoint>=2.3"]
[tool.datajoint.database]
host = "localhost"
port = 5432
[tool.datajoint.stores]
default = "main"
[tool.datajoint.stores.main]
protocol = "file"
location = "/data"
[tool.djproject]
package = "workflow"
source = "src"
convention = "advise"
[tool.djproject.check]
ignore = ["DJP101"]
[tool.djproject.targets.lab]
host = "db"
backend = "mysql"
[tool.djproject.workers.gpu]
tables = ["a.B"]
workers = 3
"""
DEFINITION = b"""# a comment
-> Subject.proj(other='subject_id')
-> [nullable, unique] lab.Setup
n = 0 : int32 # number
---
kind = "a" : enum('a', 'b') # which
data : <blob@main>
when = CURRENT_TIMESTAMP : datetime(3)
unique index (n, kind)
"""
BASELINE = b'{"version": 1, "findings": [{"code": "DJP101", "path": "a.py", "message": "x", "count": 2}]}'
CLAIM = b'{"machine": "a", "host": "b", "beat": 1, "renewed": "", "released": false}'
CACHE = b'{"digest": "abc", "results": [[["DJP101", "error", "x", ["a.py", 1, 2], "", [], [], "broken"]], [], 1]}'
SNAPSHOT = snapshot()
PLAN = b"""{"name": "lab", "services": {"worker": {"image": "x", "ports": [{"published": "1", "target": 2}],
 "environment": {"A": null}, "volumes": [{"target": "/x"}]}, "database": {"build": {}}}, "volumes": {"a": {"name": "b"}}}"""
VARIABLES = b"DATABASE_PASSWORD='a b'\nexport X=\"${Y}\" # c\nSTORE_FOLDER=.djproject\n"


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with a few places cut out, repeated, or with something odd put in; sometimes only bytes."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        put_in = draw(st.one_of(st.sampled_from(ODD), st.binary(max_size=12), st.just(data[end : end + 60])))
        data = data[:start] + put_in + data[end:]
    return draw(st.one_of(st.just(data), st.just(data[: draw(st.integers(0, len(data)))]), st.binary(max_size=40)))


# What 100,000 cases of each reader found once.
FOUND: dict[str, list[bytes]] = {
    "pyproject.toml": [PYPROJECT.replace(b"5432", b"9" * 5000)],
    "compose config": [PLAN.replace(b'"target": 2', b'"target": 1e9999')],
    ".env": [b"\x80" + VARIABLES],
}
Read = Callable[[bytes, Path], object]


def pyproject(data: bytes, folder: Path) -> None:
    path = folder / "pyproject.toml"
    path.write_bytes(data)
    document = read_document(read_text(path), path)
    read_leniently(folder, document)
    read_project(folder, document)


def source(data: bytes, folder: Path) -> None:
    """All rules, on a module that others import."""
    (folder / "src/workflow/subject.py").write_bytes(data)
    findings_in(folder)


def of_path(read: Callable[[Path], object]) -> Read:
    def reading(data: bytes, folder: Path) -> None:
        (folder / "server.1").write_bytes(data)
        read(folder / "server.1")

    return reading


def text_of(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def event(data: bytes, folder: Path) -> None:
    with contextlib.suppress(ValueError):  # which the supervisor passes over
        read_event(data)


SOURCES = [text.encode() for style in STYLES.values() for name, text in style.items() if name.endswith("subject.py")]
READERS: dict[str, tuple[Read, list[bytes]]] = {
    "pyproject.toml": (pyproject, [PYPROJECT]),
    "source": (source, SOURCES),
    "definition": (lambda data, _: read_definition(text_of(data)), [DEFINITION]),
    "cache": (of_path(lambda path: _read(path, "abc")), [CACHE]),
    "baseline": (of_path(load_baseline), [BASELINE]),
    "claim": (of_path(lambda path: Claims(path.parent, "m", "h").latest()), [CLAIM]),
    "snapshot": (of_path(read_manifest), [SNAPSHOT]),
    "compose config": (lambda data, _: plan_in(text_of(data)), [PLAN]),
    ".env": (of_path(read_variables), [VARIABLES]),
    "events": (event, [line_of(Failed(1, "a.B", "k=1", "x")), line_of(Idle(1, 2.0, {"a.B": (1, 2.0)}))]),
}


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_ends_in_a_sentence(tmp_path: Path, name: str) -> None:
    read, seeds = READERS[name]
    write_project(tmp_path, STYLES["plain"], git=False)

    for data in FOUND.get(name, ()):
        with pytest.raises(DJProjectError):
            read(data, tmp_path)

    @settings(max_examples=CASES, database=None, suppress_health_check=list(HealthCheck))
    @given(damaged(seeds))
    def check(data: bytes) -> None:
        try:
            read(data, tmp_path)
        except DJProjectError as error:
            assert error.message
            assert "\n" not in error.message

    check()
