"""Single settings: how each is read from text, and which layer each value of a store comes from."""

import pytest

from djproject.errors import ConfigError
from djproject.project.settings import KNOWN, Layer, Setting, Settings, merged, read_environment, read_value

EDIT = "$EDITOR pyproject.toml"


def test_a_variable_gives_a_value_of_the_settings_own_type() -> None:
    environ = {
        "DJ_HOST": "db",
        "DJ_PORT": " 3307 ",
        "DJ_USE_TLS": "Yes",
        "DJ_SAFEMODE": "OFF",
        "DJ_LOG_LEVEL": "debug",
        "DJ_BACKEND": "postgresql",
        "DJ_USER": "",
        "": "nobody's",
        "DJ_DISPLAY_LIMIT": "3",
    }
    sources = {
        "database.backend": "DJ_BACKEND",
        "database.host": "DJ_HOST",
        "database.port": "DJ_PORT",
        "database.use_tls": "DJ_USE_TLS",
        "loglevel": "DJ_LOG_LEVEL",
        "safemode": "DJ_SAFEMODE",
    }
    values = {
        "database.backend": "postgresql",
        "database.host": "db",
        "database.port": 3307,
        "database.use_tls": True,
        "loglevel": "DEBUG",
        "safemode": False,
    }
    assert read_environment(environ) == Layer(values, sources, {})
    assert read_environment({**environ, "DJ_STORES": ""}) == Layer(values, sources, {})


def test_the_stores_variable_replaces_all_stores() -> None:
    found = read_environment({"DJ_STORES": '{"default": 3, "a": {"protocol": "file"}, "b": {}}'})
    stores = {"a": {"protocol": "file"}, "b": {}}
    assert found == Layer({}, {}, stores, "DJ_STORES", {"default": "3"}, replaces_stores=True)


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        *(("safemode", text, True) for text in ("1", "true", "TRUE", "yes", "on")),
        *(("safemode", text, False) for text in ("0", "false", "False", "no", "off")),
        ("safemode", True, True),
        ("safemode", False, False),
        ("safemode", None, None),
        ("database.port", "12", 12),
        ("database.port", " -12 ", -12),
        ("database.port", 12, 12),
        ("database.port", "9" * 18, 10**18 - 1),
        ("database.port", None, None),
        ("database.user", "Ada", "Ada"),
        ("database.user", "1", "1"),
        ("database.host", "", ""),
        ("loglevel", "warning", "WARNING"),
        ("display.diagram_direction", "TB", "TB"),
        ("jobs.version_method", "none", "none"),
    ],
)
def test_a_value_is_read_as_its_type(name: str, value: object, result: object) -> None:
    found = read_value(KNOWN[name], value, "here")
    assert (found, type(found)) == (result, type(result))


@pytest.mark.parametrize(("where", "hint"), [("DJ_X", "unset DJ_X"), ("pyproject.toml", EDIT), ("target lab", EDIT)])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("safemode", "perhaps", "must be true or false, not 'perhaps'"),
        ("safemode", 1, "must be true or false, not 1"),
        ("database.port", "12.5", "must be an integer, not '12.5'"),
        ("database.port", "12-", "must be an integer, not '12-'"),
        ("database.port", "--12", "must be an integer, not '--12'"),
        ("database.port", "²", "must be an integer, not '²'"),
        ("database.port", "", "must be an integer, not ''"),
        ("database.port", "1" * 19, f"must be an integer, not '{'1' * 19}'"),
        ("database.port", True, "must be an integer, not True"),
        ("database.user", 5, "must be a string, not 5"),
        ("database.user", True, "must be a string, not True"),
        ("database.backend", "MySQL", "must be one of mysql, postgresql, not 'MySQL'"),
        ("loglevel", "loud", "must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not 'LOUD'"),
    ],
)
def test_a_value_of_another_kind_is_refused(name: str, value: object, words: str, where: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_value(KNOWN[name], value, where)
    assert (refused.value.message, refused.value.hint) == (f"{where}: {name} {words}.", hint)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{",
            "DJ_STORES is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1).",
        ),
        ("[" * 100_000, "DJ_STORES is not valid JSON: "),
        ("[]", "DJ_STORES is not a JSON object."),
    ],
)
def test_a_stores_variable_that_is_no_object_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_environment({"DJ_STORES": text})
    assert refused.value.message.startswith(message)
    assert refused.value.hint == "unset DJ_STORES"


def test_settings_are_in_the_order_of_datajoint_and_say_where_they_come_from() -> None:
    strong = Layer({"database.host": "strong"}, {"database.host": "DJ_HOST"}, {})
    weak = Layer(
        {"database.host": "weak", "safemode": None, "database.backend": "postgresql"},
        {"database.host": "file", "safemode": "file", "database.backend": "file"},
        {},
    )
    found = merged([strong, weak])
    assert [setting.name for setting in found.settings] == list(KNOWN)
    changed = {s.name: (s.value, s.source) for s in found.settings if s.source != "DataJoint's default"}
    assert changed == {
        "database.backend": ("postgresql", "file"),
        "database.host": ("strong", "DJ_HOST"),
        "database.port": (5432, "postgresql's default"),
        "safemode": (None, "file"),
    }
    for name, known in KNOWN.items():
        if name not in changed:
            assert (found[name], found.source(name)) == (known.default, "DataJoint's default")
    assert (merged([])["database.port"], merged([]).source("database.port")) == (3306, "mysql's default")
    given = merged([Layer({"database.port": 1}, {"database.port": "file"}, {})])
    assert (given["database.port"], given.source("database.port")) == (1, "file")


def test_a_setting_is_looked_up_by_name_and_is_text_where_text_is_wanted() -> None:
    settings = Settings((Setting("database.port", 5, "there"), Setting("database.user", None, "file")))
    assert (settings["database.port"], settings.text("database.port"), settings.source("database.port")) == (
        5,
        "5",
        "there",
    )
    assert (settings["database.user"], settings.text("database.user")) == (None, "")
    assert (settings["loglevel"], settings.text("loglevel"), settings.source("loglevel")) == ("INFO", "INFO", "")
    with pytest.raises(KeyError, match="no.such"):
        settings["no.such"]


def test_a_secret_is_known_by_the_last_part_of_its_name() -> None:
    assert Setting("stores.main.secret_key", "x", "").secret
    assert Setting("database.password", "x", "").secret
    assert not Setting("database.password", None, "").secret
    assert not Setting("stores.token.bucket", "x", "").secret


def test_stores_are_gathered_with_their_defaults_beside_them() -> None:
    settings = Settings(
        (
            Setting("safemode", True, ""),
            Setting("stores.default", 5, ""),
            Setting("stores.default.x", 1, ""),
            Setting("stores.m.protocol", "file", ""),
            Setting("stores.m.subfolding", [2, 2], ""),
            Setting("stores.n.protocol", "s3", ""),
        )
    )
    assert settings.stores == {
        "default": "5",
        "m": {"protocol": "file", "subfolding": [2, 2]},
        "n": {"protocol": "s3"},
    }


FILE = Layer(
    {},
    {},
    {"b": {"protocol": "file", "location": "/b"}, "a": {"protocol": "s3", "bucket": "x"}},
    "pyproject.toml",
    {"default": "b", "filepath_default": "a"},
)
SECRETS = Layer({}, {}, {"a": {"secret_key": "k"}, "only": {"token": "t"}}, ".secrets")
TARGET = Layer({}, {}, {"a": {"bucket": "y"}, "c": {"protocol": "file"}}, "target lab")


def stores_of(*layers: Layer) -> list[tuple[str, object, str]]:
    return [(s.name.removeprefix("stores."), s.value, s.source) for s in merged(list(layers)).settings[len(KNOWN) :]]


def test_attributes_of_stores_are_merged_one_by_one() -> None:
    assert stores_of(TARGET, SECRETS, FILE) == [
        ("default", "b", "pyproject.toml"),
        ("filepath_default", "a", "pyproject.toml"),
        ("b.protocol", "file", "pyproject.toml"),
        ("b.location", "/b", "pyproject.toml"),
        ("a.bucket", "y", "target lab"),
        ("a.secret_key", "k", ".secrets/stores.a.secret_key"),
        ("a.protocol", "s3", "pyproject.toml"),
        ("only.token", "t", ".secrets/stores.only.token"),
        ("c.protocol", "file", "target lab"),
    ]
    assert stores_of(TARGET._replace(default_stores={"default": "c"}), FILE)[:2] == [
        ("default", "c", "target lab"),
        ("filepath_default", "a", "pyproject.toml"),
    ]


def test_a_layer_that_replaces_the_stores_leaves_the_secrets_below_it() -> None:
    replacing = Layer(
        {}, {}, {"only": {"protocol": "gcs"}, "a": {"protocol": "file"}}, "DJ_STORES", {"default": "only"}, True
    )
    above = Layer({}, {}, {"a": {"location": "/above"}}, "above", {"filepath_default": "a"})
    expected = [
        ("only.protocol", "gcs", "DJ_STORES"),
        ("only.token", "t", ".secrets/stores.only.token"),
        ("a.location", "/above", "above"),
        ("a.protocol", "file", "DJ_STORES"),
        ("a.secret_key", "k", ".secrets/stores.a.secret_key"),
    ]
    named = [("filepath_default", "a", "above"), ("default", "only", "DJ_STORES")]
    assert stores_of(above, replacing, SECRETS, FILE) == [*named, *expected]
    assert [name for name, *_ in stores_of(replacing, FILE)] == ["default", "only.protocol", "a.protocol"]
    silent = replacing._replace(default_stores=None)
    assert stores_of(above, silent, SECRETS, FILE) == [named[0], ("default", "b", "pyproject.toml"), *expected]
    assert stores_of(FILE, replacing) == [
        ("default", "b", "pyproject.toml"),
        ("filepath_default", "a", "pyproject.toml"),
        ("only.protocol", "gcs", "DJ_STORES"),
        ("a.protocol", "s3", "pyproject.toml"),
        ("a.bucket", "x", "pyproject.toml"),
        ("b.protocol", "file", "pyproject.toml"),
        ("b.location", "/b", "pyproject.toml"),
    ]
