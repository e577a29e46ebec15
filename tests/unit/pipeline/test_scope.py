"""What names mean in the modules of a package."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from djproject.pipeline.module import Import, Place, PythonModule
from djproject.pipeline.reading import read_python
from djproject.pipeline.scope import ELSEWHERE, NOTHING, Kind, Meaning, Scopes


def modules_of(files: Mapping[str, str]) -> dict[str, PythonModule]:
    """The modules of the package `workflow`; a module that others are below is the `__init__.py` of a folder."""
    modules = {}
    for name, text in files.items():
        folder = not name or any(other.startswith(f"{name}.") for other in files)
        path = Path(*name.split("."), "__init__.py") if folder else Path(f"{name.replace('.', '/')}.py")
        modules[name] = read_python(text.encode(), name=name, package="workflow", path=path)
    return modules


LAB = """\
import datajoint as dj
schema = dj.Schema("lab")
class Lab(dj.Manual):
    class Room(dj.Part):
        class Desk:
            pass
    size = 1
    def method(self): pass
class Child(Lab): pass
class Grandchild(Child, dj.Manual): pass
class FromElsewhere(dj.Manual, other.Base): pass
class Itself(Itself): pass
class Made(made("x")): pass
class FromFunction(make): pass
class Lost(nothing, dj.Manual): pass
def make(name): return dj.Schema(name)
def plain(): pass
value = 1
Same = Lab
Far = Lab.Room
first = second
second = first
me = me.x
made = make("made")
def late():
    from . import subject
"""
FILES = {
    "": "from .lab import Lab\nfrom . import ephys\nfrom .missing import Gone\n",
    "lab": LAB,
    "subject": "from . import lab\nfrom .lab import Lab as L, schema, make, Missing, Same, value\nfrom workflow import Lab as P, ephys, none\n",
    "absolute": "import workflow.lab\nimport workflow.ephys.probe as probe\nimport workflow.missing\nimport json, os.path as path, xml.dom\n",
    "package": "import workflow\nimport workflow as w\nfrom . import Lab\nfrom .package import Own\n",
    "ephys": "from .probe import *\nfrom . import unit\n",
    "ephys.probe": "import datajoint as dj\nclass Probe(dj.Lookup): pass\n",
    "ephys.unit": "from .. import lab, ephys\nfrom ..ephys.probe import Probe\nfrom ...far import Away\nfrom ....further import *\n",
    "star": "from datajoint import *\nfrom .lab import *\nfrom .ephys import *\n",
    "stars": "from .star import *\nfrom .stars import *\nx = 1\n",
    "outer": "from numpy import *\nfrom .lab import *\n",
    "gone": "from .missing import *\n",
    "dj": "import datajoint\nimport datajoint as dj\nfrom datajoint import Manual as M, user_tables, schemas\nfrom datajoint.user_tables import Part\n"
    "from datajoint.schemas import Schema\nimport datajointed\nfrom datajoint import *\nfrom datajointed import Manual as N\nimport datajoint.errors\n",
    "spawned": "schema.spawn_missing_classes()\n",
    "spawner": "from . import spawned\nfrom .spawned import *\n",
    "bad": "class (\n",
    "wants": "from . import bad\nfrom .bad import Any\n",
    "over": "from .lab import Lab, schema, make, value\nimport a\nclass Lab: pass\nschema = dj.Schema('x')\nmake = value\nvalue = a = 2\ndef a(x): return b(x)\n",
    "redefined": "class A: pass\nclass B(A): pass\nclass A(B): x = 1\nclass C(B): pass\n",
    "moved": "from . import lab, ephys, subject\nlab = lab\nephys = ephys.unit\na = b.x\nb = a.y\n",
    "typed": "if TYPE_CHECKING:\n    from .lab import Lab\n",
}  # fmt: skip
MODULES = modules_of(FILES)
SCOPES = Scopes(MODULES)


def of_lab(name: str) -> Meaning:
    return Meaning(Kind.CLASS, "lab", name)


def elsewhere(name: str) -> Meaning:
    return Meaning(Kind.ELSEWHERE, "", name)


def of_datajoint(name: str) -> Meaning:
    return Meaning(Kind.DATAJOINT, "", name)


@pytest.mark.parametrize(
    ("module", "text", "meaning"),
    [
        ("lab", "Lab", of_lab("Lab")),
        ("lab", "Lab.Room", of_lab("Lab.Room")),
        ("lab", "Lab.Room.Desk", of_lab("Lab.Room.Desk")),
        ("lab", "Lab.Room.Chair", NOTHING),
        ("lab", "Lab.size", ELSEWHERE),
        ("lab", "Lab.method", NOTHING),
        ("lab", "Child.Room", ELSEWHERE),
        ("lab", "Grandchild.Room", ELSEWHERE),
        ("lab", "Child.size", ELSEWHERE),
        ("lab", "Child.Chair", NOTHING),
        ("lab", "FromElsewhere.Chair", NOTHING),
        ("lab", "Itself.Chair", NOTHING),
        ("lab", "Lost.Chair", NOTHING),
        ("lab", "FromFunction.Chair", ELSEWHERE),
        ("lab", "schema", Meaning(Kind.SCHEMA, "lab", "schema")),
        ("lab", "schema.x", ELSEWHERE),
        ("lab", "make", Meaning(Kind.FUNCTION, "lab", "make")),
        ("lab", "make.x", ELSEWHERE),
        ("lab", "made", Meaning(Kind.SCHEMA, "lab", "made")),
        ("lab", "plain", ELSEWHERE),
        ("lab", "value", ELSEWHERE),
        ("lab", "value.x", ELSEWHERE),
        ("lab", "Same", of_lab("Lab")),
        ("lab", "Same.Room", of_lab("Lab.Room")),
        ("lab", "Far", of_lab("Lab.Room")),
        ("lab", "Far.Desk", of_lab("Lab.Room.Desk")),
        ("lab", "first", NOTHING),
        ("lab", "me", ELSEWHERE),
        ("lab", "subject", NOTHING),
        ("lab", "unbound", NOTHING),
        ("subject", "lab", Meaning(Kind.MODULE, "lab")),
        ("subject", "lab.Lab", of_lab("Lab")),
        ("subject", "lab.Lab.Room", of_lab("Lab.Room")),
        ("subject", "lab.Same.Room", of_lab("Lab.Room")),
        ("subject", "lab.unbound", NOTHING),
        ("subject", "lab.dj.Manual", of_datajoint("Manual")),
        ("subject", "L.Room", of_lab("Lab.Room")),
        ("subject", "Lab", NOTHING),
        ("subject", "schema", Meaning(Kind.SCHEMA, "lab", "schema")),
        ("subject", "make", Meaning(Kind.FUNCTION, "lab", "make")),
        ("subject", "Missing", NOTHING),
        ("subject", "Missing.x", NOTHING),
        ("subject", "Same.Room", of_lab("Lab.Room")),
        ("subject", "value", ELSEWHERE),
        ("subject", "P", of_lab("Lab")),
        ("subject", "P.Room", of_lab("Lab.Room")),
        ("subject", "ephys", Meaning(Kind.MODULE, "ephys")),
        ("subject", "ephys.unit", Meaning(Kind.MODULE, "ephys.unit")),
        ("subject", "ephys.probe", Meaning(Kind.MODULE, "ephys.probe")),
        ("subject", "ephys.probe.Probe", Meaning(Kind.CLASS, "ephys.probe", "Probe")),
        ("subject", "ephys.Probe", Meaning(Kind.CLASS, "ephys.probe", "Probe")),
        ("subject", "ephys.unit.Probe", Meaning(Kind.CLASS, "ephys.probe", "Probe")),
        ("subject", "none", NOTHING),
        ("", "Lab", of_lab("Lab")),
        ("", "ephys.probe.Probe", Meaning(Kind.CLASS, "ephys.probe", "Probe")),
        ("", "Gone", NOTHING),
        ("absolute", "workflow.lab.Lab.Room", of_lab("Lab.Room")),
        ("absolute", "workflow.lab", NOTHING),
        ("absolute", "workflow.missing.X", NOTHING),
        ("absolute", "workflow.subject.L", NOTHING),
        ("absolute", "probe.Probe", Meaning(Kind.CLASS, "ephys.probe", "Probe")),
        ("absolute", "json", elsewhere("json")),
        ("absolute", "json.loads", elsewhere("json.loads")),
        ("absolute", "path.join", elsewhere("os.path.join")),
        ("absolute", "xml.dom.minidom.x", elsewhere("xml.dom.minidom.x")),
        ("package", "workflow.lab.Lab", of_lab("Lab")),
        ("package", "w.lab.Lab", of_lab("Lab")),
        ("package", "w.Lab", of_lab("Lab")),
        ("package", "w", Meaning(Kind.MODULE, "")),
        ("package", "w.unbound", NOTHING),
        ("package", "Lab.Room", of_lab("Lab.Room")),
        ("package", "Own", NOTHING),
        ("ephys.unit", "lab.Lab", of_lab("Lab")),
        ("ephys.unit", "ephys.Probe", Meaning(Kind.CLASS, "ephys.probe", "Probe")),
        ("ephys.unit", "Away.x", elsewhere("far.Away.x")),
        ("ephys.unit", "unbound", ELSEWHERE),
        ("star", "Manual", of_datajoint("Manual")),
        ("star", "Lab", of_lab("Lab")),
        ("star", "Probe", Meaning(Kind.CLASS, "ephys.probe", "Probe")),
        ("star", "Lab.Room", of_lab("Lab.Room")),
        ("star", "unbound", NOTHING),
        ("stars", "Lab", of_lab("Lab")),
        ("stars", "Computed", of_datajoint("Computed")),
        ("stars", "unbound", NOTHING),
        ("outer", "Lab", ELSEWHERE),
        ("gone", "Lab", ELSEWHERE),
        ("dj", "datajoint.Manual", of_datajoint("Manual")),
        ("dj", "dj", of_datajoint("")),
        ("dj", "dj.Manual", of_datajoint("Manual")),
        ("dj", "dj.user_tables.Manual", of_datajoint("Manual")),
        ("dj", "dj.schemas.Schema", of_datajoint("Schema")),
        ("dj", "dj.schemas.user_tables", of_datajoint("user_tables")),
        ("dj", "M", of_datajoint("Manual")),
        ("dj", "M.fetch", of_datajoint("Manual.fetch")),
        ("dj", "user_tables.Manual", of_datajoint("Manual")),
        ("dj", "Part", of_datajoint("Part")),
        ("dj", "Schema", of_datajoint("Schema")),
        ("dj", "datajointed.Manual", elsewhere("datajointed.Manual")),
        ("dj", "N", elsewhere("datajointed.Manual")),
        ("dj", "datajoint.errors.DataJointError", of_datajoint("errors.DataJointError")),
        ("dj", "Lookup", of_datajoint("Lookup")),
        ("dj", "Unheard", NOTHING),
        ("spawned", "Session", ELSEWHERE),
        ("spawned", "session", NOTHING),
        ("spawner", "spawned.Session", ELSEWHERE),
        ("spawner", "Session", ELSEWHERE),
        ("spawner", "session", NOTHING),
        ("wants", "bad.Table", ELSEWHERE),
        ("wants", "bad", Meaning(Kind.MODULE, "bad")),
        ("wants", "Any", ELSEWHERE),
        ("over", "Lab", Meaning(Kind.CLASS, "over", "Lab")),
        ("over", "Lab.Room", NOTHING),
        ("over", "schema", Meaning(Kind.SCHEMA, "over", "schema")),
        ("over", "make", ELSEWHERE),
        ("over", "value", ELSEWHERE),
        ("over", "a", elsewhere("a")),
        ("typed", "Lab", of_lab("Lab")),
        ("redefined", "A.x", ELSEWHERE),
        ("redefined", "B.x", ELSEWHERE),
        ("redefined", "B.y", NOTHING),
        ("moved", "lab.Lab", of_lab("Lab")),
        ("moved", "ephys.Probe", ELSEWHERE),
        ("moved", "a", ELSEWHERE),
        ("moved", "b.z", ELSEWHERE),
    ],
)
def test_a_name_means(module: str, text: str, meaning: Meaning) -> None:
    scopes = Scopes(MODULES)
    assert scopes.meaning(module, text) == meaning
    assert scopes.meaning(module, text) == meaning, "once more, as it was found"


@pytest.mark.parametrize(
    ("module", "text", "owner"),
    [
        ("lab", "Lab", ("lab", "Lab")),
        ("lab", "Lab.Room.x", ("lab", "Lab.Room.x")),
        ("lab", "Same", ("lab", "Lab")),
        ("lab", "Same.Room", ("lab", "Lab.Room")),
        ("lab", "Far.x", ("lab", "Lab.Room.x")),
        ("lab", "value", ("lab", "value")),
        ("lab", "unbound", ("", "")),
        ("lab", "first", ("", "")),
        ("subject", "lab.value", ("lab", "value")),
        ("subject", "lab.Same.Room", ("lab", "Lab.Room")),
        ("subject", "L", ("lab", "Lab")),
        ("subject", "L.Room", ("lab", "Lab.Room")),
        ("subject", "value", ("lab", "value")),
        ("subject", "Missing", ("", "")),
        ("subject", "none", ("", "")),
        ("subject", "ephys.unit.lab.value", ("lab", "value")),
        ("absolute", "workflow.lab.value", ("lab", "value")),
        ("absolute", "workflow.lab.Lab.x", ("lab", "Lab.x")),
        ("absolute", "workflow.lab", ("", "")),
        ("absolute", "workflow.missing.X", ("", "")),
        ("absolute", "probe.Probe", ("ephys.probe", "Probe")),
        ("absolute", "json.loads", ("", "")),
        ("absolute", "xml.dom.x", ("", "")),
        ("ephys.unit", "Probe", ("ephys.probe", "Probe")),
        ("package", "w.Lab", ("lab", "Lab")),
        ("package", "workflow.lab.value", ("", "")),
        ("package", "Lab.x", ("lab", "Lab.x")),
        ("moved", "a.x", ("", "")),
    ],
)
def test_what_a_name_refers_to_is_bound_in(module: str, text: str, owner: tuple[str, str]) -> None:
    assert SCOPES.owner(module, text) == owner


@pytest.mark.parametrize(("steps", "found"), [(9, True), (10, False)])
def test_a_name_is_followed_nine_times(steps: int, found: bool) -> None:
    names = "".join(f"n{step} = n{step + 1}\n" for step in range(steps))
    scopes = Scopes(modules_of({"a": f"{names}n{steps} = 1\n"}))
    assert scopes.owner("a", "n0.x") == (("a", f"n{steps}.x") if found else ("", ""))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Lab", "Lab"),
        ("Lab.Room", "Room"),
        ("Lab.Room.Desk", "Desk"),
        ("Lab.Chair", ""),
        ("Lab.Chair.Leg", ""),
        ("X.Y", ""),
    ],
)
def test_a_class_is_found_by_its_dotted_name(name: str, found: str) -> None:
    facts = SCOPES.class_facts("lab", name)
    assert (facts.name if facts else "") == found


@pytest.mark.parametrize(
    ("base", "name", "inside", "module"),
    [
        ("lab", "", True, "lab"),
        ("lab", "Lab", True, "lab"),
        ("", "lab", True, "lab"),
        ("ephys", "probe", True, "ephys.probe"),
        ("ephys", "Probe", True, "ephys"),
        ("", "Lab", True, None),
        ("", "", True, None),
        ("missing", "X", True, None),
        ("missing", "", True, None),
        ("lab", "", False, None),
        ("lab", "Lab", False, None),
    ],
)
def test_the_module_that_an_import_makes_available(base: str, name: str, inside: bool, module: str | None) -> None:
    item = Import(name or base, base, name, inside, "import", Place(1, 1), Place(1, 9))
    assert SCOPES.imported_module(item) == module


def test_all_names_of_datajoint_come_with_a_star() -> None:
    names = (
        "Schema schema Manual Lookup Imported Computed Part Entry Ingest Compute Codec VirtualModule U Not AndList Top"
    )
    scopes = Scopes(modules_of({"a": "from datajoint import *\nfrom .b import *\n", "b": "Manual = 1\nOwn = 2\n"}))
    for name in f"{names} config conn Diagram Table FreeTable logger".split():
        assert scopes.meaning("a", name) == Meaning(Kind.DATAJOINT, "", name)
    assert scopes.meaning("a", "Own") == ELSEWHERE
