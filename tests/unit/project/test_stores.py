"""A store is accepted exactly where DataJoint accepts it, and its late traps are refused early."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from djproject.errors import ConfigError
from djproject.project.stores import COMMON_KEYS, PROTOCOLS, check_spec, find_protocol, looks_secret, plugin_protocols

KEYS = sorted({key for rules in PROTOCOLS.values() for key in rules.allowed} - {"protocol"})
VALUES = {"secure": True, "token_length": 8, "subfolding": [2, 2], "partition_pattern": "{subject_id}"}
PREFIXES = st.sampled_from(["_hash", "_schema", "a", "a/b", "/a/", "b"])


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(PROTOCOLS)),
    st.sets(st.sampled_from(KEYS)),
    st.dictionaries(st.sampled_from(["hash_prefix", "schema_prefix", "filepath_prefix"]), PREFIXES),
)
def test_check_spec_agrees_with_datajoint(protocol: str, keys: set[str], prefixes: dict[str, str]) -> None:
    import datajoint as dj
    from datajoint.errors import DataJointError

    spec = {"protocol": protocol, **{key: VALUES.get(key, f"x-{key}") for key in sorted(keys)}, **prefixes}
    if ("access_key" in spec) != ("secret_key" in spec):
        return  # DataJoint finds this only when it opens the store
    with dj.config.override(stores={"s": spec}):
        try:
            dj.config.get_store_spec("s")
            accepted = True
        except DataJointError:
            accepted = False
    if accepted:
        check_spec("s", spec)
    else:
        with pytest.raises(ConfigError) as refused:
            check_spec("s", spec)
        assert refused.value.hint


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"protocol": "S3", "endpoint": "e", "bucket": "b", "location": "l"}, "lower case"),
        ({"protocol": "minio", "location": "l"}, "No store protocol called 'minio'"),
        ({"protocol": "file", "location": "l", "partition_pattern": "subject_id/date"}, "in braces"),
        ({"protocol": "file", "location": "l", "token_length": 99}, "4 to 16"),
        ({"protocol": "file", "location": "l", "token_length": True}, "an integer"),
        ({"protocol": "file", "location": "l", "subfolding": "2,2"}, "a list"),
        ({"protocol": "s3", "endpoint": "", "bucket": "b", "location": "l"}, "missing endpoint"),
        ({"protocol": "file", "location": "l", "hash_prefix": "_schema"}, "overlap"),
        (
            {"protocol": "s3", "endpoint": "e", "bucket": "b", "location": "l", "access_key": "k"},
            "both or neither",
        ),
        ({"location": "l"}, "has no protocol"),
    ],
)
def test_traps_are_refused_with_a_reason(spec: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_spec("main", spec)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["default", "filepath_default", "a b", "1st", "x" * 64, "a.b"])
def test_names_that_are_no_store_are_refused(name: str) -> None:
    from djproject.errors import ProjectError

    with pytest.raises(ProjectError):
        check_spec(name, {"protocol": "file", "location": "l"})


def test_the_secrets_of_every_protocol_look_secret_and_its_other_keys_do_not() -> None:
    for rules in PROTOCOLS.values():
        assert all(looks_secret(key) for key in rules.secrets)
        assert not any(looks_secret(key) for key in {*rules.allowed, *COMMON_KEYS} - set(rules.secrets))


PLUGIN = """
from datajoint.storage_adapter import StorageAdapter

class Adapter(StorageAdapter):
    protocol = "labfs"
    required_keys = ("server",)
    allowed_keys = ("server", "share", "labfs_token")

    def create_filesystem(self, spec):
        raise NotImplementedError
"""


def test_an_installed_storage_plugin_brings_its_own_keys_and_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A distribution on the path with an entry point, as pip would install it; DataJoint agrees on every spec."""
    import datajoint as dj
    from datajoint import storage_adapter
    from datajoint.errors import DataJointError

    (tmp_path / "labfs_plugin.py").write_text(PLUGIN)
    info = tmp_path / "labfs_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: labfs-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[datajoint.storage]\nlabfs = labfs_plugin:Adapter\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(storage_adapter, "_adapters_loaded", False)
    monkeypatch.setattr(storage_adapter, "_adapter_registry", {})
    assert "labfs" in plugin_protocols()
    assert find_protocol("labfs").secrets == ("labfs_token",)
    for keys in ((), ("server",), ("server", "share"), ("server", "location"), ("server", "bucket"), ("share",)):
        spec = {"protocol": "labfs", **dict.fromkeys(keys, "x")}
        with dj.config.override(stores={"s": spec}):
            try:
                dj.config.get_store_spec("s")
            except DataJointError:
                with pytest.raises(ConfigError):
                    check_spec("s", spec)
            else:
                check_spec("s", spec)
