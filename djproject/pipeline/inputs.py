"""What code takes in beside its arguments: randomness without a seed, the time, files with a path of its own."""

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from djproject.pipeline.definition import dotted
from djproject.pipeline.module import Import, Place

RANDOMNESS, TIME, FILE = "randomness", "the time", "a file"
_RANDOM = re.compile(
    r"random\.(?!seed$|getstate$|setstate$)\w+|numpy\.random\.(?!seed$|get_state$|set_state$)\w+"
    r"|uuid\.uuid[14]|secrets\.\w+|os\.urandom|torch\.(rand|randn|randint|randperm|normal|bernoulli|multinomial)"
)
_SEEDED = {"numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.SeedSequence", "random.Random",
           "numpy.random.Generator", "numpy.random.PCG64", "numpy.random.MT19937", "numpy.random.Philox"}  # fmt: skip
_SEEDS = {"random.seed": "random.", "numpy.random.seed": "numpy.random.", "torch.manual_seed": "torch."}
_CLOCKS = re.compile(
    r"time\.(time|time_ns|localtime|gmtime|ctime|asctime)|datetime\.(datetime\.(now|utcnow|today)|date\.today)"
    r"|pandas\.Timestamp\.(now|today|utcnow)"
)
_READERS = re.compile(
    r"open|io\.open|numpy\.(load|loadtxt|genfromtxt|fromfile|memmap)|pandas\.read_\w+|h5py\.File|scipy\.io\.loadmat"
    r"|scipy\.io\.wavfile\.read|cv2\.imread|imageio(\.v[23])?\.imread|skimage\.io\.imread|tifffile\.(imread|TiffFile)"
    r"|xarray\.open_\w+|zarr\.open|PIL\.Image\.open|nibabel\.load|mat73\.loadmat|joblib\.load|soundfile\.read"
)
_WRITES = re.compile(r"[wax]b?\+?|[wax]\+?b?")
_ASIDE = re.compile(r"print|\w*log\w*\.\w+|(time\.)?sleep", re.IGNORECASE)
_OF_A_TIME = {"time.localtime", "time.gmtime", "time.ctime", "time.asctime"}  # with an argument: not of now
_SOURCES = {"random", "numpy.random", "time", "datetime", "uuid", "secrets"}
_MANY = {"numpy", "os", "torch", "pandas", "scipy.io", "PIL", "io"}
_WORDS = ("random", "Timestamp", "torch", "open", "load", "read", "fromfile", "fromtxt", "File", "memmap", "Tiff")


class Input(NamedTuple):
    """One thing that code takes in.

    Attributes
    ----------
    kind
        "randomness", "the time" or "a file".
    name
        The call as it is written: `np.random.rand`.
    place
        Where.
    """

    kind: str
    name: str
    place: Place


def may_have_inputs(text: str, imports: Iterable[Import]) -> bool:
    """Whether it is worth while to parse a piece of a module that imports these: it has a word of theirs."""
    words = [re.escape(item.local) for item in imports if item.base in _SOURCES or (item.base in _MANY and item.name)]
    return any(word in text for word in _WORDS) or bool(words and re.search(rf"\b({'|'.join(words)})\b", text))


def inputs(functions: Collection[ast.AST], module: ast.Module) -> list[Input]:
    """What functions of a module take in.

    Of the time, durations and what is only printed or logged do not count; of files, only those whose path begins with
    a literal, so that a path from the database is none.
    """
    imported = _imported(module, functions)
    constants = _constants(module)
    found: list[Input] = []
    seeded: set[str] = set()
    for function in functions:
        parents = {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}
        for node in ast.walk(function):
            if not isinstance(node, ast.Call) or not (written := dotted(node.func)):
                continue
            name = _full(written, imported)
            if name in _SEEDS and (node.args or node.keywords):
                seeded.add(_SEEDS[name])
            kind = _kind(name, node, constants)
            if kind is None or _is_aside(node, parents) or (kind == TIME and _is_duration(node, function, parents)):
                continue
            found.append(Input(kind, written, Place(node.lineno, node.col_offset + 1)))
    return [
        each
        for each in found
        if each.kind != RANDOMNESS or not any(_full(each.name, imported).startswith(start) for start in seeded)
    ]


def _kind(name: str, call: ast.Call, constants: Collection[str]) -> str | None:
    if _RANDOM.fullmatch(name):
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        has_seed = any(not (isinstance(value, ast.Constant) and value.value is None) for value in given)
        return None if name in _SEEDED and has_seed else RANDOMNESS
    if _CLOCKS.fullmatch(name) and not (name in _OF_A_TIME and call.args):
        return TIME
    if _READERS.fullmatch(name) and call.args and _is_literal(call.args[0], constants) and not _writes(call):
        return FILE
    return None


def _writes(call: ast.Call) -> bool:
    modes = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return any(isinstance(mode, ast.Constant) and bool(_WRITES.fullmatch(str(mode.value))) for mode in modes)


def _is_literal(path: ast.expr, constants: Collection[str]) -> bool:
    """Whether a path begins with text in the source: `"/data"`, `Path("/data") / name`, `f"/data/{name}"`."""
    match path:
        case ast.Constant(value=str()):
            return True
        case ast.JoinedStr(values=[ast.Constant(), *_]):
            return True
        case ast.BinOp(left=left, op=ast.Div() | ast.Add() | ast.Mod()):
            return _is_literal(left, constants)
        case ast.Call(func=function, args=[first, *_]):
            return dotted(function).rpartition(".")[2] in {"Path", "join", "expanduser", "str"} and _is_literal(
                first, constants
            )
        case ast.Name(id=name):
            return name in constants
    return False


def _is_duration(call: ast.Call, function: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> bool:
    """Whether a time is only subtracted, printed or logged, directly or by the name it is given."""
    parent = parents.get(call)
    if isinstance(parent, ast.Expr) or _is_subtracted(call, parents):
        return True
    if not (isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name)):
        return False
    name = parent.targets[0].id
    uses = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]
    return all(_is_aside(use, parents) or _is_subtracted(use, parents) for use in uses)


def _is_aside(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> bool:
    """Whether a value is printed, logged or slept for."""
    return any(
        isinstance(outer, ast.Call) and inner is not outer.func and _ASIDE.fullmatch(dotted(outer.func))
        for inner, outer in _around(node, parents)
    )


def _is_subtracted(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> bool:
    return any(isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Sub) for _, outer in _around(node, parents))


def _around(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> Iterator[tuple[ast.AST, ast.AST]]:
    """The expressions around one, outwards, each after what it has inside."""
    while isinstance(outer := parents.get(node), ast.expr | ast.FormattedValue | ast.keyword):
        yield node, outer
        node = outer


def _full(written: str, imported: Mapping[str, str]) -> str:
    """`np.random.rand` → `numpy.random.rand`; a name of a builtin stays, any other is no import and means nothing."""
    head, _, rest = written.partition(".")
    if head not in imported:
        return written if written == "open" else ""
    return f"{imported[head]}.{rest}" if rest else imported[head]


def _imported(module: ast.Module, functions: Collection[ast.AST]) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in (each for tree in (module, *functions) for each in ast.walk(tree)):
        match node:
            case ast.Import(names=names):
                for item in names:
                    top = item.name.partition(".")[0]
                    found[item.asname or top] = item.name if item.asname else top
            case ast.ImportFrom(module=str(base), names=names, level=0):
                found |= {item.asname or item.name: f"{base}.{item.name}" for item in names}
    return found


def _constants(module: ast.Module) -> set[str]:
    """The names that a module gives to paths that are written in it."""
    found: set[str] = set()
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_literal(value, found):
                found.add(name)
    return found
