"""A package as a Git revision has it: its files are read from the repository, and nothing is checked out."""

import subprocess
from pathlib import Path

from djproject.errors import ProjectError
from djproject.pipeline.linking import link
from djproject.pipeline.model import Pipeline
from djproject.pipeline.reading import LARGEST_FILE_BYTES
from djproject.pipeline.source import read_files
from djproject.project.git import ask_git

REGULAR = (b"100644", b"100755")


def pipeline_at(folder: Path, package: str, revision: str) -> tuple[Pipeline, dict[Path, bytes]]:
    """The pipeline of a package in a revision, and the bytes of its files by the paths they would have today.

    Raises
    ------
    ProjectError
        There is no such revision, no repository, or the revision does not have the package in this folder.
    """
    files = files_at(folder, revision)
    if not files:
        raise ProjectError(
            f"The revision {revision} has no Python file in {folder.name}.", hint="git log --oneline -- '*.py'"
        )
    return link(package, *read_files(folder, package, files)), files


def files_at(folder: Path, revision: str) -> dict[Path, bytes]:
    """The Python files that a revision has below a folder of today, sorted by path; links are left out.

    Raises
    ------
    ProjectError
        There is no such revision, or no repository.
    """
    try:
        commit = ask_git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        listed = ask_git(folder, "ls-tree", "-r", "-z", "-l", commit.decode().strip())
        objects = dict(_python_files(listed))
        contents = _contents(
            ask_git(folder, "cat-file", "--batch", given=["".join(f"{o}\n" for o in objects.values())])
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ProjectError(f"{revision} is no revision that Git knows here.", hint="git log --oneline") from error
    return {folder / name: contents[name_of] for name, name_of in sorted(objects.items())}


def _python_files(listed: bytes) -> list[tuple[str, str]]:
    """The names of regular Python files in the answer of `ls-tree -r -z -l`, with their objects."""
    found = []
    for entry in filter(None, listed.split(b"\0")):
        facts, _, name = entry.partition(b"\t")
        mode, _, of, size = facts.split()
        if mode in REGULAR and name.endswith(b".py") and int(size) <= LARGEST_FILE_BYTES:
            found.append((name.decode(errors="surrogateescape"), of.decode()))
    return found


def _contents(answer: bytes) -> dict[str, bytes]:
    """The objects in the answer of `cat-file --batch`: a line with name, type and size, then the bytes."""
    found, start = {}, 0
    while start < len(answer):
        end = answer.index(b"\n", start)
        name, _, size = answer[start:end].split()
        found[name.decode()] = answer[end + 1 : end + 1 + int(size)]
        start = end + 2 + int(size)
    return found
