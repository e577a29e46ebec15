"""What a function takes in beside its arguments: which calls count, under which name, and where."""

import ast

import pytest

from djproject.pipeline.inputs import FILE, RANDOMNESS, TIME, Input, inputs, may_have_inputs
from djproject.pipeline.module import Import, Place

IMPORTS = (
    "import datetime\nimport numpy as np\nimport numpy.random\nimport os.path\nimport random, secrets, time, uuid, torch\n"
    "import pandas as pd\nimport logging\nfrom datetime import datetime as dt, date\nfrom pathlib import Path\n"
    "from random import Random, shuffle\nfrom time import sleep, time as now, ctime\nfrom numpy.random import default_rng\n"
    "from . import io\nfrom .time import gmtime\nROOT = '/data'\nNAME = ROOT + '/x'\nTUPLE = OTHER = '/data'\n"
    "COUNT = 3\nPLACE: str = '/data'\n"
)


def found(body: str, more: str = "") -> list[Input]:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    tree = ast.parse(f"def f(self, key):\n{lines}{IMPORTS}{more}")
    return inputs([node for node in tree.body if isinstance(node, ast.FunctionDef)], tree)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("random.random()", RANDOMNESS),
        ("random.seeds()", RANDOMNESS),
        ("shuffle(x)", RANDOMNESS),
        ("np.random.rand(3)", RANDOMNESS),
        ("numpy.random.rand(3)", RANDOMNESS),
        ("np.random.default_rng()", RANDOMNESS),
        ("default_rng(None)", RANDOMNESS),
        ("default_rng(seed=None)", RANDOMNESS),
        ("Random()", RANDOMNESS),
        ("random.sample(x, 3)", RANDOMNESS),
        ("uuid.uuid1()", RANDOMNESS),
        ("uuid.uuid4()", RANDOMNESS),
        ("secrets.token_hex(8)", RANDOMNESS),
        ("os.urandom(8)", RANDOMNESS),
        ("torch.randn(3)", RANDOMNESS),
        ("time.time()", TIME),
        ("now()", TIME),
        ("ctime()", TIME),
        ("time.localtime()", TIME),
        ("datetime.datetime.now()", TIME),
        ("datetime.datetime.now(3)", TIME),
        ("dt.utcnow()", TIME),
        ("date.today()", TIME),
        ("pd.Timestamp.now()", TIME),
        ("open('/data/x')", FILE),
        ("open('/data/x', 'r')", FILE),
        ("open('/data/x', mode='rb')", FILE),
        ("open('/data/x', mode)", FILE),
        ("open('/data/x', 'r', 'w')", FILE),
        ("open('/data/x', encoding='w')", FILE),
        ("np.load('x.npy')", FILE),
        ("np.load(f'x{key}')", FILE),
        ("np.load('x' + key)", FILE),
        ("np.load('x/%s' % key)", FILE),
        ("np.load(Path('x') / key / 'y')", FILE),
        ("np.load(str(Path('x')))", FILE),
        ("np.load(os.path.join('x', key))", FILE),
        ("np.load(os.path.expanduser('~/x'))", FILE),
        ("pd.read_csv(ROOT)", FILE),
        ("pd.read_csv(NAME + '.csv')", FILE),
    ],
)
def test_a_call_that_takes_something_in_is_found_as_it_is_written(call: str, kind: str) -> None:
    name = call.partition("(")[0]
    assert found(f"x = 1\nkey['x'] = {call}") == [Input(kind, name, Place(3, 16))]


@pytest.mark.parametrize(
    "call",
    [
        "random.seed()",
        "random.getstate()",
        "np.random.default_rng(3)",
        "default_rng(key)",
        "default_rng(seed=key)",
        "Random(3)",
        "uuid.uuid5(x, y)",
        "uuid.uuid3(x, y)",
        "torch.rand_like(x)",
        "time.localtime(3)",
        "time.gmtime(3)",
        "time.asctime(x)",
        "ctime(3)",
        "gmtime()",
        "time.perf_counter()",
        "dt(2024, 1, 1)",
        "datetime.datetime.strptime(x, y)",
        "pd.Timestamp(x)",
        "open()",
        "open(key)",
        "open(PLACE)",
        "open(OTHER)",
        "open(COUNT)",
        "open(3)",
        "open(file='/data/x')",
        "open('/data/x', 'w')",
        "open('/data/x', 'ab')",
        "open('/data/x', mode='x+')",
        "open('/data/x', 'wb+')",
        "io.open('/data/x')",
        "np.load(key)",
        "np.load(key + '/x')",
        "np.load(f'{key}/x')",
        "np.load('x' - key)",
        "np.load(Path())",
        "np.load(Path(key) / 'x')",
        "np.load(path.lower('x'))",
        "np.load(f()('x'))",
        "np.loads('x')",
        "other.random()",
        "other.open('/data/x')",
        "key['random']()",
        "random",
    ],
)
def test_a_call_that_takes_nothing_in_is_not(call: str) -> None:
    assert found(f"key['x'] = {call}") == []


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("x = random.random()\nrandom.seed(3)", []),
        ("random.seed(a=3)\nx = random.random()", []),
        ("random.seed()\nx = random.random()", ["random.random"]),
        ("np.random.seed(3)\nx = np.random.rand()", []),
        ("np.random.seed(3)\nx = random.random()", ["random.random"]),
        ("random.seed(3)\nx = np.random.rand()", ["np.random.rand"]),
        ("torch.manual_seed(3)\nx = torch.rand(3)", []),
        ("torch.manual_seed(3)\nx = uuid.uuid4()", ["uuid.uuid4"]),
        ("random.seed(3)\nx = shuffle(x)", []),
        ("random.seed(3)\ny = time.time()", ["time.time"]),
        ("random.seed(3)\ntorch.manual_seed(3)\nx = [torch.rand(3), random.random(), dt.now()]", ["dt.now"]),
    ],
)
def test_a_seed_makes_the_numbers_of_its_library_repeatable(body: str, names: list[str]) -> None:
    assert [each.name for each in found(f"{body}\nkey['y'] = y")] == names


@pytest.mark.parametrize(
    ("body", "counts"),
    [
        ("time.time()", False),
        ("x = time.time()", False),
        ("x = time.time() - start", False),
        ("x = start - time.time()", False),
        ("x = (time.time() + 3) - start", False),
        ("x = time.time() + 3", True),
        ("x = y = time.time()", True),
        ("x.y = time.time()", True),
        ("x: float = time.time()", True),
        ("return time.time()", True),
        ("x = time.time()\nprint(x)", False),
        ("x = time.time()\nprint(x)\nlog.info(1 - x)", False),
        ("x = time.time()\nprint(x)\nkey['x'] = x", True),
        ("x = time.time()\nkey['x'] = x - y", False),
        ("x = time.time()\nx = 3", False),
        ("y = x\nx = time.time()", True),
        ("x = time.time()\nkey['y'] = y", False),
        ("print(time.time())", False),
        ("print('at', str(dt.now()))", False),
        ("print(f'at {dt.now()}')", False),
        ("print(end=str(dt.now()))", False),
        ("logger.info(dt.now())", False),
        ("LOG.info(dt.now())", False),
        ("logging.warning(dt.now())", False),
        ("sleep(time.time())", False),
        ("time.sleep(time.time())", False),
        ("send(time.time())", True),
        ("printed(time.time())", True),
        ("x = [print, time.time()]", True),
        ("dt.now().print()", True),
        ("f()(time.time())", True),
    ],
)
def test_a_time_that_is_only_subtracted_printed_or_logged_is_none(body: str, counts: bool) -> None:
    assert [each.kind for each in found(body)] == ([TIME] if counts else [])


def test_what_is_printed_is_not_taken_in_whatever_it_is() -> None:
    assert found("print(random.random(), open('/x'))\nsleep(random.random())") == []
    assert [each.name for each in found("x = random.random() - 1")] == ["random.random"]


def test_what_several_functions_take_in_is_in_their_order_and_one_seed_is_enough() -> None:
    body = "key['x'] = dt.now()\nkey['y'] = [random.random(), open('/x')]"
    more = "def g(key):\n    import secrets as s\n    key['x'] = s.token_hex()\n    if key:\n        np.random.seed(1)\n    np.random.rand()\n"
    assert [(each.kind, each.name) for each in found(body, more)] == [
        (TIME, "dt.now"),
        (RANDOMNESS, "random.random"),
        (FILE, "open"),
        (RANDOMNESS, "s.token_hex"),
    ]


@pytest.mark.parametrize(
    ("line", "call", "counts"),
    [
        ("import numpy.random as r", "r.rand()", True),
        ("import numpy.random as r", "r.random.rand()", False),
        ("import scipy.io", "scipy.io.loadmat('x')", True),
        ("import scipy.io as numpy", "numpy.loadmat('x')", True),
        ("from scipy import io", "io.loadmat('x')", True),
        ("from scipy.io import loadmat as load", "load('x')", True),
        ("from .scipy.io import loadmat as load", "load('x')", False),
        ("from io import open", "open('x')", True),
        ("from codecs import open", "open('x')", False),
        ("from PIL import Image", "Image.open('x')", True),
        ("import PIL.Image", "PIL.Image.open('x')", True),
        ("import PIL.Image", "Image.open('x')", False),
    ],
)
def test_names_mean_what_is_imported_in_the_function_or_the_module(line: str, call: str, counts: bool) -> None:
    for text in (f"{line}\ndef g():\n    x = {call}\n", f"def g():\n    {line}\n    x = {call}\n"):
        tree = ast.parse(text)
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        assert bool(inputs(functions, tree)) is counts


def imported(local: str, base: str, name: str = "") -> Import:
    return Import(local, base, name, False, "import", Place(1, 1), Place(1, 9))


@pytest.mark.parametrize(
    ("text", "imports", "worth"),
    [
        ("x = 1", (), False),
        ("x = random()", (), True),
        ("Timestamp", (), True),
        ("torch", (), True),
        ("opened", (), True),
        ("loaded", (), True),
        ("reader", (), True),
        ("fromfile", (), True),
        ("fromtxt", (), True),
        ("h5.File", (), True),
        ("memmap", (), True),
        ("Tiff", (), True),
        ("dt.now()", (imported("dt", "datetime", "datetime"),), True),
        ("dt.now()", (imported("other", "os.path", "join"), imported("dt", "datetime", "datetime")), True),
        ("dt.now()", (imported("dt", "datetime"), imported("x", "time")), True),
        ("dt2.now()", (imported("dt", "datetime", "datetime"),), False),
        ("dt.now()", (imported("dt", "other", "datetime"),), False),
        ("n.abs(x)", (imported("n", "numpy"),), False),
        ("r.rand(x)", (imported("r", "numpy", "random"),), True),
        ("u()", (imported("u", "os", "urandom"),), True),
        ("s.x", (imported("s", "secrets"),), True),
        ("u.x", (imported("u", "uuid"),), True),
        ("t.x", (imported("t", "time"),), True),
        ("r.x", (imported("r", "numpy.random"),), True),
        ("Image.x", (imported("Image", "PIL", "Image"),), True),
        ("dxt", (imported("d.t", "time"),), False),
    ],
)
def test_source_is_parsed_where_it_has_a_word_of_what_may_be_taken_in(
    text: str, imports: tuple[Import, ...], worth: bool
) -> None:
    assert may_have_inputs(text, imports) is worth
