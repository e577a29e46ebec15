"""A store is accepted exactly where DataJoint accepts it, and its late traps are refused early."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from djproject.errors import ConfigError
from djproject.project.stores import (
    COMMON_KEYS,
    PROTOCOLS,
    StoreProtocol,
    check_spec,
    find_protocol,
    looks_secret,
    overlapping_prefixes,
    pattern_problem,
    plugin_protocols,
    value_problems,
)

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


FILE = {"protocol": "file", "location": "l"}
S3 = {"protocol": "s3", "endpoint": "e", "bucket": "b", "location": ""}
ADD_S3 = "djproject stores add main --protocol s3 --endpoint … --bucket … --location …"
ADD_FILE = "djproject stores add main --protocol file --location …"
SET = "djproject stores set main "
BOTH = "The store 'main' has one of access_key and secret_key; it takes both or neither."


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        (
            {"protocol": "S3"},
            "The protocol 'S3' must be in lower case; DataJoint would fail when the store is first used.",
            "Use protocol 's3'.",
        ),
        *(
            (
                {"protocol": name},
                f"No store protocol called {name!r} is installed.",
                "Protocols: file, s3, gcs, azure. Others come with plugin packages (entry point group "
                "datajoint.storage).",
            )
            for name in ("minio", "MinIO")
        ),
        ({"location": "l"}, "The store 'main' has no protocol.", f"{SET}protocol=file"),
        ({"protocol": 5}, "[stores.main] protocol must be a string, not 5.", f"{SET}protocol=…"),
        ({"protocol": "file"}, "The store 'main' is missing location, which the protocol file requires.", ADD_FILE),
        (
            {"protocol": "s3", "endpoint": "", "location": "l"},
            "The store 'main' is missing endpoint, bucket, which the protocol s3 requires.",
            ADD_S3,
        ),
        (
            {"protocol": "s3", "endpoint": None, "bucket": "b", "location": None},
            "The store 'main' is missing endpoint, location, which the protocol s3 requires.",
            ADD_S3,
        ),
        (
            {**FILE, "bucket": "x", "y": 1},
            "A store of protocol file has no attribute 'bucket'.",
            "Allowed: protocol, location, subfolding, partition_pattern, token_length, hash_prefix, schema_prefix, "
            "filepath_prefix, stage",
        ),
        (
            {**FILE, "partition_pattern": "subject_id/date"},
            "The partition_pattern of the store 'main' names no attribute in braces, so DataJoint would ignore it.",
            f"{SET}partition_pattern='{{subject_id}}/{{session_date}}'",
        ),
        (
            {**FILE, "hash_prefix": "_schema"},
            "hash_prefix and schema_prefix of the store 'main' overlap.",
            f"{SET}schema_prefix=…",
        ),
        *(
            (
                {**FILE, "token_length": length},
                f"The token_length of the store 'main' is {length}; DataJoint uses 4 to 16.",
                f"{SET}token_length=8",
            )
            for length in (3, 17)
        ),
        (
            {**FILE, "token_length": True},
            "[stores.main] token_length must be an integer, not True.",
            f"{SET}token_length=…",
        ),
        (
            {**FILE, "subfolding": "2,2"},
            "[stores.main] subfolding must be a list such as [2, 2], not '2,2'.",
            f"{SET}subfolding=…",
        ),
        ({**S3, "access_key": "k"}, BOTH, f"{SET}--access-key … --secret-key -"),
        ({**S3, "secret_key": "k"}, BOTH, f"{SET}--access-key … --secret-key -"),
    ],
)
def test_traps_are_refused_with_a_reason(spec: dict[str, object], message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_spec("main", spec)  # type: ignore[arg-type]
    assert (refused.value.message, refused.value.hint) == (message, hint)


@pytest.mark.parametrize(
    "spec",
    [
        {"protocol": "file", "location": ""},
        {**FILE, "token_length": 4},
        {**FILE, "token_length": 16},
        {**FILE, "stage": None},
        {**FILE, "partition_pattern": "{subject_id}"},
        {**S3, "access_key": "a", "secret_key": "b"},
        {**S3, "access_key": "", "secret_key": None},
    ],
)
def test_what_datajoint_can_use_is_accepted(spec: dict[str, object]) -> None:
    check_spec("main", spec)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prefixes", "pairs"),
    [
        ({}, []),
        ({"hash_prefix": "_schema"}, [("hash_prefix", "schema_prefix")]),
        ({"hash_prefix": "a", "schema_prefix": "a/b"}, [("hash_prefix", "schema_prefix")]),
        ({"hash_prefix": "/a/b/", "schema_prefix": "a"}, [("hash_prefix", "schema_prefix")]),
        ({"hash_prefix": "ab", "schema_prefix": "a"}, []),
        ({"filepath_prefix": "_schema/x/"}, [("schema_prefix", "filepath_prefix")]),
        ({"filepath_prefix": "", "hash_prefix": ""}, []),
        ({"filepath_prefix": "_hash"}, [("hash_prefix", "filepath_prefix")]),
        (
            {"hash_prefix": "x", "schema_prefix": "x", "filepath_prefix": "x"},
            [
                ("hash_prefix", "schema_prefix"),
                ("hash_prefix", "filepath_prefix"),
                ("schema_prefix", "filepath_prefix"),
            ],
        ),
    ],
)
def test_prefixes_overlap_where_one_is_a_folder_of_the_other(
    prefixes: dict[str, str], pairs: list[tuple[str, str]]
) -> None:
    assert list(overlapping_prefixes(prefixes)) == pairs


def test_every_problem_of_the_values_is_told() -> None:
    found = list(value_problems("m", {"token_length": 0, "access_key": "k"}))
    assert [message.partition(" ")[0] for message, _ in found] == ["The", "The"]
    assert list(value_problems("m", {"token_length": "x"})) == []
    assert pattern_problem({"partition_pattern": 5}) == pattern_problem({}) == ""
    assert pattern_problem({"partition_pattern": "{a-b}"}) == (
        "names no attribute in braces, so DataJoint would ignore it"
    )


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        *(
            (key, True)
            for key in (
                "secret_key", "password", "passwd", "sas_token", "credentials", "connection_string", "access_key",
                "account_key", "api_key", "private_key",
            )
        ),
        *((key, False) for key in ("token_length", "bucket", "partition_pattern", "primary_key", "connection", "key")),
    ],
)  # fmt: skip
def test_a_secret_is_known_by_its_name(key: str, secret: bool) -> None:
    assert looks_secret(key) is secret


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
    required_keys = ("protocol", "server")
    allowed_keys = ("protocol", "server", "share", "labfs_token", "hash_prefix")

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
    (info / "entry_points.txt").write_text("[datajoint.storage]\nzfs = none:Other\nlabfs = labfs_plugin:Adapter\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(storage_adapter, "_adapters_loaded", False)
    monkeypatch.setattr(storage_adapter, "_adapter_registry", {})
    assert plugin_protocols() == ("labfs", "zfs")
    assert find_protocol("labfs") == StoreProtocol(("server",), ("location", "share", "labfs_token"), ("labfs_token",))
    with pytest.raises(ConfigError) as refused:
        find_protocol("LabFS")
    assert refused.value.hint == "Use protocol 'labfs'."
    with pytest.raises(ConfigError) as refused:
        find_protocol("qfs")
    assert refused.value.hint.startswith("Protocols: file, s3, gcs, azure, labfs, zfs. ")
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
