"""Settings in the forms that other programs read, whole."""

import json

from djproject.project.export import datajoint_json, environment_of
from djproject.project.settings import Setting, Settings

SETTINGS = Settings(
    (
        Setting("database.host", "db", "target lab"),
        Setting("database.port", 3307, "target lab"),
        Setting("database.user", None, "pyproject.toml"),
        Setting("database.password", "pw", ".secrets/targets.lab.password"),
        Setting("database.use_tls", True, "DJ_USE_TLS"),
        Setting("database.name", "n", "DataJoint's default"),
        Setting("display.limit", 5, "pyproject.toml"),
        Setting("safemode", False, "pyproject.toml"),
        Setting("loglevel", "INFO", "DataJoint's default"),
        Setting("stores.default", "m", "pyproject.toml"),
        Setting("stores.m.protocol", "s3", "pyproject.toml"),
        Setting("stores.m.subfolding", [2, 2], "pyproject.toml"),
        Setting("stores.m.secret_key", "k", ".secrets"),
        Setting("stores.n.token", None, ".secrets"),
    )
)
BARE = Settings((Setting("database.host", "db", "DJ_HOST"),))
STORES = {"default": "m", "m": {"protocol": "s3", "subfolding": [2, 2]}, "n": {"token": None}}
WITH_SECRETS = {**STORES, "m": {"protocol": "s3", "subfolding": [2, 2], "secret_key": "k"}}


def test_the_variables_of_settings() -> None:
    for secrets, stores in ((False, STORES), (True, WITH_SECRETS)):
        assert environment_of(SETTINGS, secrets=secrets) == {
            "DJ_IGNORE_CONFIG_FILE": "true",
            "DJ_HOST": "db",
            "DJ_PORT": "3307",
            **({"DJ_PASS": "pw"} if secrets else {}),
            "DJ_USE_TLS": "true",
            "DJ_SAFEMODE": "false",
            "DJ_STORES": json.dumps(stores),
        }
    assert environment_of(BARE, secrets=True) == {"DJ_IGNORE_CONFIG_FILE": "true", "DJ_HOST": "db"}


def test_the_document_of_settings() -> None:
    database = {"host": "db", "port": 3307, "user": None}
    for secrets, stores in ((False, STORES), (True, WITH_SECRETS)):
        assert datajoint_json(SETTINGS, secrets=secrets) == {
            "database": {**database, **({"password": "pw"} if secrets else {}), "use_tls": True},
            "display": {"limit": 5},
            "safemode": False,
            "stores": stores,
        }
    assert datajoint_json(BARE, secrets=False) == {"database": {"host": "db"}}
