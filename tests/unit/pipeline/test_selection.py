"""Selectors name modules and packages whole."""

from pathlib import Path

import pytest

from djproject.errors import ProjectError
from djproject.pipeline.selection import select
from djproject.pipeline.source import load_package
from tests.checking import module, table, write_project
from tests.unit.checks.cases import KEY


def names(root: Path, *selectors: str) -> set[str]:
    return {table.full_name for table in select(load_package(root / "src/workflow", "workflow"), selectors)}


def test_a_package_has_the_tables_of_its_modules_and_of_no_other(tmp_path: Path) -> None:
    text = module("x", table("T", *KEY))
    files: dict[str, str | bytes] = {
        "src/workflow/ephys/__init__.py": "",
        "src/workflow/ephys/core.py": text,
        "src/workflow/ephys/spikes.py": text,
        "ephys_old.py": text,
    }
    write_project(tmp_path, files)
    assert names(tmp_path, "ephys") == {"ephys.core.T", "ephys.spikes.T"}
    assert names(tmp_path, "ephys_old") == {"ephys_old.T"}
    assert names(tmp_path) == {"ephys.core.T", "ephys.spikes.T", "ephys_old.T"}
    for selector in ("ephy", "ephys.", "nothing", "kind:x", "tier:x", "store:x", "a..", "++x"):
        with pytest.raises(ProjectError):
            names(tmp_path, selector)
