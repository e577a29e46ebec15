"""The prefix of schema names: which setting counts, what may be in it, and which schemas get it."""

from pathlib import Path

import pytest

from djproject.errors import ConfigError
from djproject.project.location import Project, load_project
from djproject.stack.compose import read_plan
from djproject.stack.starting import require_prefix
from djproject.targets.choice import load_target
from djproject.targets.prefix import SchemaPrefix, prefix_text

LAB = '[tool.djproject.targets.lab]\nhost = "db"\n'
MODULES = {
    "own": 'import datajoint as dj\nschema = dj.Schema("own")\n@schema\nclass A(dj.Manual):\n    definition = "a : int8"\n',
    "computed": 'import datajoint as dj\nschema = dj.Schema(name())\n@schema\nclass B(dj.Manual):\n    definition = "b : int8"\n',
    "empty": 'import datajoint as dj\nschema = dj.Schema("empty")\n',
}


def project_with(root: Path, text: str) -> Project:
    (root / "src/workflow").mkdir(parents=True)
    (root / "src/workflow/__init__.py").touch()
    for name, source in MODULES.items():
        (root / f"src/workflow/{name}.py").write_text(source)
    (root / "pyproject.toml").write_text(f"{text}")
    return load_project(root)


@pytest.mark.parametrize(
    ("text", "environ", "target", "expected"),
    [
        ("[tool.djproject]\n", {}, "lab", ""),
        ('[tool.djproject]\nschema_prefix = "a_"\n', {}, "lab", "a_"),
        ('[tool.djproject]\nschema_prefix = "a_"\n', {}, "embedded", "a_"),
        ('[tool.djproject]\nschema_prefix = "${USER}_"\n', {"USER": "bob"}, "stack", "bob_"),
        ('[tool.djproject]\nschema_prefix = "${USER}_"\n', {"LOGNAME": "eve"}, "lab", "eve_"),
        ('[tool.djproject]\nschema_prefix = "x_${GROUP}_${USER}_"\n', {"USER": "bob", "GROUP": "g"}, "lab", "x_g_bob_"),
        ('[tool.djproject]\nschema_prefix = "a_"\n', {"DJPROJECT_SCHEMA_PREFIX": "b_"}, "lab", "b_"),
        ('[tool.djproject]\nschema_prefix = "a_"\n', {"DJPROJECT_SCHEMA_PREFIX": ""}, "lab", "a_"),
        ("[tool.djproject]\n", {"DJPROJECT_SCHEMA_PREFIX": "${USER}_", "USER": "ann"}, "lab", "ann_"),
    ],
)
def test_the_prefix(tmp_path: Path, text: str, environ: dict[str, str], target: str, expected: str) -> None:
    assert prefix_text(project_with(tmp_path, text + LAB), target, environ) == expected


def test_that_of_a_target_comes_before_that_of_the_project(tmp_path: Path) -> None:
    text = f'[tool.djproject]\nschema_prefix = "a_"\n{LAB}schema_prefix = ""\n[tool.djproject.targets.stack]\nschema_prefix = "s_"\n'
    project = project_with(tmp_path, text)
    assert [prefix_text(project, name, {}) for name in ("lab", "stack", "embedded")] == ["", "s_", "a_"]


@pytest.mark.parametrize(
    ("setting", "environ", "sentence", "hint"),
    [
        ("${USER}_", {}, "the variable USER is not set", "export DJPROJECT_SCHEMA_PREFIX=alice_"),
        ("${LAB}_", {"LOGNAME": "eve"}, "the variable LAB is not set", "export"),
        (
            "${USER}_",
            {"USER": "J.Smith"},
            "The variable USER must contain only lower-case letters, digits and _, not 'J.Smith'.",
            "export DJPROJECT_SCHEMA_PREFIX=j_smith_",
        ),
        ("${USER}_", {"USER": "é"}, "_, not 'é'.", "export"),
        ("a_", {"DJPROJECT_SCHEMA_PREFIX": "a`;--"}, "_, not 'a`;--'.", "export"),
        ("${USER}_", {"USER": "pg"}, "must not start with pg_", "my_pg_"),
    ],
)
def test_a_prefix_that_cannot_be(
    tmp_path: Path, setting: str, environ: dict[str, str], sentence: str, hint: str
) -> None:
    project = project_with(tmp_path, f'[tool.djproject]\nschema_prefix = "{setting}"\n{LAB}')
    with pytest.raises(ConfigError) as refused:
        load_target(project, "lab", environ)
    assert sentence in refused.value.message
    assert hint in refused.value.hint


@pytest.mark.parametrize("value", ['"A_"', '"a-"', "3", '"${a-b}"', '"$USER"', '"é"'])
@pytest.mark.parametrize("where", ["[tool.djproject]\n", LAB])
def test_a_setting_that_cannot_be(tmp_path: Path, value: str, where: str) -> None:
    with pytest.raises(ConfigError, match="schema_prefix") as refused:
        project_with(tmp_path, f"{where}schema_prefix = {value}\n")
    assert where.splitlines()[0] in refused.value.message


def test_only_schemas_with_tables_in_the_package_get_it(tmp_path: Path) -> None:
    prefix = SchemaPrefix("a_", project_with(tmp_path, "[tool.djproject]\n"), "mysql")
    assert prefix.schemas == {"own"}
    names = ("own", "empty", "other", "a_own")
    assert [prefix.activated(name, is_own_class=True) for name in names] == ["a_own", "empty", "other", "a_own"]
    assert prefix.activated("own", is_own_class=False) == "a_own", "a virtual module of an own schema"


@pytest.mark.parametrize(
    ("name", "is_own_class", "expected"), [("x", True, "a_x"), ("x", False, "x"), ("a_x", True, "a_x")]
)
def test_a_computed_name_gets_it_where_the_module_that_computes_it_activates(
    tmp_path: Path, name: str, is_own_class: bool, expected: str
) -> None:
    prefix = SchemaPrefix("a_", project_with(tmp_path, "[tool.djproject]\n"), "mysql")
    for module, wanted in (("computed", expected), ("own", name)):
        code = compile("found = activated()", str(tmp_path / f"src/workflow/{module}.py"), "exec")
        scope = {"activated": lambda: prefix.activated(name, is_own_class=is_own_class)}
        exec(code, scope)
        assert scope["found"] == wanted


@pytest.mark.parametrize(("backend", "longest"), [("mysql", 64), ("postgresql", 63)])
def test_a_name_that_becomes_too_long_is_refused(tmp_path: Path, backend: str, longest: int) -> None:
    prefix = SchemaPrefix("a_", project_with(tmp_path, "[tool.djproject]\n"), backend)
    assert prefix.name("x" * (longest - 2)) == "a_" + "x" * (longest - 2)
    with pytest.raises(ConfigError, match=f"longer than {longest} characters"):
        prefix.name("x" * (longest - 1))


def test_the_target_s_line_says_it(tmp_path: Path) -> None:
    project = project_with(tmp_path, f'[tool.djproject]\nschema_prefix = "${{USER}}_"\n{LAB}')
    assert load_target(project, "lab", {"USER": "bob"}).description.endswith("@db:3306), schemas bob_*")
    assert load_target(project, "lab", {"USER": "bob"}).prefix.pipeline_name == f"{project.name} (bob_*)"


@pytest.mark.parametrize(("given", "fits"), [("a_", True), ("", False), (None, False), ("b_", False)])
def test_up_refuses_containers_that_would_not_get_it(given: str | None, fits: bool) -> None:
    worker = {"image": "x", "environment": {"DJPROJECT_SCHEMA_PREFIX": given}}
    plan = read_plan({"name": "p", "services": {"worker": worker}})
    require_prefix("" if given is None else given, plan)
    if not fits:
        with pytest.raises(ConfigError, match="would not use the schema prefix 'a_'"):
            require_prefix("a_", plan)
    require_prefix("a_", read_plan({"name": "p", "services": {}}))
