"""Break the code on purpose and see which tests notice: `python -m tests.mutations [WORDS …]`.

Each entry of the `*.toml` files beside this one is one change of meaning: a file, the text to replace, its replacement
and the tests that must fail. The changes are applied one at a time to copies of the repository, never to the checkout.
Exit code 1 if fewer than 85 % are noticed, or if an entry no longer fits the code.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).parents[2]
LEAST_NOTICED = 0.85
LONGEST_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of meaning and the tests that must notice it.

    Attributes
    ----------
    name
        What the change breaks, in words.
    file
        The module, relative to the repository.
    old, new
        The text to replace, which occurs exactly once, and its replacement.
    tests
        Arguments for pytest: files, or `file::test`.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def apply(self, root: Path) -> str | None:
        """Write the changed module; its original text, or None if the entry does not fit the code."""
        path = root / self.file
        text = path.read_text("utf-8")
        if text.count(self.old) != 1:
            return None
        path.write_text(text.replace(self.old, self.new), "utf-8")
        return text


def read_mutations(folder: Path = Path(__file__).parent) -> list[Mutation]:
    """All entries, by file and in the order written."""
    found = []
    for path in sorted(folder.glob("*.toml")):
        for entry in tomllib.loads(path.read_text("utf-8"))["mutation"]:
            entry["tests"] = tuple(entry["tests"])
            found.append(Mutation(**entry))
    return found


def copy_of_the_repository(folder: Path) -> Path:
    """The files that git knows, and the new ones, in a folder of their own."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def outcome(mutation: Mutation, root: Path) -> str:
    """`noticed`, `UNNOTICED`, or `DOES NOT FIT` the code any more."""
    original = mutation.apply(root)
    if original is None:
        return "DOES NOT FIT"
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *mutation.tests]
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        answer = subprocess.run(command, cwd=root, env=environment, capture_output=True, timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        return "noticed"
    finally:
        (root / mutation.file).write_text(original, "utf-8")
    if answer.returncode not in {0, 1}:
        return "DOES NOT FIT"  # pytest could not run these tests
    return "noticed" if answer.returncode == 1 else "UNNOTICED"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", help="only entries whose file or name has one of these words")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many to try at the same time")
    options = parser.parse_args()
    chosen = [m for m in read_mutations() if not options.words or any(w in f"{m.file} {m.name}" for w in options.words)]
    counts = dict.fromkeys(("noticed", "UNNOTICED", "DOES NOT FIT"), 0)
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(options.jobs):
            copies.put(copy_of_the_repository(Path(folder) / str(number)))

        def attempt(mutation: Mutation) -> tuple[Mutation, str]:
            copy = copies.get()
            try:
                return mutation, outcome(mutation, copy)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(options.jobs) as pool:
            for mutation, result in pool.map(attempt, chosen):
                counts[result] += 1
                print(f"{result:<12}  {mutation.file}: {mutation.name}", flush=True)
    tried = counts["noticed"] + counts["UNNOTICED"]
    share = counts["noticed"] / tried if tried else 0.0
    print(f"{counts['noticed']} of {tried} changes noticed ({share:.0%}); {counts['DOES NOT FIT']} do not fit the code")
    return 0 if share >= LEAST_NOTICED and not counts["DOES NOT FIT"] else 1


if __name__ == "__main__":
    sys.exit(main())
