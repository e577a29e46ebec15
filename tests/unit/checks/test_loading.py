"""The digest of what was read changes with everything a finding can depend on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from djproject.checks import loading
from djproject.checks.loading import Inputs, load_inputs
from djproject.project.schema import SettingProblem
from tests.checking import module, write_project

CHANGES: dict[str, Callable[[Inputs], Inputs]] = {
    "a byte of a file": lambda inputs: inputs._replace(
        files={path: data.replace(b"datajoint", b"datajoinT") for path, data in inputs.files.items()}
    ),
    "a file's name": lambda inputs: inputs._replace(
        files={path.with_name(f"x{path.name}"): data for path, data in inputs.files.items()}
    ),
    "one file less": lambda inputs: inputs._replace(files=dict(list(inputs.files.items())[1:])),
    "the names in the root": lambda inputs: inputs._replace(names=inputs.names | {"new"}),
    "what git tracks": lambda inputs: inputs._replace(tracked=frozenset({".env"})),
    "what git does not ignore": lambda inputs: inputs._replace(unignored=frozenset({".env"})),
    "whether it is a repository": lambda inputs: inputs._replace(in_git=not inputs.in_git),
    "settings that cannot be read": lambda inputs: inputs._replace(
        setting_problems=(SettingProblem(("tool",), "no", ""),)
    ),
}


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return load_inputs(write_project(tmp_path, {"a.py": module("a"), "b.py": module("b")}, git=False))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_digest_changes_with(inputs: Inputs, change: Callable[[Inputs], Inputs]) -> None:
    assert inputs.digest() == inputs._replace(files=dict(inputs.files)).digest()
    assert change(inputs).digest() != inputs.digest()


def test_tracked_and_not_ignored_are_told_apart(inputs: Inputs) -> None:
    one, other = inputs._replace(tracked=frozenset({".env"})), inputs._replace(unignored=frozenset({".env"}))
    assert one.digest() != other.digest()


def test_the_digest_changes_with_the_version_and_what_is_installed(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = inputs.digest()
    monkeypatch.setattr(loading, "__version__", "999")
    assert inputs.digest() != before
    monkeypatch.undo()
    (tmp_path / "dist-packages").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "dist-packages"))
    assert inputs.digest() != before


def test_the_digest_is_kept_apart_from_the_order_of_names(inputs: Inputs) -> None:
    assert inputs._replace(names=frozenset(sorted(inputs.names, reverse=True))).digest() == inputs.digest()
