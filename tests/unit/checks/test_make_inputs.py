"""What a make depends on beside its ancestors: randomness, the time, files; also through other modules' functions."""

from pathlib import Path

import pytest

from djproject.pipeline.inputs import may_have_inputs
from tests.checking import findings_in, module, table, write_project

MAKE = "    def make(self, key):\n        {}\n        self.insert1(key)"
IMPORTS = (
    "import datetime\nimport os\nimport random\nimport time\nimport uuid\nfrom datetime import datetime as dt\n"
    "from pathlib import Path\nfrom random import shuffle\n\nimport h5py\nimport numpy as np\nimport pandas as pd\n\n"
    'ROOT = "/data"\nNAME = ROOT + "/x"\n'
)


def messages(
    root: Path, make: str, *, imports: str = IMPORTS, tier: str = "Computed", rule: str = "DJP242"
) -> list[str]:
    tables = [
        table("A", "k : int32"),
        table("B", "-> A", tier=tier, body=MAKE.format(make.replace("\n", "\n        "))),
    ]
    write_project(root, {"a.py": module("a", imports, *tables)}, git=False)
    return [finding.message for finding in findings_in(root, [rule])]


@pytest.mark.parametrize(
    ("make", "what"),
    [
        ("x = random.random()", "randomness: random.random"),
        ("x = np.random.rand(3)", "randomness: np.random.rand"),
        ("x = np.random.default_rng()", "randomness: np.random.default_rng"),
        ("x = np.random.default_rng(None)", "randomness: np.random.default_rng"),
        ("x = random.Random()", "randomness: random.Random"),
        ("shuffle([1, 2])", "randomness: shuffle"),
        ("x = uuid.uuid4()", "randomness: uuid.uuid4"),
        ("x = os.urandom(3)", "randomness: os.urandom"),
        ("np.random.seed()\nx = np.random.rand()", "randomness: np.random.rand"),
        ("key['x'] = datetime.datetime.now()", "the time: datetime.datetime.now"),
        ("key['x'] = dt.now()", "the time: dt.now"),
        ("key['x'] = time.time()", "the time: time.time"),
        ("key['x'] = time.gmtime()", "the time: time.gmtime"),
        ("self.insert1({**key, 't': dt.now()})", "the time: dt.now"),
        ("now = dt.now()\nself.insert1(dict(key, t=now))", "the time: dt.now"),
        ("now = time.time()\nkey['x'] = now", "the time: time.time"),
        ("now = time.time()\nprint(now)\nkey['x'] = now", "the time: time.time"),
        ("x = open('/data/x').read()", "a file: open"),
        ("x = np.load(f'/data/{key[\"k\"]}.npy')", "a file: np.load"),
        ("x = pd.read_csv(Path('/data') / 'x.csv')", "a file: pd.read_csv"),
        ("x = pd.read_csv(os.path.join(ROOT, 'x.csv'))", "a file: pd.read_csv"),
        ("x = pd.read_csv(NAME)", "a file: pd.read_csv"),
        ("import numpy\nx = numpy.load('x.npy')", "a file: numpy.load"),
    ],
)
def test_what_is_not_in_the_key(tmp_path: Path, make: str, what: str) -> None:
    assert messages(tmp_path, make) == [f"The make of B depends on {what}()."]


@pytest.mark.parametrize(
    "make",
    [
        "x = np.random.default_rng(3).random()", "x = random.Random(key['k']).random()",
        "np.random.seed(key['k'])\nx = np.random.rand()", "random.seed(1)\nx = random.random()",
        "start = time.time()\nx = 1\nprint(time.time() - start)", "logger.info(f'at {dt.now()}')",
        "started = time.time()\nlogging.info('%s', time.time() - started)", "x = time.perf_counter()",
        "time.time()", "time.sleep(0.1)", "time.sleep(random.random())", "x = dt(2024, 1, 1)", "key['x'] = time.gmtime(0)",
        "path = (A & key).fetch1('k')\nx = np.load(path)", "x = np.load(key['k'])", "x = open('/tmp/x', 'w')",
        "x = h5py.File('/tmp/x', mode='w')", "x = np.load((A & key).fetch1('k'))", "x = 'random.random()'",
        "random = {}\nx = key.random()", "x = self.load('/data')",
    ],
)  # fmt: skip
def test_what_is_no_input(tmp_path: Path, make: str) -> None:
    assert messages(tmp_path, make) == []


def test_imported_tables_read_files(tmp_path: Path) -> None:
    assert messages(tmp_path, "x = open('/data/x').read()", tier="Imported") == []
    assert messages(tmp_path / "r", "x = random.random()", tier="Imported") != []


def test_source_without_such_words_is_not_parsed() -> None:
    assert not may_have_inputs("self.insert1({**key, 'x': 1})", ())


OTHER = "def helper(key):\n    return deeper(key)\n\n\ndef deeper(key):\n    {}\n"
WAYS = {
    "from .util import helper": "helper(key)",
    "from . import util": "util.helper(key)",
    "from .util import helper as other": "x = [other(k) for k in [key]]",
    "from workflow import util as u": "u.helper(key)",
}


@pytest.mark.parametrize(("line", "call"), WAYS.items())
def test_functions_of_other_modules_are_followed(tmp_path: Path, line: str, call: str) -> None:
    def found(rule: str, body: str) -> list[tuple[str, str]]:
        root = tmp_path / rule
        tables = [table("A", "k : int32"), table("X", "k : int32")]
        make = table("B", "-> a.A", tier="Computed", body=MAKE.format(call))
        files = {
            "a.py": module("a", *tables),
            "b.py": module("b", f"from . import a\n{line}", make),
            "util.py": f"import random\n\nfrom . import a\n\n\n{OTHER.format(body)}",
        }
        write_project(root, files, git=False)
        return [(finding.message, finding.location.path.rpartition("/")[2]) for finding in findings_in(root, [rule])]

    assert found("DJP242", "return random.random()") == [
        ("The make of B depends on randomness: random.random().", "util.py")
    ]
    assert found("DJP241", "a.X.insert1(key)") == [("The make of B changes the rows of a.X.", "util.py")]
    assert found("DJP221", "return a.X.fetch()") == [
        ("The make of B fetches from a.X, which is not upstream of it.", "util.py")
    ]


def test_functions_that_call_each_other_come_to_an_end(tmp_path: Path) -> None:
    files = {
        "a.py": module("a", "from . import b", table("A", "k : int32"),
                       table("B", "-> A", tier="Computed", body=MAKE.format("b.ping(key)")), "def pong(key):\n    b.ping(key)"),
        "b.py": "import random\n\n\ndef ping(key):\n    from . import a\n\n    a.pong(key)\n    random.random()\n",
    }  # fmt: skip
    write_project(tmp_path, files, git=False)
    assert [f.message for f in findings_in(tmp_path, ["DJP242"])] == [
        "The make of B depends on randomness: random.random()."
    ]


@pytest.mark.parametrize(
    "expression", ["dj.U('k') & X", "dj.U('k').aggr(X, n='count(*)')", "A.aggr(X, n='count(*)')", "A.join(X)", "A * X"]
)
def test_tables_inside_of_queries(tmp_path: Path, expression: str) -> None:
    tables = [table("A", "k : int32"), table("X", "k : int32")]
    tables.append(table("B", "-> A", tier="Computed", body=MAKE.format(f"x = ({expression}).fetch()")))
    write_project(tmp_path, {"a.py": module("a", *tables)}, git=False)
    assert [f.message for f in findings_in(tmp_path, ["DJP221"])] == [
        "The make of B fetches from a.X, which is not upstream of it."
    ]
