"""For every rule, a project it has something to say about, and the same project mended."""

from dataclasses import dataclass

from tests.checking import PYPROJECT, module, table

SUBJECT = module("subject", table("Subject", "subject_id : int32", "---", "name : varchar(20)"))
STORE = '\n[tool.datajoint.stores.main]\nprotocol = "file"\nlocation = "/data"\n'
MYSQL = '\n[tool.djproject.targets.lab]\nhost = "db"\nbackend = "mysql"\n'
CODEC = "import datajoint as dj\n\nclass Graph(dj.Codec):\n    name = 'graph'\n"
MAKE = "    def make(self, key):\n        self.insert1({**key})\n"
HEAD = '"""\nSubject schema: who.\n\nDependencies:\n    - {}\n\nProvides:\n    - {}\n"""\n'


@dataclass(frozen=True)
class Case:
    """A rule, what is wrong and how it is mended: files, additions to pyproject.toml, and paths not to be there."""

    code: str
    bad: dict[str, str | bytes]
    good: dict[str, str | bytes]
    bad_pyproject: str = ""
    good_pyproject: str = ""
    absent: tuple[str, ...] = ()
    git: bool = True


def lines(code: str, bad: list[str], good: list[str], *, tier: str = "Manual", stores: str = "") -> Case:
    """A case about the lines of one definition, in a module with a parent Subject above."""
    body = MAKE if tier == "Computed" else ""

    def file(content: list[str]) -> dict[str, str | bytes]:
        parent = table("Subject", "subject_id : int32", "---", "name : varchar(20)")
        return {"mine.py": module("mine", parent, table("T", *content, tier=tier, body=body))}

    return Case(code, file(bad), file(good), stores, stores)


def lines_of_class(code: str, bad: str, good: str) -> Case:
    """A case about what a computed table has beside its definition."""
    parent = table("Subject", "subject_id : int32")
    bad, good = (module("mine", parent, table("T", "-> Subject", tier="Computed", body=body)) for body in (bad, good))
    return Case(code, {"mine.py": bad}, {"mine.py": good})


def modules(code: str, bad: dict[str, str], good: dict[str, str], **more: str) -> Case:
    return Case(code, {**bad}, {**good}, **more)  # type: ignore[arg-type]


KEY = ["k : int32", "---"]
CASES = [
    Case("DJP001", {}, {}, absent=("LICENSE",)),
    Case("DJP002", {}, {}, git=False),
    Case("DJP003", {}, {}, absent=("src/workflow/__init__.py",)),
    Case("DJP004", {".env": "X=1"}, {".env": "X=1", ".gitignore": ".env\n"}),
    Case(
        "DJP005",
        {},
        {},
        STORE.replace("file", "s3") + 'endpoint = "e"\nbucket = "b"\nsecret_key = "abc"\n',
        STORE,
    ),
    modules(
        "DJP006",
        {
            "tools.py": 'import datajoint as dj\n\ndef go():\n    dj.conn(\n        host="h",\n        password="simple",\n    )\n'
        },
        {"tools.py": "import datajoint as dj\n\ndef go(secret):\n    dj.conn(host='h', password=secret)\n"},
    ),
    Case(
        "DJP007",
        {
            "notebooks/a.ipynb": '{"cells": [{"source": [], "outputs": [{"text": "\'database.password\': \'simple\'"}]}]}'
        },
        {"notebooks/a.ipynb": '{"cells": [{"source": ["x = 1"], "outputs": [{"text": "password: None"}]}]}'},
    ),
    Case(
        "DJP008",
        {"docker/docker-compose.yaml": "services:\n  db:\n    environment:\n      MYSQL_ROOT_PASSWORD: simple\n"},
        {"docker/docker-compose.yaml": "services:\n  db:\n    environment:\n      MYSQL_ROOT_PASSWORD: ${PW:?}\n"},
    ),
    Case("DJP009", {}, {}, PYPROJECT.replace(">=2.3.5", ">=0.14"), PYPROJECT),
    Case(
        "DJP010",
        {"docker/Dockerfile": 'FROM python:3.11-slim\nCMD ["python", "-m", "workflow.worker"]\n'},
        {"docker/Dockerfile": 'FROM python:3.11-slim\nCMD ["python", "-m", "workflow.worker"]\n', "worker.py": ""},
    ),
    Case(
        "DJP011",
        {"docker/docker-compose.yaml": "services:\n  minio:\n    image: minio/minio\n"},
        {"docker/docker-compose.yaml": "services:\n  s3:\n    image: chrislusf/seaweedfs:4.48\n"},
    ),
    Case(
        "DJP012", {"docker/Dockerfile": "FROM python\n"}, {"docker/Dockerfile": "FROM python:3.11-slim AS x\nFROM x\n"}
    ),
    Case("DJP013", {}, {}, '[tool.datajoint.database]\nhots = "x"\n', '[tool.datajoint.database]\nhost = "x"\n'),
    modules("DJP090", {"subject.py": "x = 1  # djp: ignore[DJP201]\n"}, {"subject.py": "x = 1\n"}),
    modules("DJP100", {"subject.py": "class (\n"}, {"subject.py": "x = 1\n"}),
    modules("DJP101", {"subject.py": SUBJECT + 'other = dj.Schema("o")\n'}, {"subject.py": SUBJECT}),
    modules(
        "DJP102", {"subject.py": SUBJECT.replace("schema =", "db =").replace("@schema", "@db")}, {"subject.py": SUBJECT}
    ),
    modules("DJP103", {"Subject.py": SUBJECT}, {"subject.py": SUBJECT}),
    modules("DJP104", {"animal.py": SUBJECT}, {"animal.py": SUBJECT.replace('"subject"', '"lab_animal"')}),
    modules("DJP105", {"subject.py": SUBJECT, "b.py": SUBJECT}, {"subject.py": SUBJECT, "b.py": module("b")}),
    modules("DJP106", {"a.py": module("a" * 64)}, {"a.py": module("a" * 63)}),
    modules(
        "DJP107",
        {"subject.py": SUBJECT, "b.py": module("b") + "def f():\n    from . import subject\n    return subject\n"},
        {"subject.py": SUBJECT, "b.py": module("b", imports="from . import subject") + "x = subject\n"},
    ),
    modules(
        "DJP108",
        {"subject.py": SUBJECT, "b.py": module("b", imports="from .subject import *")},
        {"subject.py": SUBJECT, "b.py": module("b", imports="from . import subject")},
    ),
    modules("DJP109", {"subject.py": SUBJECT}, {"subject.py": HEAD.format("none", "Subject: who") + SUBJECT}),
    modules(
        "DJP110",
        {"subject.py": SUBJECT, "b.py": HEAD.format("none", "none") + module("b", imports="from . import subject")},
        {
            "subject.py": SUBJECT,
            "b.py": HEAD.format("subject: x", "none") + module("b", imports="from . import subject"),
        },
    ),
    modules(
        "DJP111",
        {"subject.py": HEAD.format("none", "Animal: who") + SUBJECT},
        {"subject.py": HEAD.format("none", "Subject: who") + SUBJECT},
    ),
    modules(
        "DJP112",
        {"a.py": module("a", imports="from . import b"), "b.py": module("b", imports="from . import a")},
        {
            "a.py": module("a", imports="from . import b"),
            "b.py": module("b") + "def f():\n    from . import a\n    return a\n",
        },
    ),
    modules(
        "DJP113",
        {
            "a.py": module(
                "a",
                table("A", "-> b.B"),
                imports="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import b",
            ),
            "b.py": module("b", table("B", "-> a.A"), imports="from . import a"),
        },
        {"a.py": module("a", table("A", *KEY)), "b.py": module("b", table("B", "-> a.A"), imports="from . import a")},
    ),
    modules(
        "DJP114",
        {"subject.py": SUBJECT, "b.py": module("b", table("B", "-> subject.Subject"))},
        {"subject.py": SUBJECT, "b.py": module("b", table("B", "-> subject.Subject"), imports="from . import subject")},
    ),
    modules(
        "DJP115",
        {"subject.py": SUBJECT, "b.py": module("b", imports="from . import subject")},
        {"subject.py": SUBJECT, "b.py": module("b", table("B", "-> subject.Subject"), imports="from . import subject")},
    ),
    modules(
        "DJP116",
        {"subject.py": SUBJECT + 'Subject.insert1({"subject_id": 1})\n'},
        {"subject.py": SUBJECT + 'if __name__ == "__main__":\n    Subject.insert1({"subject_id": 1})\n'},
    ),
    modules(
        "DJP117",
        {"subject.py": module("subject", "@schema\nclass T(dj.Manual):\n    definition = make()")},
        {
            "subject.py": module(
                "subject", 'X = "k : int32"\n\n@schema\nclass T(dj.Manual):\n    definition = X + "\\n---"'
            )
        },
    ),
    modules(
        "DJP118",
        {"a.py": "import datajoint as dj\nschema = dj.Schema()\n"},
        {"a.py": "import datajoint as dj\nschema = dj.Schema()\ndef go(n):\n    schema.activate(n)\n"},
    ),
    modules("DJP119", {"subject.py": SUBJECT.replace("dj.Schema", "dj.schema")}, {"subject.py": SUBJECT}),
    modules(
        "DJP120",
        {"a.py": module("a"), "b.py": module("b", imports="from . import a")},
        {"a.py": module("a"), "b.py": module("b", imports="from . import a")},
        bad_pyproject='[tool.djproject.check]\nlayers = [["b"], ["a"]]\n',
        good_pyproject='[tool.djproject.check]\nlayers = [["a"], ["b"]]\n',
    ),
    modules(
        "DJP121",
        {
            "a.py": module("a"),
            "b.py": module("b", imports="from . import a"),
            "c.py": module("c", imports="from . import b"),
        },
        {"a.py": module("a"), "b.py": module("b"), "c.py": module("c", imports="from . import b, a")},
        bad_pyproject='[tool.djproject.check]\nindependent = ["a", "c"]\n',
        good_pyproject='[tool.djproject.check]\nindependent = ["a", "b"]\n',
    ),
    modules(
        "DJP122",
        {"a.py": module("a"), "b.py": module("b", imports="from . import a")},
        {"a.py": module("a"), "b.py": module("b", imports="from . import a")},
        bad_pyproject='[tool.djproject.check]\nforbid = ["b -> a"]\n',
        good_pyproject='[tool.djproject.check]\nforbid = ["a -> b"]\n',
    ),
    modules(
        "DJP124",
        {"subject.py": SUBJECT, "b.py": module("b", table("B", "-> Subject"), imports="from .subject import Sbject")},
        {"subject.py": SUBJECT, "b.py": module("b", table("B", "-> Subject"), imports="from .subject import Subject")},
    ),
    modules("DJP201", {"a.py": module("a", table("my_table", *KEY))}, {"a.py": module("a", table("MyTable", *KEY))}),
    modules(
        "DJP202",
        {"a.py": module("a", table("T", *KEY).replace("@schema\n", ""))},
        {"a.py": module("a", table("T", *KEY).replace("@schema\n", "")) + "schema(T)\n"},
    ),
    modules(
        "DJP123",
        {
            "a.py": module("a"),
            "b.py": module("b", table("T", *KEY).replace("@schema", "@a.schema"), imports="from . import a"),
        },
        {"a.py": module("a"), "b.py": module("b", table("T", *KEY), imports="from . import a")},
    ),
    modules(
        "DJP203",
        {"a.py": module("a", table("T", *KEY).replace("dj.Manual", "dj.Manual, dj.Lookup"))},
        {"a.py": module("a", table("T", *KEY).replace("dj.Manual", "Mixin, dj.Manual"), imports="class Mixin: pass")},
    ),
    modules(
        "DJP204",
        {"a.py": module("a", table("T", "-> master", tier="Part").replace("@schema\n", ""))},
        {"a.py": module("a", table("T", *KEY, body='    class P(dj.Part):\n        definition = "-> master"'))},
    ),
    modules(
        "DJP205",
        {"a.py": module("a", "@schema\nclass T(dj.Manual):\n    pass")},
        {
            "a.py": module(
                "a", "class Base(dj.Manual):\n    definition = 'k : int32'", "@schema\nclass T(Base):\n    pass"
            )
        },
    ),
    lines("DJP206", [*KEY, "value = null date"], [*KEY, "value = null : date"]),
    lines("DJP207", ["-> Subjcet"], ["-> Subject"]),
    modules(
        "DJP208",
        {"a.py": module("a", table("Child", "-> Parent"), table("Parent", *KEY))},
        {"a.py": module("a", table("Parent", *KEY), table("Child", "-> Parent"))},
    ),
    lines("DJP209", [*KEY, "x : <blob@raw>"], [*KEY, "x : <blob@main>"], stores=STORE),
    modules(
        "DJP210",
        {"a.py": module("a", table("A", "-> B"), table("B", "-> A"))},
        {"a.py": module("a", table("A", *KEY), table("B", "-> A"))},
    ),
    lines("DJP211", [*KEY, "x : uint8"], [*KEY, "x : int16"]),
    lines("DJP212", [*KEY, "x : object@main"], [*KEY, "x : <object@main>"], stores=STORE),
    lines("DJP213", [*KEY, "x : int"], [*KEY, "x : int32"]),
    lines("DJP214", [*KEY, "x : int unsigned"], [*KEY, "x : int64"]),
    lines("DJP215", [*KEY, "x : longblob"], [*KEY, "x : <blob>"]),
    lines("DJP216", [*KEY, "x : <object>"], [*KEY, "x : <object@main>"], stores=STORE),
    lines("DJP217", [*KEY, "x : <blob@>"], [*KEY, "x : <blob@main>"], stores=STORE),
    modules(
        "DJP218",
        {"a.py": module("a", table("A", *KEY), table("B", "-> A", tier="Computed"))},
        {"a.py": module("a", table("A", *KEY), table("B", "-> A", tier="Computed", body=MAKE))},
    ),
    lines("DJP219", ["-> Subject", "mine : int32"], ["-> Subject", "---", "mine : int32"], tier="Computed"),
    modules(
        "DJP220",
        {
            "a.py": module(
                "a",
                table("A", *KEY),
                table("B", "-> A", tier="Computed", body="    def make(self, key):\n        print(key)"),
            )
        },
        {
            "a.py": module(
                "a",
                table("A", *KEY),
                table(
                    "B",
                    "-> A",
                    tier="Computed",
                    body=(
                        "    def make(self, key):\n        self.store(key)\n    def store(self, key):\n        self.insert1(key)"
                    ),
                ),
            )
        },
    ),
    modules(
        "DJP221",
        {
            "a.py": module(
                "a",
                table("A", *KEY),
                table("X", *KEY),
                table(
                    "B",
                    "-> A",
                    tier="Computed",
                    body=("    def make(self, key):\n        X.fetch1()\n        self.insert1(key)"),
                ),
            )
        },
        {
            "a.py": module(
                "a",
                table("A", *KEY),
                table("X", *KEY),
                table(
                    "B",
                    "-> A",
                    "-> X",
                    tier="Computed",
                    body=("    def make(self, key):\n        X.fetch1()\n        self.insert1(key)"),
                ),
            )
        },
    ),
    modules(
        "DJP242",
        {
            "a.py": module(
                "a",
                "import random",
                table("A", *KEY),
                table(
                    "B",
                    "-> A",
                    tier="Computed",
                    body="    def make(self, key):\n        self.insert1({**key, 'x': random.random()})",
                ),
            )
        },
        {
            "a.py": module(
                "a",
                "import random",
                table("A", *KEY),
                table(
                    "B",
                    "-> A",
                    tier="Computed",
                    body="    def make(self, key):\n        self.insert1({**key, 'x': random.Random(1).random()})",
                ),
            )
        },
    ),
    modules(
        "DJP241",
        {
            "a.py": module(
                "a",
                table("A", *KEY),
                table("X", *KEY),
                table(
                    "B",
                    "-> A",
                    tier="Computed",
                    body=("    def make(self, key):\n        X.insert1(key)\n        self.insert1(key)"),
                ),
            )
        },
        {
            "a.py": module(
                "a",
                table("A", *KEY),
                table(
                    "B",
                    "-> A",
                    tier="Computed",
                    body=(
                        '    class X(dj.Part):\n        definition = "-> master"\n\n'
                        "    def make(self, key):\n        self.insert1(key)\n        B.X.insert1(key)"
                    ),
                ),
            )
        },
    ),
    lines("DJP222", ["---", "x : int32"], ["x : int32", "---"]),
    lines("DJP223", ["-> Subject", "subject_id : int32"], ["-> Subject", "other_id : int32"]),
    lines("DJP224", [*KEY, "_x : int32"], [*KEY, "x : int32"]),
    lines("DJP225", ["x = null : int32", "---"], ["k : int32", "---", "x = null : int32"]),
    lines("DJP226", [*KEY, "-> [optional] Subject"], [*KEY, "-> [nullable, unique] Subject"]),
    modules(
        "DJP227", {"a.py": module("a", table("A" + "b" * 64, *KEY))}, {"a.py": module("a", table("A" + "b" * 62, *KEY))}
    ),
    modules(
        "DJP228",
        {"a.py": module("a", table("Fit", *KEY), table("Fit", *KEY, tier="Lookup"))},
        {"a.py": module("a", table("Fit", *KEY), table("FitTwo", *KEY, tier="Lookup"))},
    ),
    lines("DJP229", [*KEY, "-> Subject & 'subject_id=1'"], [*KEY, "-> Subject.proj(other='subject_id')"]),
    lines("DJP230", [*KEY, "side = 'up' : enum('left', 'right')"], [*KEY, "side = 'left' : enum('left', 'right')"]),
    lines("DJP231", ["x : <blob>", "---"], ["k : int32", "---", "x : <blob>"]),
    lines("DJP232", [*KEY, "x : int32", "index(y)"], [*KEY, "x : int32", "-> Subject", "index(x, subject_id)"]),
    lines("DJP233", [*KEY, "x : int32  # : in Hz"], [*KEY, "x : int32  # in Hz"]),
    modules(
        "DJP234",
        {"a.py": module("a", table("Rig", "host : varchar(20)"), table("B", "-> Rig", tier="Computed", body=MAKE))},
        {
            "a.py": module(
                "a",
                table("Rig", "host : varchar(20)"),
                table("B", "-> Rig.proj(rig_host='host')", "---", "user : varchar(20)", tier="Computed", body=MAKE),
            )
        },
    ),
    lines("DJP235", [*KEY, "x : float32  # in %"], [*KEY, "x : float32  # in %%"]),
    Case(
        "DJP236",
        {"a.py": module("a", table("A", '# the "new" rig', *KEY))},
        {"a.py": module("a", table("A", "# the 'new' rig", *KEY))},
        MYSQL,
        MYSQL,
    ),
    lines_of_class("DJP237", "    def make(self):\n        self.insert1({})", MAKE),
    lines_of_class(
        "DJP238",
        MAKE + "    def key_source(self):\n        return Subject()",
        MAKE + "    @property\n    def key_source(self):\n        return Subject()",
    ),
    modules(
        "DJP239",
        {"a.py": module("a", table("A", *KEY, "x : int32", tier="Lookup", body="    contents = [(1, 2), (3,)]"))},
        {
            "a.py": module(
                "a", table("A", *KEY, "x : int32", tier="Lookup", body="    contents = [(1, 2), {'k': 3, 'x': 4}]")
            )
        },
    ),
    modules(
        "DJP240",
        {"codecs.py": CODEC, "a.py": module("a", table("A", *KEY, "x : <graph>"))},
        {"codecs.py": CODEC, "a.py": module("a", table("A", *KEY, "x : <graph>"), imports="from . import codecs")},
    ),
    Case("DJP301", {}, {}, STORE.replace("file", "S3"), STORE),
    Case("DJP302", {}, {}, '[tool.datajoint.stores.main]\nprotocol = "s3"\nbucket = "b"\n', STORE),
    Case(
        "DJP303",
        {},
        {},
        '[tool.datajoint.stores]\ndefault = "mian"\n' + STORE,
        '[tool.datajoint.stores]\ndefault = "main"\n' + STORE,
    ),
    Case("DJP304", {}, {}, STORE + 'hash_prefix = "d"\nschema_prefix = "d/s"\n', STORE + 'hash_prefix = "d"\n'),
    Case("DJP305", {}, {}, STORE + 'partition_pattern = "a/b"\n', STORE + 'partition_pattern = "{a}/{b}"\n'),
    Case(
        "DJP306",
        {},
        {},
        STORE + STORE.replace("main", "raw").replace("/data", "/data/raw"),
        STORE + STORE.replace("main", "raw").replace("/data", "/raw"),
    ),
    modules(
        "DJP307",
        {"subject.py": SUBJECT},
        {"subject.py": module("subject", table("T", *KEY, "x : <blob@main>"))},
        bad_pyproject=STORE,
        good_pyproject=STORE,
    ),
]
