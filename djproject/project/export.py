"""Settings in the forms that other programs read: variables, and datajoint.json."""

import json

from djproject.project.settings import KNOWN, Settings

DEFAULT = "DataJoint's default"


def environment_of(settings: Settings, *, secrets: bool) -> dict[str, str]:
    """The `DJ_*` variables that give DataJoint these settings; defaults are left out.

    Settings that DataJoint reads from no variable (`display.limit`, `connection.charset` …) are left out too.

    Parameters
    ----------
    settings
        All settings of a target.
    secrets
        Whether passwords and keys are among them.
    """
    variables = {"DJ_IGNORE_CONFIG_FILE": "true"}
    for setting in settings.settings:
        known = KNOWN.get(setting.name)
        if known is None or not known.variable or setting.source == DEFAULT or setting.value is None:
            continue
        if secrets or not setting.secret:
            value = setting.value
            variables[known.variable] = str(value).lower() if isinstance(value, bool) else str(value)
    if settings.stores:
        variables["DJ_STORES"] = json.dumps(_stores(settings, secrets=secrets))
    return variables


def datajoint_json(settings: Settings, *, secrets: bool) -> dict[str, object]:
    """The document of a `datajoint.json` that gives DataJoint these settings; defaults are left out."""
    document: dict[str, object] = {}
    for setting in settings.settings:
        if setting.name not in KNOWN or setting.source == DEFAULT or (setting.secret and not secrets):
            continue
        group, _, key = setting.name.rpartition(".")
        if group:
            table = document.setdefault(group, {})
            if isinstance(table, dict):
                table[key] = setting.value
        else:
            document[key] = setting.value
    if settings.stores:
        document["stores"] = _stores(settings, secrets=secrets)
    return document


def _stores(settings: Settings, *, secrets: bool) -> dict[str, object]:
    hidden = {setting.name for setting in settings.settings if setting.secret and not secrets}
    return {
        name: {key: value for key, value in spec.items() if f"stores.{name}.{key}" not in hidden}
        if isinstance(spec, dict)
        else spec
        for name, spec in settings.stores.items()
    }
