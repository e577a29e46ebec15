"""One small pipeline, written in the ways in which people write pipelines; what it declares is the same in each."""

from collections.abc import Mapping

LAB = '@schema\nclass Lab(dj.Lookup):\n    definition = """\n    lab : varchar(20)\n    """\n    contents = [("a",)]\n'
SUBJECT = '@schema\nclass Subject(dj.Manual):\n    definition = """\n    subject_id : int32\n    ---\n    -> lab.Lab\n    """\n'
SCAN = (
    '@schema\nclass Scan(dj.Imported):\n    definition = """\n    -> subject.Subject\n    ---\n    n : int32\n    """\n\n'
    '    class Frame(dj.Part):\n        definition = """\n        -> master\n        frame : int32\n        """\n\n'
    '    def make(self, key):\n        self.insert1({**key, "n": 1})\n        self.Frame.insert1({**key, "frame": 1})\n'
)
FIT = (
    '@schema\nclass Fit(dj.Computed):\n    definition = """\n    -> Scan.Frame\n    ---\n    x : float64\n    """\n\n'
    '    def make(self, key):\n        self.insert1({**key, "x": 1.0})\n'
)
IMPORTS = {"lab": "", "subject": "from . import lab\n", "scan": "from . import subject\n"}
TABLES = {"lab": (LAB,), "subject": (SUBJECT,), "scan": (SCAN, FIT)}
PLAIN = {
    name: f'import datajoint as dj\n{IMPORTS[name]}\nschema = dj.Schema("{name}")\n\n\n' + "\n\n".join(TABLES[name])
    for name in TABLES
}
TIERS = {
    "lab.Lab": "lookup", "subject.Subject": "manual", "scan.Scan": "imported", "scan.Scan.Frame": "part",
    "scan.Fit": "computed",
}  # fmt: skip
EDGES = {
    ("subject.Subject", "lab.Lab", (("lab", "lab"),), False),
    ("scan.Scan", "subject.Subject", (("subject_id", "subject_id"),), True),
    ("scan.Scan.Frame", "scan.Scan", (("subject_id", "subject_id"),), True),
    ("scan.Fit", "scan.Scan.Frame", (("subject_id", "subject_id"), ("frame", "frame")), True),
}


def _everywhere(old: str, new: str) -> dict[str, str]:
    return {f"{name}.py": text.replace(old, new) for name, text in PLAIN.items()}


def _schema(form: str, **more: str) -> dict[str, str]:
    """The schema made otherwise; `NAME` in the form is the schema's name."""
    files = {
        f"{name}.py": text.replace(f'schema = dj.Schema("{name}")', form.replace("NAME", name))
        for name, text in PLAIN.items()
    }
    return files | {f"{name}.py": text for name, text in more.items()}


def _undecorated(after: str, end: str = "") -> dict[str, str]:
    """The classes decorated after they are made; `CLASS` is one of them."""
    files = {}
    for name, text in PLAIN.items():
        classes = [line.split()[1].partition("(")[0] for line in text.split("\n") if line.startswith("class ")]
        body = text.replace("@schema\n", "")
        body += "\n" + "".join(after.replace("CLASS", each) for each in classes)
        files[f"{name}.py"] = body + end.replace("CLASSES", ", ".join(classes))
    return files


def _subject(
    definition: str, *, head: str = "", bases: str = "dj.Manual", tail: str = "", decorator: str = "@schema\n"
) -> dict[str, str]:
    """`Subject` with another way to have its definition."""
    table = f"{decorator}class Subject({bases}):\n" + definition
    text = PLAIN["subject"].replace(SUBJECT, f"{head}{table}{tail}")
    return {"lab.py": PLAIN["lab"], "subject.py": text, "scan.py": PLAIN["scan"]}


_TEXT = '"""\n    subject_id : int32\n    ---\n    -> lab.Lab\n    """'
FRAME_TEXT = '    definition = """\n    -> master\n    frame : int32\n    """\n'
MAKE_OF_SCAN = (
    '    def make(self, key):\n        self.insert1({**key, "n": 1})\n        self.Frame.insert1({**key, "frame": 1})\n'
)
_HELPER = "import datajoint as dj\n\n\ndef make_schema(name):\n    return dj.Schema(name)\n"

STYLES: Mapping[str, Mapping[str, str]] = {
    "plain": _everywhere("", ""),
    # how datajoint is imported
    "import datajoint": {
        k: v.replace("import datajoint as dj", "import datajoint").replace("dj.", "datajoint.")
        for k, v in _everywhere("", "").items()
    },
    "import as djp": {
        k: v.replace("as dj\n", "as djp\n").replace("dj.", "djp.") for k, v in _everywhere("", "").items()
    },
    "from datajoint import names": {
        k: v.replace(
            "import datajoint as dj", "from datajoint import Computed, Imported, Lookup, Manual, Part, Schema"
        ).replace("dj.", "")
        for k, v in _everywhere("", "").items()
    },
    "from datajoint import *": {
        k: v.replace("import datajoint as dj", "from datajoint import *").replace("dj.", "")
        for k, v in _everywhere("", "").items()
    },
    "from datajoint import in try": _everywhere(
        "import datajoint as dj", "try:\n    import datajoint as dj\nexcept ImportError:\n    dj = None"
    ),
    "one file imports datajoint for all": {
        **_everywhere("import datajoint as dj", "from .common import dj"),
        "common.py": "import datajoint as dj\n",
    },
    "all of a common file": {
        **_everywhere("import datajoint as dj", "from .common import *"),
        "common.py": "import datajoint as dj\n",
    },
    # how the schema is made
    "activated": _schema('schema = dj.Schema()\nschema.activate("NAME")'),
    "activated by another module": _schema(
        "schema = dj.Schema()",
        activation='from . import lab, subject, scan\n\nfor each in (lab, subject, scan):\n    each.schema.activate(each.__name__.rpartition(".")[2])\n',
    ),
    "keyword": _schema('schema = dj.Schema(schema_name="NAME", create_tables=True)'),
    "annotated": _schema('schema: dj.Schema = dj.Schema("NAME")'),
    "twice bound": _schema('schema = db = dj.Schema("NAME")'),
    "in a tuple": _schema('schema, other = dj.Schema("NAME"), 1'),
    "walrus": _schema('(schema := dj.Schema("NAME"))'),
    "if": _schema(
        'import os\nif os.environ.get("X"):\n    schema = dj.Schema("x_NAME")\nelse:\n    schema = dj.Schema("NAME")'
    ),
    "conditional": _schema('import os\nschema = dj.Schema("x_NAME") if os.environ.get("X") else dj.Schema("NAME")'),
    "try": _schema('try:\n    schema = dj.Schema("NAME")\nexcept Exception:\n    schema = None'),
    "with": _schema('from contextlib import nullcontext\nwith nullcontext():\n    schema = dj.Schema("NAME")'),
    "match": _schema('match 1:\n    case 1:\n        schema = dj.Schema("NAME")'),
    "computed name": _schema('import os\nschema = dj.Schema(os.environ.get("P", "") + "NAME")'),
    "name of the module": _schema('schema = dj.Schema(__name__.rpartition(".")[2])'),
    "helper here": _schema('def make_schema(name):\n    return dj.Schema(name)\n\n\nschema = make_schema("NAME")'),
    "helper elsewhere": _schema('from .tools import make_schema\nschema = make_schema("NAME")', tools=_HELPER),
    "helper of a module": _schema('from . import tools\nschema = tools.make_schema("NAME")', tools=_HELPER),
    "helper that binds first": _schema(
        'from .tools import make_schema\nschema = make_schema("NAME")',
        tools=_HELPER.replace("return dj.Schema(name)", "made = dj.Schema(name)\n    return made"),
    ),
    "lambda": _schema('make_schema = lambda name: dj.Schema(name)\nschema = make_schema("NAME")'),
    "partial": _schema(
        'from functools import partial\nmake_schema = partial(dj.Schema, create_tables=True)\nschema = make_schema("NAME")'
    ),
    "alias of the class": _schema('Schema = dj.Schema\nschema = Schema("NAME")'),
    "subclass here": _schema('class LabSchema(dj.Schema):\n    pass\n\n\nschema = LabSchema("NAME")'),
    "subclass elsewhere": _schema(
        'from .tools import LabSchema\nschema = LabSchema("NAME")',
        tools="import datajoint as dj\n\n\nclass LabSchema(dj.Schema):\n    pass\n",
    ),
    "other variable": {
        k: v.replace("schema = ", "db = ").replace("@schema", "@db") for k, v in _everywhere("", "").items()
    },
    "in a class": {
        k: v.replace("schema = dj", "class Db:\n    schema = dj").replace("@schema", "@Db.schema")
        for k, v in _everywhere("", "").items()
    },
    "in a dictionary": {
        k: v.replace("schema = dj.Schema(", "schemas = {'x': dj.Schema(")
        .replace('")\n', '")}\n', 1)
        .replace("@schema", "@schemas['x']")
        for k, v in _everywhere("", "").items()
    },
    "all in one place": {
        **{
            f"{n}.py": t.replace(f'schema = dj.Schema("{n}")', "from . import schemas").replace(
                "@schema\n", f"@schemas.{n}_schema\n"
            )
            for n, t in PLAIN.items()
        },
        "schemas.py": "import datajoint as dj\n" + "".join(f'{n}_schema = dj.Schema("{n}")\n' for n in PLAIN),
    },
    "all in one place, by name": {
        **{
            f"{n}.py": t.replace(f'schema = dj.Schema("{n}")', f"from .schemas import {n}_schema as schema")
            for n, t in PLAIN.items()
        },
        "schemas.py": "import datajoint as dj\n" + "".join(f'{n}_schema = dj.Schema("{n}")\n' for n in PLAIN),
    },
    "global in a function": _schema(
        'schema = None\n\n\ndef connect():\n    global schema\n    schema = dj.Schema("NAME")\n\n\nconnect()'
    ),
    "from another package": _schema('from labtools import schema_for\nschema = schema_for("NAME")'),
    # how classes are decorated
    "schema(Table)": _undecorated("schema(CLASS)\n"),
    "Table = schema(Table)": _undecorated("CLASS = schema(CLASS)\n"),
    "loop": _undecorated("", "for each in (CLASSES,):\n    schema(each)\n"),
    "map": _undecorated("", "list(map(schema, [CLASSES]))\n"),
    "two decorators": _everywhere("@schema\n", "@schema\n@staticmethod\n").copy()
    and {
        k: "def keep(c):\n    return c\n\n\n" + v.replace("@schema\n", "@schema\n@keep\n")
        for k, v in _everywhere("", "").items()
    },
    "renamed decorator": {
        k: v.replace("@schema\n", "@declare\n").replace('")\n', '")\ndeclare = schema\n', 1)
        for k, v in _everywhere("", "").items()
    },
    "if around classes": {
        k: v if "scan" not in k else v.replace(FIT, "if True:\n    " + FIT.replace("\n", "\n    ").rstrip() + "\n")
        for k, v in _everywhere("", "").items()
    },
    "try around classes": {
        k: v
        if "scan" not in k
        else v.replace(FIT, "try:\n    " + FIT.replace("\n", "\n    ").rstrip() + "\nexcept ImportError:\n    pass\n")
        for k, v in _everywhere("", "").items()
    },
    # how definitions are given
    "property": _subject(f"    @property\n    def definition(self):\n        return {_TEXT}\n"),
    "property with a variable": _subject(
        f"    @property\n    def definition(self):\n        text = {_TEXT}\n        return text\n"
    ),
    "constant": _subject("    definition = TEXT\n", head=f"TEXT = {_TEXT}\n\n\n"),
    "constant elsewhere": _subject("    definition = texts.TEXT\n", head="from . import texts\n\n\n")
    | {"texts.py": f"TEXT = {_TEXT}\n"},
    "constant imported": _subject("    definition = TEXT\n", head="from .texts import TEXT\n\n\n")
    | {"texts.py": f"TEXT = {_TEXT}\n"},
    "assigned later": _subject("    pass\n", tail=f"\n\nSubject.definition = {_TEXT}\nschema(Subject)\n", decorator=""),
    "if in the class": _subject(
        f"    if True:\n        definition = {_TEXT}\n    else:\n        definition = 'subject_id : int32'\n"
    ),
    "conditional text": _subject(f"    definition = {_TEXT} if True else 'subject_id : int32'\n"),
    "base class": _subject("    pass\n", head=f"class Base(dj.Manual):\n    definition = {_TEXT}\n\n\n", bases="Base"),
    "mixin first": _subject(
        "    pass\n", head=f"class Mixin:\n    definition = {_TEXT}\n\n\n", bases="Mixin, dj.Manual"
    ),
    "mixin elsewhere": _subject("    pass\n", head="from .tools import Mixin\n\n\n", bases="Mixin, dj.Manual")
    | {"tools.py": f"class Mixin:\n    definition = {_TEXT}\n"},
    "mixin of two levels": _subject(
        "    pass\n", head=f"class A:\n    definition = {_TEXT}\n\n\nclass B(A):\n    pass\n\n\n", bases="B, dj.Manual"
    ),
    "text of the base extended": _subject(
        "    definition = Base.definition + '-> lab.Lab'\n",
        head='class Base:\n    definition = """\n    subject_id : int32\n    ---\n    """\n\n\n',
        bases="Base, dj.Manual",
    ),
    "format": _subject('    definition = """\n    subject_id : {}\n    ---\n    -> lab.Lab\n    """.format("int32")\n'),
    "format by name": _subject(
        '    definition = """\n    subject_id : {kind}\n    ---\n    -> lab.Lab\n    """.format(kind=KIND)\n',
        head='KIND = "int32"\n\n\n',
    ),
    "f-string": _subject(
        '    definition = f"""\n    subject_id : {KIND}\n    ---\n    -> lab.Lab\n    """\n',
        head='KIND = "int32"\n\n\n',
    ),
    "f-string with a number": _subject(
        '    definition = f"""\n    subject_id : int{BITS}\n    ---\n    -> lab.Lab\n    """\n', head="BITS = 32\n\n\n"
    ),
    "percent": _subject('    definition = """\n    subject_id : %s\n    ---\n    -> lab.Lab\n    """ % "int32"\n'),
    "join": _subject('    definition = "\\n".join(["subject_id : int32", "---", "-> lab.Lab"])\n'),
    "sum": _subject('    definition = "subject_id : int32\\n" + "---\\n" + "-> lab.Lab\\n"\n'),
    "implicit sum": _subject(
        '    definition = (\n        "subject_id : int32\\n"\n        "---\\n"\n        "-> lab.Lab\\n"\n    )\n'
    ),
    "dedent": _subject(f"    definition = dedent({_TEXT})\n", head="from textwrap import dedent\n\n\n"),
    "replace": _subject(f'    definition = {_TEXT.replace("int32", "KIND")}.replace("KIND", "int32")\n'),
    "annotated definition": _subject(f"    definition: str = {_TEXT}\n"),
    "variable of the class": _subject(f"    text = {_TEXT}\n    definition = text\n"),
    "docstring": _subject(
        '    """\n    subject_id : int32\n    ---\n    -> lab.Lab\n    """\n\n    definition = __doc__\n'
    ),
    "tier through a variable": _subject(f"    definition = {_TEXT}\n", head="Tier = dj.Manual\n\n\n", bases="Tier"),
    "own base of datajoint": _subject(
        f"    definition = {_TEXT}\n", head="class Mine(dj.Manual):\n    pass\n\n\n", bases="Mine"
    ),
    "own base without tier": _subject(
        f"    definition = {_TEXT}\n",
        head="class Tools:\n    def show(self):\n        return 1\n\n\n",
        bases="Tools, dj.Manual",
    ),
    "full path of the tier": _subject(f"    definition = {_TEXT}\n", bases="dj.user_tables.Manual"),
    # how parents are named
    "parent by class": {
        **_everywhere("", ""),
        "subject.py": PLAIN["subject"].replace("from . import lab", "from .lab import Lab").replace("lab.Lab", "Lab"),
    },
    "parent by alias": {
        **_everywhere("", ""),
        "subject.py": PLAIN["subject"]
        .replace("from . import lab", "from . import lab as l")
        .replace("lab.Lab", "l.Lab"),
    },
    "absolute import": {
        **_everywhere("", ""),
        "subject.py": PLAIN["subject"].replace("from . import lab", "from workflow import lab"),
    },
    "dotted import": {
        **_everywhere("", ""),
        "subject.py": PLAIN["subject"]
        .replace("from . import lab", "import workflow.lab")
        .replace("lab.Lab", "workflow.lab.Lab")
        .replace("import workflow.workflow.lab", "import workflow.lab"),
    },
    "wildcard": {
        **_everywhere("", ""),
        "subject.py": PLAIN["subject"].replace("from . import lab\n", "from .lab import *\n").replace("lab.Lab", "Lab"),
    },
    "through the package": {
        **_everywhere("", ""),
        "__init__.py": "from .lab import Lab\n",
        "subject.py": PLAIN["subject"].replace("from . import lab", "from . import Lab").replace("lab.Lab", "Lab"),
    },
    "parent bound by a variable": {
        **_everywhere("", ""),
        "subject.py": PLAIN["subject"]
        .replace("from . import lab\n", "from . import lab\nParent = lab.Lab\n")
        .replace("-> lab.Lab", "-> Parent"),
    },
    # parts
    "part from a base": {
        **_everywhere("", ""),
        "scan.py": PLAIN["scan"]
        .replace(
            "@schema\nclass Scan",
            'class FrameBase(dj.Part):\n    definition = """\n    -> master\n    frame : int32\n    """\n\n\n@schema\nclass Scan',
        )
        .replace(
            '    class Frame(dj.Part):\n        definition = """\n        -> master\n        frame : int32\n        """\n',
            "    class Frame(FrameBase):\n        pass\n",
        ),
    },
    "part by dj.PartTable": {**_everywhere("", ""), "scan.py": PLAIN["scan"].replace("-> master", "-> Scan")},
    "part below an if": {
        **_everywhere("", ""),
        "scan.py": PLAIN["scan"].replace(
            '    class Frame(dj.Part):\n        definition = """\n        -> master\n        frame : int32\n        """\n',
            '    if True:\n\n        class Frame(dj.Part):\n            definition = """\n            -> master\n            frame : int32\n            """\n',
        ),
    },
    # layouts
    "a package for each": {
        f"src/workflow/{n}/__init__.py": t.replace("from . import", "from .. import") for n, t in PLAIN.items()
    },
    # more of each
    "part assigned": {
        **_everywhere("", ""),
        "scan.py": _undecorated("")["scan.py"]
        .replace("    class Frame(dj.Part):\n", "class Frame(dj.Part):\n")
        .replace('        definition = """\n        -> master\n        frame : int32\n        """\n', FRAME_TEXT)
        .replace("class Fit", "Scan.Frame = Frame\nschema(Scan)\n\n\n@schema\nclass Fit")
        .replace(MAKE_OF_SCAN, "")
        .replace("class Frame", MAKE_OF_SCAN + "\n\nclass Frame"),
    },
    "tier by another name": _subject(
        f"    definition = {_TEXT}\n", head="from datajoint import Manual as M\n\n\n", bases="M"
    ),
    "tier from its module": _subject(
        f"    definition = {_TEXT}\n", head="from datajoint.user_tables import Manual\n\n\n", bases="Manual"
    ),
    "module by another name": {
        **_everywhere("", ""),
        "subject.py": PLAIN["subject"].replace("from . import lab", "import workflow.lab as lab"),
    },
    "parent imported in a try": {
        **_everywhere("", ""),
        "subject.py": PLAIN["subject"].replace(
            "from . import lab", "try:\n    from . import lab\nexcept ImportError:\n    lab = None"
        ),
    },
    "parent imported for types and at run time": {
        **_everywhere("", ""),
        "subject.py": PLAIN["subject"].replace(
            "from . import lab\n",
            "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from . import lab\nelse:\n    from . import lab\n",
        ),
    },
    "schema class alone": {
        name: text.replace(
            "import datajoint as dj\n", "import datajoint as dj\nfrom datajoint import Schema\n"
        ).replace("dj.Schema(", "Schema(")
        for name, text in _everywhere("", "").items()
    },
    "subclass with a prefix of its own": _schema(
        'class LabSchema(dj.Schema):\n    def __init__(self, name):\n        super().__init__("" + name)\n\n\n'
        'schema = LabSchema("NAME")'
    ),
    "schema of the package": {
        **{
            f"{name}.py": text.replace(f'schema = dj.Schema("{name}")', f"from . import {name}_schema as schema")
            for name, text in PLAIN.items()
        },
        "__init__.py": "import datajoint as dj\n\n"
        + "".join(f'{name}_schema = dj.Schema("{name}")\n' for name in PLAIN),
    },
    "text of a class elsewhere": _subject("    definition = Texts.SUBJECT\n", head="from .texts import Texts\n\n\n")
    | {"texts.py": f"class Texts:\n    SUBJECT = {_TEXT}\n"},
    "text joined of texts elsewhere": _subject(
        "    definition = KEY + '-> lab.Lab'\n", head="from .texts import KEY\n\n\n"
    )
    | {"texts.py": 'KEY = "subject_id : int32\\n---\\n"\n'},
    "text in an f-string from elsewhere": _subject(
        '    definition = f"""\n    subject_id : {texts.KIND}\n    ---\n    -> lab.Lab\n    """\n',
        head="from . import texts\n\n\n",
    )
    | {"texts.py": 'KIND = "int32"\n'},
    "first of two definitions in the bases": _subject(
        "    pass\n",
        head=f"class A:\n    definition = {_TEXT}\n\n\nclass B:\n    definition = 'x : int32'\n\n\n",
        bases="A, B, dj.Manual",
    ),
    "diamond": _subject(
        "    pass\n",
        head=f"class A:\n    definition = 'x : int32'\n\n\nclass B(A):\n    pass\n\n\n"
        f"class C(A):\n    definition = {_TEXT}\n\n\n",
        bases="B, C, dj.Manual",
    ),
}
