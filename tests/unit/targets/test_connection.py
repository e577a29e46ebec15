"""DataJoint is the project's own dependency: missing or unsupported, one sentence says so."""

import sys
import tomllib
from pathlib import Path

import pytest

from djproject.checks import project_rules
from djproject.errors import EnvironmentUnavailableError
from djproject.targets import probes
from djproject.targets.connection import DATAJOINT, OLDEST_DATAJOINT, import_datajoint

ROOT = Path(__file__).parents[3]


def test_a_missing_datajoint_is_one_sentence_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datajoint", None)
    with pytest.raises(EnvironmentUnavailableError) as caught:
        import_datajoint()
    assert caught.value.message == "DataJoint is not installed in this environment."
    assert "pip install -e ." in caught.value.hint


@pytest.mark.parametrize("version", ["0.14.4", "2.3.4", "3.0.0"])
def test_an_unsupported_datajoint_is_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(import_datajoint(), "__version__", version)
    with pytest.raises(EnvironmentUnavailableError) as caught:
        import_datajoint()
    assert caught.value.message == f"DataJoint {version} is installed, but djproject needs datajoint>=2.3.5,<3."
    assert caught.value.hint == f"pip install '{DATAJOINT}'"


@pytest.mark.parametrize("version", ["2.3.5", "2.3.6rc1", "2.10.0"])
def test_a_supported_datajoint_is_imported(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(import_datajoint(), "__version__", version)
    assert import_datajoint().__version__ == version


def test_the_requirement_is_the_one_of_the_package() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["datajoint"] == [DATAJOINT]


def test_check_asks_for_the_same_version() -> None:
    assert project_rules.FLOOR == OLDEST_DATAJOINT


@pytest.mark.parametrize(
    ("version", "state"), [("2.3.4", "failed"), ("2.3.5", "ok"), ("2.9", "ok"), ("3.0.0", "failed")]
)
def test_doctor_asks_for_the_same_version(monkeypatch: pytest.MonkeyPatch, version: str, state: str) -> None:
    monkeypatch.setattr(probes.metadata, "version", lambda name: version)
    probe = probes._datajoint_probe()
    assert (probe.name, str(probe.state), version in probe.detail) == ("datajoint", state, True)
    assert probe.fix == ("" if state == "ok" else f"pip install '{DATAJOINT}'")
