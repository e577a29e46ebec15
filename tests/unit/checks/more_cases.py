"""Projects with something for one rule or a few to find, by a name that says what it is about."""

from tests.checking import PYPROJECT, module, table
from tests.unit.checks.cases import KEY, MAKE, MYSQL

Situation = tuple[str, dict[str, str | bytes], str]
ONLY_MYSQL = PYPROJECT + 'target = "lab"\n' + MYSQL
PARENT = table("Subject", "subject_id : int32", "---", "name : varchar(20)")


def stores(*names: str, **defaults: str) -> str:
    lines = ["\n[tool.datajoint.stores]", *(f'{key} = "{value}"' for key, value in defaults.items())]
    for name in names:
        lines += [f"[tool.datajoint.stores.{name}]", 'protocol = "file"', f'location = "/{name}"']
    return "\n".join(lines) + "\n"


def mine(*tables: str, imports: str = "", **others: str) -> dict[str, str | bytes]:
    """A module `mine` with these tables, beside others."""
    files: dict[str, str | bytes] = {f"{name}.py": text for name, text in others.items()}
    return {"mine.py": module("mine", *tables, imports=imports), **files}


def definition(*lines: str, tier: str = "Manual", body: str = "") -> dict[str, str | bytes]:
    """A module `mine` with a table Subject, and a table T of these lines."""
    return mine(PARENT, table("T", *lines, tier=tier, body=body))


NATIVE = [
    "a : int unsigned", "b : tinyint(1)", "c : serial", "d : int auto_increment", "e : double", "f : float(5)",
    "g : real", "h : int", "i : mediumint", "j : BIGINT(20)", "k : numeric(5,2)", "l : dec", "m : fixed", "n : text",
    "o : mediumtext", "p : smalltext", "q : timestamp", "r : time", "s : year", "t : float", "u : double unsigned",
    "v : datetime(9)", "w : varchar(0)", "x : decimal(70,2)", "y : varchar(20)", "z : timestamp(3)",
    "aa : decimal(70,2) unsigned",
]  # fmt: skip
OLD = [
    "a : object@raw", "b : object", "c : external", "d : external-raw", "e : attach", "f : boolean", "g : INT32",
    "h : varchar (8)", "i : jsonb", "j : binary(16)", "k : blob@", "l : filepath", "int32   :  INT32  # INT32",
]  # fmt: skip
CODECS = [
    "a : <blob@>", "b : <filepath@>", "c : <object>", "d : <filepath>", "e : <npy @ >", "f : <blob@main>", "g : <hash>",
    "h : <blob@raw>", "i : <grph>", "j : <blob", "k : <blob>", "l : <attach@Raw>",
]  # fmt: skip
LONG = ["k : int32", "---", "a : varchar(500)", "b : varchar(268)", "c : int8", "d : varchar(800)"]
LENGTHS = [
    *LONG, "index(a, b)", "index(a, b, c)  # too long", "unique index(d)", "index(d(20), c)", "index(d desc)",
    "index(c, d, (lower(d)))", "index(other, a, b)",
]  # fmt: skip
INDEXES = [
    *KEY, "a : int32", "b : varchar(8)", "c : json", "-> Subject", "index(a)", "index (a, b)", "index(a)", "index(b(4))",
    "index(b(4))", "index(a, a)", "index(a, A(2))", "unique index(b desc, (lower(b)))", "index(c.side)", "index(d, a, e, d)",
    "index(subject_id)",
]  # fmt: skip
PERCENT = [
    "# half of all 50 %", "k : enum('5 %', '6 %%')  # in %%", "---", "a : float32  # in %", "b = '5 %' : varchar(8)",
    "c : float32  # %% and %%% of it", "-> Subject  # 5 %", "index(a)  # 5 %", "index(b, (c % 2))", "nonsense %",
]  # fmt: skip
COPIED = [
    table("A", "a : int32  # in %%", "b : enum('5%%')", "---", "c : int32  # in %%"),
    table("B", "d : int32  # in %%", 'e : int32  # "x" y', "f : int32  # x\\\\y", "g : int32  # fine"),
    table("C", "-> A", "---", "h : int32  # in %%"),
    table("D", "-> B.proj(other='e')", "---", "-> C"),
]
COMMENTS = [
    table("A", '# a "new" one', *KEY, "x : int32  # ends in \\\\", "y : int32  # a \\\\n in it", 'z : int32  # "fine"'),
    table("B", "# ends in \\\\", *KEY, "x : int32  # \\\\"),
    table("C", "# a 'new' one", *KEY),
    table("D", '# both " and \\\\', "-> A"),
]
OPTIONS = [
    "-> [nullable] Subject",
    "---",
    "-> [nullable, sole, once] Subject.proj(a='subject_id')",
    "-> [Unique] Subject.proj(b='subject_id')",
]
NAMES = [
    "Camel : int32",
    "_own : int32",
    f"{'n' * 63} : int32",
    "---",
    f"{'m' * 64} : int32",
    "x = null : int32",
    "größe : int32",
]
LINES = [
    "k : int32", "---", "# fine", "just words", "(mother) -> Subject(subject_id)", "(a) -> [nullable] Subject", ": int32",
    "x int32", "y : ", "1 : int32 : 2",
]  # fmt: skip
KEYS = [
    "-> Subjct", "-> subject.Subjct", "-> animal.Animal", "-> animal", "-> mine.Subject.Part", "-> Zzzz", "-> subject",
    "-> schema", "-> helper.Tool", "-> dj.Manual", "-> Tool", "-> number.Zzzz", "-> animal.Animal.Zzzz", "-> Elsewhere",
]  # fmt: skip
REFERENCES = [
    "-> Subject & 'subject_id=1'", "-> Subject.proj(a='nme')", "-> Subject.proj('nme')", "-> Subject.proj('-subject_id')",
    "-> Empty", "-> 'Subject'", "-> Subject.proj(a='subject_id').proj(b='a')", "-> [nullable Subject",
]  # fmt: skip
BASES = "class Makes:\n    def make(self, key):\n        self.insert1(key)\n\n\n"
THREE = "class {}:\n    def make_{}(self, key):\n        return key\n\n\n"
LOOP = "class Round(Turn):\n    pass\n\n\nclass Turn(Round):\n    pass\n"


def computed(*classes: str) -> list[str]:
    """Computed tables of `Subject`, each written `Name(bases): body`."""
    made = []
    for each in classes:
        head, _, body = each.partition(": ")
        made.append(f'@schema\nclass {head}:\n    definition = "-> Subject"\n    {body}'.rstrip())
    return made


POPULATED = computed(
    "None_(dj.Computed)", "Own(dj.Imported): make = None", "Mixed(Makes, dj.Computed)", "Far(far.Makes, dj.Imported)",
    "Farther(far.Again, dj.Computed)", "Unknown(outside.Base, dj.Computed)", "Deep(far.Unknown, dj.Computed)",
    "Deeper(far.Unknown, Known, dj.Computed)", "One(Fetches, dj.Computed)", "Two(Fetches, Computes, dj.Computed)",
    "Three(Inserts, dj.Computed)", "All(Fetches, Computes, Inserts, dj.Computed)", "Loops(Round, dj.Computed)",
    "Manual_(dj.Manual)", "Two_(Known, Fetches, dj.Imported)",
)  # fmt: skip
POPULATED.append(table("Outer", "k : int32", body="    class Inner(dj.Computed):\n        definition = '-> Subject'"))
OWN_KEYS = [
    table("Nothing", "k : int32", "j : int32", "---", "x : int32", tier="Computed"),
    table("Beside", "-> Subject", "j : int32", "i : int32", "---", "x : int32", tier="Imported"),
    table("Below", "k : int32", "---", "-> Subject", tier="Computed"),
    table("Fine", "-> Subject", "---", "x : int32", tier="Computed"),
    table("Again", "-> Subject", "subject_id : int32", tier="Computed"),
    table("Somewhere", "-> outside.Table", "j : int32", tier="Computed"),
]
JOBS = [
    table("Rig", "host : varchar(20)", "user : varchar(20)", "camera : int32"),
    table("Low", "-> Subject", "---", "-> Rig", tier="Computed"),
    table("High", "-> Subject", "-> Rig.proj(status='camera')", tier="Imported"),
    table("Held", "-> Rig"),
]
ROWS = """\
    contents = [
        (1, 2, 3),
        (1,),
        (),
        [1, 2, 3, 4],
        {"k": 1, "a": 2, "b": 3},
        {"k": 1, "Z": 2, "y": 3},
        {"k": 1},
    ]"""
METHODS = """\
    def make(self):
        self.insert1({})

    def make_fetch(self, key): ...
    def make_compute(self, /): ...
    def make_insert(*args): ...
    def key_source(self): ...
"""
DECORATED = """\
    @staticmethod
    def make(key): ...
    @property
    def key_source(self): ...
    class P(dj.Part):
        definition = "-> master"
        def make(self): ...
"""
PARTS = """\
    @schema
    class P(dj.Part):
        definition = "-> master"
    class Q(dj.Manual):
        definition = "k : int32"
    class R(dj.Part): ...
"""
CLASSES = [
    table("my_table", *KEY), table("_Private_one", *KEY), table("T", *KEY, body=PARTS),
    table("Loose", "-> T", tier="Part"),
    "class Bare(dj.Manual): ...",
    "class Held(dj.Lookup):\n    class Part_(dj.Part):\n        definition = '-> master'",
    "class Both(dj.Manual, dj.Computed):\n    definition = 'k : int32'",
    "@schema\nclass Empty(dj.Manual): ...",
    "@schema\nclass Fit(dj.Manual):\n    definition = 'k : int32'",
    "@schema\nclass Fit(dj.Computed):\n    definition = '-> T'\n    def make(self, key): self.insert1(key)",
    "@schema\nclass TP(dj.Manual):\n    definition = 'k : int32'",
    "@schema\nclass T__P(dj.Manual):\n    definition = 'k : int32'",
    table("Take", "-> T", tier="Imported", body=MAKE), table("Take", "-> T", tier="Computed", body=MAKE),
]  # fmt: skip


def name(length: int) -> str:
    """The name of a class whose table has a name of that length."""
    return "A" + "b" * (length - 1)


LENGTHY = [
    PARENT, table(name(63), *KEY), table(name(64), *KEY), table(name(65), *KEY),
    table("L" + name(62)[1:], *KEY, tier="Lookup"), table("L" + name(64)[1:], *KEY, tier="Lookup"),
    table("C" + name(61)[1:], "k : int32", tier="Computed"), table("C" + name(63)[1:], "k : int32", tier="Computed"),
    table("M" + name(57)[1:], *KEY, "-> Subject"), table("M" + name(58)[1:], *KEY, "-> Subject"),
    table("N" + name(57)[1:], *KEY, *(f"-> Subject.proj({x}='subject_id')" for x in "abcdefghij")),
    table("I" + name(56)[1:], "-> Subject", tier="Imported"), table("I" + name(57)[1:], "-> Subject", tier="Imported"),
    table("D" + name(55)[1:], "-> Subject", tier="Computed"), table("D" + name(56)[1:], "-> Subject", tier="Computed"),
    table("P", *KEY, tier="Lookup", body=f"    class {name(60)}(dj.Part):\n        definition = '---'\n    class {name(61)}(dj.Part):\n        definition = '---'\n    class Q{name(61)[1:]}(dj.Part):\n        definition = '-> master'"),
    table("R" + name(70)[1:], "k : int32", tier="Part").replace("@schema\n", ""),
    table("J" + name(62)[1:], "-> Subject", tier="Imported"),
    f"@schema\nclass E{name(58)[1:]}(dj.Manual): ...",
    table("X", "k : int32", tier="Part", body=f"    class {name(62)}(dj.Part): ...").replace("@schema\n", ""),
]  # fmt: skip

SITUATIONS: dict[str, Situation] = {
    "types of one server": ("DJP211 DJP213 DJP214 DJP215", definition(*KEY, *NATIVE), ""),
    "types of the other server": ("DJP211 DJP213 DJP214 DJP215", definition(*KEY, *NATIVE), ONLY_MYSQL),
    "types of both servers": ("DJP213 DJP214", definition(*KEY, *NATIVE), MYSQL),
    "bare blobs": ("DJP214 DJP215", definition(*KEY, "a : LONGBLOB", "b  :  blob # blob", "c : smallblob"), MYSQL),
    "old types, one store": ("DJP211 DJP212", definition(*KEY, *OLD), stores("raw")),
    "old types, no store": ("DJP212", definition(*KEY, *OLD), ""),
    "a type that is written in two pieces": (
        "DJP213",
        mine('@schema\nclass T(dj.Manual):\n    definition = "k : in" "t\\n---\\nx : in" "t"\n'),
        "",
    ),
    "codecs, no store": ("DJP209 DJP216 DJP217", definition(*KEY, *CODECS), ""),
    "codecs, one store": ("DJP209 DJP216 DJP217", definition(*KEY, *CODECS), stores("raw")),
    "codecs, several stores": ("DJP209 DJP216 DJP217", definition(*KEY, *CODECS), stores("raw", "main")),
    "codecs, a default store": (
        "DJP209 DJP216 DJP217", definition(*KEY, *CODECS), stores("raw", "main", "old", default="main"),
    ),
    "codecs, a default store for files": (
        "DJP209 DJP216 DJP217",
        definition(*KEY, *CODECS),
        stores("raw", "main", "old", default="main", filepath_default="old"),
    ),
    "keys that are long": (
        "DJP231",
        mine(
            table("Fits", "a : varchar(500)", "b : varchar(268)"),
            table("Long", "a : varchar(500)", "b : varchar(268)", "c : int8"),
            table("Child", "-> Fits", "d : bool"),
            table("T", *LENGTHS),
        ),
        MYSQL,
    ),
    "keys that are long, elsewhere": ("DJP231", mine(table("Long", "a : varchar(900)"), table("T", *LENGTHS)), ""),
    "keys of types without an index": (
        "DJP231",
        definition("a : <blob>", "b : json", "c : bytes", "d : text", "---", "e : <attach>", "f : TEXT", "g : blob", "index(e, f)"),
        "",
    ),
    "keys of types without an index, on MySQL": (
        "DJP231",
        definition("a : <blob>", "b : json", "c : bytes", "d : text", "---", "e : <attach>", "f : TEXT", "g : blob", "index(e, f)"),
        ONLY_MYSQL,
    ),
    "indexes": ("DJP232", definition(*INDEXES), ""),
    "indexes, on MySQL": ("DJP232", definition(*INDEXES), ONLY_MYSQL),
    "indexes, on both": ("DJP232", definition(*INDEXES), MYSQL),
    "no primary key": ("DJP222", mine(table("A", "---", "x : int32"), table("B", "# only a comment"), table("C", "x int32", "---")), ""),
    "declared again": (
        "DJP223",
        definition("subject_id : int32", "-> Subject", "a : int32", "---", "a : int32", "b : int8", "b : int8", "b : int8"),
        "",
    ),
    "names of attributes": ("DJP206 DJP224 DJP225", definition(*NAMES), ""),
    "comments with a colon": ("DJP233", definition(*KEY, "a : int32  # : x", "b : int32  # x : y", "c : int32  #:"), ""),
    "defaults": (
        "DJP225 DJP230",
        definition("j = NULL : int32", *KEY, "a = 'x' : int32", "b = 7 : int32", "c = '7' : int8", "d=left:enum('right')", "e = null : int32"),
        MYSQL,
    ),
    "percent signs": ("DJP235", definition(*PERCENT), ""),
    "percent signs that are copied": ("DJP235 DJP236", mine(*COPIED), MYSQL),
    "percent signs that are not copied": ("DJP235 DJP236", mine(*COPIED), ""),
    "comments and quotes": ("DJP236", mine(*COMMENTS), ONLY_MYSQL),
    "comments and quotes elsewhere": ("DJP236", mine(*COMMENTS), ""),
    "options of foreign keys": ("DJP225 DJP226", definition(*OPTIONS), ""),
    "lines that say nothing": ("DJP206", definition(*LINES), ""),
    "foreign keys to nothing": (
        "DJP207 DJP114",
        {
            **mine(
                PARENT, "class Tool: ...", table("T", "k : int32", "---", *KEYS),
                imports="from . import subject\nfrom outside import Elsewhere\nnumber = 1",
                subject=module("subject", PARENT), animal=module("animal", table("Animal", *KEY)),
                helper="class Tool: ...\n",
            ),
            "src/workflow/deep/__init__.py": "",
            "src/workflow/deep/one.py": module("one", table("One", "-> two.Two", "-> subject.Subject", "-> one.One", "-> three.Three")),
            "src/workflow/deep/two.py": module("two", table("Two", *KEY)),
        },
        "",
    ),
    "foreign keys of a schema that is linked later": (
        "DJP207",
        {"late.py": module("late", table("T", "-> Subject", "-> schema")).replace('dj.Schema("late")', "dj.Schema()")},
        "",
    ),
    "foreign keys that are no tables": (
        "DJP229", mine(PARENT, table("Empty", "---", "x : int32"), table("T", "k : int32", "---", *REFERENCES)), "",
    ),
    "tables in another order": (
        "DJP208",
        mine(
            table("A", "-> C", "-> A.P", body="    class P(dj.Part):\n        definition = '''\n        -> master\n        -> B.Q\n        -> A.R\n        '''\n    class R(dj.Part):\n        definition = '-> master'"),
            table("B", "k : int32", body="    class Q(dj.Part):\n        definition = '-> B'"),
            table("C", "-> B", "-> B.Q"),
        ),
        "",
    ),
    "cycles": (
        "DJP210",
        mine(table("A", "-> B", "-> D"), table("B", "-> A"), table("C", "-> A", "-> C.proj(x='k')"), table("D", "k : int32")),
        "",
    ),
    "make": (
        "DJP218",
        {
            **mine(
                PARENT, BASES + "class Known: ...\n\n\n" + THREE.format("Fetches", "fetch") + THREE.format("Computes", "compute")
                + THREE.format("Inserts", "insert") + LOOP, *POPULATED,
                imports="import outside\nfrom . import far",
            ),
            "far.py": f"from datajoint import Part\nfrom outside import Base\n\n\n{BASES}class Again(Makes): ...\n\n\nclass Unknown(Base): ...\n",
        },
        "",
    ),
    "keys of computed tables": ("DJP219", mine(PARENT, *OWN_KEYS, imports="import outside"), ""),
    "columns of jobs": ("DJP234", mine(PARENT, *JOBS), ""),
    "rows": (
        "DJP239",
        mine(
            table("Three", *KEY, "a : int32", "b : int32", tier="Lookup", body=ROWS),
            table("Unknown", "-> outside.Table", "---", "b : int32", tier="Lookup", body=ROWS),
            table("Key", "k : int32", tier="Lookup", body="    contents = ((1,), (1, 2))"),
            imports="import outside",
        ),
        "",
    ),
    "methods of computed tables": (
        "DJP237 DJP238",
        mine(
            PARENT, table("A", "-> Subject", tier="Computed", body=METHODS), table("B", "-> Subject", tier="Imported", body=METHODS),
            table("C", "-> Subject", body=METHODS), table("D", "-> Subject", tier="Computed", body=DECORATED),
        ),
        "",
    ),
    "classes of tables": ("DJP201 DJP202 DJP203 DJP204 DJP205 DJP228", mine(*CLASSES), ""),
    "a cycle of foreign keys whose text is another module's": (
        "DJP112",
        {
            "texts.py": 'KEY = "b_id : int32"\nREST = """\n---\n-> a.A"""\n',
            "a.py": module("a", table("A", *KEY), table("Back", "-> b.B"), imports="from . import b"),
            "b.py": module("b", "@schema\nclass B(dj.Manual):\n    definition = texts.KEY + texts.REST", imports="from . import a, texts"),
        },
        "",
    ),
    "long names": ("DJP227", mine(*LENGTHY), MYSQL),
    "long names in a module without a schema": (
        "DJP227",
        {"stray.py": f"import datajoint as dj\n\nclass A(dj.Lookup):\n    class {name(61)}(dj.Part): ...\n    class B{name(60)}(dj.Part): ...\n"},
        "",
    ),
    "long names, on MySQL": ("DJP227", mine(*LENGTHY), ONLY_MYSQL),
    "long names, elsewhere": ("DJP227", mine(*LENGTHY), ""),
    "tables in the module of another schema": (
        "DJP123",
        mine(
            table("T", *KEY).replace("@schema", "@other.schema"), table("U", *KEY), table("V", *KEY).replace("@schema", "@top"),
            imports="from . import other, top", other=module("other"), __init__='import datajoint as dj\n\ntop = dj.Schema("top")\n',
        ),
        "",
    ),
}  # fmt: skip
