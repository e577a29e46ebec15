"""One order of precedence, with provenance; the list of settings is DataJoint's."""

import itertools
import json
from pathlib import Path

import pytest

from djproject.errors import ConfigError
from djproject.project.export import datajoint_json, environment_of
from djproject.project.location import Project, read_project
from djproject.project.secrets import (
    load_secrets,
    make_secrets_directory,
    read_secret,
    secret_names,
    target_password,
    write_secret,
)
from djproject.project.settings import KNOWN, merged, read_environment
from djproject.targets.choice import choose_target, load_target, use_target


def test_the_list_of_settings_is_that_of_the_installed_datajoint() -> None:
    from datajoint.settings import ENV_VAR_MAPPING, Config

    theirs = set()
    for name, field in Config.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        theirs |= {name} if inner is None else {f"{name}.{key}" for key in inner}
    not_ours = {"stores", "ignore_config_file", "database.database_prefix", "provenance.source"}
    assert theirs - not_ours == set(KNOWN)
    for name, variable in ENV_VAR_MAPPING.items():
        assert name in not_ours or KNOWN[name].variable == variable


def test_the_defaults_are_those_of_the_installed_datajoint() -> None:
    from datajoint.settings import Config

    theirs = Config()
    for name, known in KNOWN.items():
        if name != "database.port":
            assert theirs[name] == known.default, name


@pytest.fixture
def lab(tmp_path: Path) -> Project:
    """A project with a target of its own and two stores."""
    stores = {
        "default": "main",
        "main": {"protocol": "s3", "endpoint": "e", "bucket": "b", "location": "raw"},
        "scratch": {"protocol": "file", "location": "/scratch"},
    }
    targets = {
        "lab": {
            "host": "db.example.org",
            "user": "alice",
            "backend": "mysql",
            "stores": {"main": {"bucket": "lab-bucket"}, "scratch": {"protocol": "s3", "endpoint": "e",
                                                                     "bucket": "s", "location": "x"}},
        }
    }  # fmt: skip
    document = {
        "project": {"name": "demo"},
        "tool": {
            "datajoint": {"database": {"backend": "postgresql", "host": "from-file"}, "stores": stores},
            "djproject": {"package": "workflow", "target": "lab", "targets": targets},
        },
    }
    return read_project(tmp_path, document)


def test_every_source_beats_all_below_it(lab: Project) -> None:
    """All subsets of sources of one setting: the strongest one present wins, and is named."""
    sources = ("DJ_USER", "target lab", ".secrets/database.user", "pyproject.toml")
    for chosen in itertools.chain.from_iterable(itertools.combinations(sources, n) for n in range(5)):
        folder = make_secrets_directory(lab.root)
        secret = folder / "database.user"
        secret.unlink(missing_ok=True)
        if ".secrets/database.user" in chosen:
            secret.write_text("secret\n")
        target = {"host": "h", **({"user": "target"} if "target lab" in chosen else {})}
        datajoint = {"database": {"user": "file"}} if "pyproject.toml" in chosen else {}
        tool = {"djproject": {"target": "lab", "targets": {"lab": target}}, "datajoint": datajoint}
        project = read_project(lab.root, {"tool": tool})
        environ = {"DJ_USER": "env"} if "DJ_USER" in chosen else {}
        found = next(s for s in load_target(project, environ=environ).settings.settings if s.name == "database.user")
        expected = next((source for source in sources if source in chosen), "DataJoint's default")
        assert found.source == expected, chosen


def test_the_embedded_target_turns_every_store_into_a_folder_of_its_name(lab: Project) -> None:
    write_secret(lab.root, "stores.main.secret_key", "s3cret")
    target = load_target(lab, "embedded", {})
    assert target.settings.stores == {
        "default": "main",
        "main": {"protocol": "file", "location": str(lab.root / ".djproject/stores/main")},
        "scratch": {"protocol": "file", "location": str(lab.root / ".djproject/stores/scratch")},
    }
    assert target.settings["database.backend"] == "postgresql"


def test_a_named_target_changes_attributes_and_replaces_stores_of_another_protocol(lab: Project) -> None:
    write_secret(lab.root, "stores.main.access_key", "id")
    write_secret(lab.root, "stores.main.secret_key", "s3cret")
    write_secret(lab.root, "targets.lab.password", "pw")
    settings = load_target(lab, environ={}).settings
    assert settings.stores["main"] == {
        "protocol": "s3", "endpoint": "e", "bucket": "lab-bucket", "location": "raw",
        "access_key": "id", "secret_key": "s3cret",
    }  # fmt: skip
    assert settings.stores["scratch"] == {"protocol": "s3", "endpoint": "e", "bucket": "s", "location": "x"}
    assert settings["database.password"] == "pw"
    assert settings["database.port"] == 3306


def test_dj_stores_replaces_all_stores_and_secrets_fill_in_what_it_lacks(lab: Project) -> None:
    write_secret(lab.root, "stores.only.secret_key", "s3cret")
    environ = {"DJ_STORES": json.dumps({"default": "only", "only": {"protocol": "file", "location": "/x"}})}
    stores = load_target(lab, environ=environ).settings.stores
    assert stores["default"] == "only"
    assert stores["only"] == {"protocol": "file", "location": "/x", "secret_key": "s3cret"}


def test_the_port_follows_the_backend_wherever_that_comes_from() -> None:
    for environ, port in (({}, 3306), ({"DJ_BACKEND": "postgresql"}, 5432), ({"DJ_PORT": "1234"}, 1234)):
        assert merged([read_environment(environ)])["database.port"] == port


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"DJ_PORT": "many"}, "DJ_PORT: database.port must be an integer"),
        ({"DJ_BACKEND": "oracle"}, "one of mysql, postgresql"),
        ({"DJ_STORES": "{"}, "DJ_STORES is not valid JSON"),
        ({"DJ_STORES": "[]"}, "not a JSON object"),
    ],
)
def test_malformed_variables_are_refused_by_name(environ: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        read_environment(environ)
    assert refused.value.hint.startswith("unset DJ_")


def test_a_lower_case_log_level_is_understood() -> None:
    assert merged([read_environment({"DJ_LOG_LEVEL": "info"})])["loglevel"] == "INFO"


@pytest.mark.parametrize(
    "table",
    [
        {"database": {"password": "pw"}},
        {"database": {"hots": "typo"}},
        {"database": {"port": "5432"}, "safemode": "perhaps"},
        {"stores": {"main": {"protocol": "s3", "secret_key": "k"}}},
        {"stores": {"default": 3}},
        {"stores": {"main": "file"}},
    ],
)
def test_what_does_not_belong_into_pyproject_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as refused:
        read_project(Path("/lab"), {"tool": {"datajoint": table}})
    assert refused.value.hint


def test_the_target_is_chosen_by_option_variable_use_and_pyproject_in_this_order(lab: Project) -> None:
    assert choose_target(lab, None, {}) == ("lab", "pyproject.toml")
    use_target(lab, "embedded", {})
    assert choose_target(lab, None, {}) == ("embedded", "djproject use")
    assert choose_target(lab, None, {"DJPROJECT_TARGET": "lab"}) == ("lab", "DJPROJECT_TARGET")
    assert choose_target(lab, "embedded", {"DJPROJECT_TARGET": "lab"}) == ("embedded", "--target")
    with pytest.raises(ConfigError, match="no target called 'nowhere'"):
        choose_target(lab, "nowhere", {})


def test_secrets_are_files_of_their_owner_in_a_folder_git_ignores(tmp_path: Path) -> None:
    path = write_secret(tmp_path, "stores.main.secret_key", " s3cret \n")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (path.parent / ".gitignore").read_text().splitlines()[1:] == ["*", "!.gitignore"]
    assert read_secret(path.parent, "stores.main.secret_key") == "s3cret"
    assert secret_names(tmp_path, "stores.main.") == ("stores.main.secret_key",)
    assert load_secrets(tmp_path / "missing", "x").values == {}


def test_the_password_of_a_target_is_its_file_before_its_variable(tmp_path: Path) -> None:
    environ = {"DJPROJECT_MY_LAB_PASSWORD": "from the variable"}
    assert target_password(tmp_path, "my-lab", {}) is None
    assert target_password(tmp_path, "my-lab", environ) == ("from the variable", "DJPROJECT_MY_LAB_PASSWORD")
    write_secret(tmp_path, "targets.my-lab.password", "from the file")
    assert target_password(tmp_path, "my-lab", environ) == ("from the file", ".secrets/targets.my-lab.password")


def test_exports_leave_secrets_out_unless_asked(lab: Project) -> None:
    write_secret(lab.root, "targets.lab.password", "pw-9f")
    write_secret(lab.root, "stores.main.access_key", "id-9f")
    write_secret(lab.root, "stores.main.secret_key", "key-9f")
    settings = load_target(lab, environ={}).settings
    for secrets in (False, True):
        variables = environment_of(settings, secrets=secrets)
        document = datajoint_json(settings, secrets=secrets)
        for text in (json.dumps(variables), json.dumps(document)):
            assert all((word in text) == secrets for word in ("pw-9f", "key-9f", "id-9f"))
        assert variables["DJ_HOST"] == "db.example.org"
        assert document["database"]["port"] == 3306  # type: ignore[index]


def test_exported_variables_mean_the_same_settings(lab: Project) -> None:
    settings = load_target(lab, environ={}).settings
    again = merged([read_environment(environment_of(settings, secrets=True))])
    assert {s.name: s.value for s in again.settings} == {s.name: s.value for s in settings.settings}
