"""Stores that a target moves: typing errors in their names and attributes are told."""

import pytest

from djproject.project.schema import SettingProblem
from djproject.project.settings import Layer
from djproject.project.stores import PROTOCOLS
from djproject.project.tables import DataJointTable, TargetTable, target_store_problems

STORES = {"m": {"protocol": "s3", "bucket": "b"}, "p": {"protocol": "plugin"}}
S3 = ", ".join(PROTOCOLS["s3"].allowed)
FILE = ", ".join(PROTOCOLS["file"].allowed)
BOTH = ", ".join(dict.fromkeys((*PROTOCOLS["s3"].allowed, *PROTOCOLS["file"].allowed)))


@pytest.mark.parametrize(
    ("target", "name", "spec", "problems"),
    [
        ("lab", "m", {"bucket": "c", "secure": True}, []),
        ("lab", "m", {"bucked": "c"}, [("bucked", S3)]),
        ("lab", "m", {"x": 1, "location": "a", "y": 2}, [("x", S3), ("y", S3)]),
        ("lab", "m", {"protocol": "file", "location": "c"}, []),
        ("lab", "m", {"protocol": "file", "bucket": "c"}, [("bucket", FILE)]),
        ("lab", "p", {"anything": 1}, []),
        ("lab", "new", {"protocol": "file", "location": "/x"}, []),
        ("lab", "new", {"protocol": "file", "secure": True}, [("secure", FILE)]),
        ("embedded", "m", {"location": "/x", "bucket": "c"}, []),
        ("stack", "m", {"lokation": "/x"}, [("lokation", BOTH)]),
        ("embedded", "p", {"anything": 1}, []),
    ],
)
def test_an_attribute_that_no_protocol_has_there_is_told(
    target: str, name: str, spec: dict[str, object], problems: list[tuple[str, str]]
) -> None:
    where = f"[tool.djproject.targets.{target}.stores.{name}]"
    path = ("tool", "djproject", "targets", target, "stores", name)
    table = TargetTable(stores={name: spec})  # type: ignore[dict-item]
    assert list(target_store_problems({target: table}, STORES)) == [
        SettingProblem(
            (*path, key), f"{where}: a store of this protocol has no attribute {key!r}.", f"Allowed: {allowed}"
        )
        for key, allowed in problems
    ]


@pytest.mark.parametrize(("stores", "hint"), [(STORES, "Stores: m, p"), ({}, "Stores: none")])
def test_a_store_that_is_only_moved_must_exist(stores: dict[str, dict[str, str]], hint: str) -> None:
    targets = {"a": TargetTable(), "lab": TargetTable(stores={"raw": {"location": "/x"}})}
    path = ("tool", "djproject", "targets", "lab", "stores", "raw")
    message = "[tool.djproject.targets.lab.stores.raw]: there is no store called 'raw'."
    assert list(target_store_problems(targets, stores)) == [SettingProblem(path, message, hint)]


def test_what_datajoints_table_says_is_one_layer_of_settings() -> None:
    table = DataJointTable({"safemode": False, "loglevel": "INFO"}, {"m": {"protocol": "file"}}, {"default": "m"})
    sources = {"safemode": "pyproject.toml", "loglevel": "pyproject.toml"}
    assert table.layer() == Layer(table.values, sources, table.stores, "pyproject.toml", {"default": "m"})
    assert not table.layer().replaces_stores
