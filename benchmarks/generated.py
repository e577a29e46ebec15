"""A pipeline of any size, written to disk as people write them: varied names, comments, parts, make methods."""

import random
from pathlib import Path

WORDS = (
    "probe", "unit", "trace", "field", "trial", "block", "frame", "pulse", "spike", "depth", "phase", "gain",
    "clip", "mask", "axis",
)  # fmt: skip
TYPES = ["int32", "int16", "float64", "float32", "varchar(255)", "date", "bool", "<blob@main>", "enum('a', 'b')"]

PYPROJECT = """\
[project]
name = "generated"
dependencies = ["datajoint>=2.3.5"]

[tool.djproject]
package = "{package}"

[tool.datajoint.stores]
default = "main"

[tool.datajoint.stores.main]
protocol = "file"
location = "/tmp"
"""


def write_pipeline(root: Path, *, modules: int, tables_per_module: int, lines: int, package: str = "workflow") -> int:
    """Write `modules` schema modules below `root`; every module but the first few has upstream modules.

    Comments fill the files up to about `lines` lines. Returns the number of lines written.
    """
    chance = random.Random(20261124)
    folder = root / "src" / package
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text('"""A generated pipeline."""\n')
    (root / "pyproject.toml").write_text(PYPROJECT.format(package=package))
    for name in ("README.md", "LICENSE", ".gitignore"):
        (root / name).touch()
    for name in ("notebooks", "docs", "docker", "tests"):
        (root / name).mkdir()
    written = 0
    names: list[list[str]] = []
    for number in range(modules):
        upstream = sorted(chance.sample(range(number), min(number, 3)))
        names.append(_names(tables_per_module, chance))
        text = _module(number, upstream, names, chance)
        missing = lines * (number + 1) // modules - written - text.count("\n")
        text += "".join(f"# note {line}: what was learnt when this was first run\n" for line in range(missing))
        (folder / f"m{number:04}.py").write_text(text)
        written += text.count("\n")
    return written


def _names(count: int, chance: random.Random) -> list[str]:
    return [f"{chance.choice(WORDS).capitalize()}{chance.choice(WORDS).capitalize()}{index}" for index in range(count)]


def _module(number: int, upstream: list[int], names: list[list[str]], chance: random.Random) -> str:
    name, own = f"m{number:04}", names[number]
    lines = ['"""', f"Schema {name}: a step of the generated pipeline.", "", "Dependencies:"]
    lines += [f"    - m{other:04}: upstream" for other in upstream] or ["    - none"]
    lines += ["", "Provides:", *(f"    - {table}: one step" for table in own), '"""', "", "import datajoint as dj"]
    lines += ["", *(f"from . import m{other:04}" for other in upstream), "", f'schema = dj.Schema("{name}")', ""]
    for index in range(len(own)):
        if index == 0:
            parent = ""
        elif index <= len(upstream):
            parent = f"m{upstream[index - 1]:04}.{names[upstream[index - 1]][0]}"
        else:
            parent = own[index - 1]
        lines += _table(own[index], index, parent, index > len(upstream), chance)
    return "\n".join(lines) + "\n"


def _table(name: str, index: int, parent: str, computed: bool, chance: random.Random) -> list[str]:
    lines = ["@schema", f"class {name}(dj.{'Computed' if computed else 'Manual'}):", '    definition = """']
    if parent:
        lines.append(f"    -> {parent}")
    if not computed:
        lines.append(f"    {chance.choice(WORDS)}_{index} : int32  # number of the {chance.choice(WORDS)}")
    lines.append("    ---")
    word = chance.choice(WORDS)
    lines.append(f"    {word}_value : {chance.choice(TYPES)}  # {chance.choice(WORDS)} of the {word}")
    lines.append('    """')
    if computed:
        lines += ["    def make(self, key):", f"        row = ({parent} & key).fetch1()"]
        lines += ["        self.insert1({**key, **row})"]
    return lines
