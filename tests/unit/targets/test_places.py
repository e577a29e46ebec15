"""Where stores really are: embedded and stack put them somewhere, unless the target's own table says otherwise."""

from pathlib import Path

import pytest

from djproject.errors import ConfigError
from djproject.project.location import Project, read_project
from djproject.project.secrets import write_secret
from djproject.stack.compose import read_plan
from djproject.stack.starting import require_mounts
from djproject.targets.choice import load_target, target_names
from djproject.targets.places import moved_stores

IN_CONTAINER = {
    "DJPROJECT_DATABASE": "database:5432",
    "DJPROJECT_STORE_FOLDER": "/stores",
    "DJPROJECT_STORE": "store:1",
}
STORES = {
    "raw": {"protocol": "file", "location": "/data/raw", "subfolding": [2, 2]},
    "main": {"protocol": "s3", "endpoint": "e", "bucket": "b", "location": "main"},
}


def project_with(root: Path, targets: dict[str, object]) -> Project:
    tool = {"datajoint": {"stores": STORES}, "djproject": {"package": "workflow", "targets": targets}}
    return read_project(root, {"tool": tool})


def stores_of(project: Project, target: str, **environ: str) -> dict[str, object]:
    return dict(load_target(project, target, {**IN_CONTAINER, **environ}).settings.stores)


@pytest.mark.parametrize(("written", "used"), [("/big/raw", "/big/raw"), ("data/raw", "{root}/data/raw")])
def test_a_folder_chosen_for_the_embedded_target_is_used_and_not_made(tmp_path: Path, written: str, used: str) -> None:
    project = project_with(tmp_path, {"embedded": {"stores": {"raw": {"location": written}}}})
    target = load_target(project, "embedded", {})
    location = used.format(root=tmp_path)
    assert target.settings.stores["raw"] == {"protocol": "file", "location": location, "subfolding": [2, 2]}
    assert target.folders == (tmp_path / ".djproject/stores/main",)
    assert target.server is not None
    assert set(moved_stores(project, "embedded", target.settings.stores)) == {"main"}
    assert "embedded" not in project.targets
    assert target_names(project) == ("embedded", "stack")


def test_a_bucket_chosen_for_the_embedded_target_is_used_with_its_secrets(tmp_path: Path) -> None:
    write_secret(tmp_path, "stores.main.secret_key", "k")
    write_secret(tmp_path, "stores.raw.secret_key", "never used for a folder")
    project = project_with(tmp_path, {"embedded": {"stores": {"main": {"protocol": "s3", "bucket": "mine"}}}})
    stores = stores_of(project, "embedded")
    assert stores["main"] == {**STORES["main"], "bucket": "mine", "secret_key": "k"}
    assert stores["raw"] == {"protocol": "file", "location": str(tmp_path / ".djproject/stores/raw"),
                             "subfolding": [2, 2]}  # fmt: skip


def test_a_throw_away_database_never_writes_into_the_folder_of_real_data(tmp_path: Path) -> None:
    project = project_with(tmp_path, {"embedded": {"stores": {"raw": {"location": "/big/raw"}}}})
    environ = {"DJPROJECT_STATE": str(tmp_path / "throw-away"), "DJPROJECT_DURABLE": "false"}
    assert load_target(project, "embedded", environ).settings.stores["raw"] == {
        "protocol": "file", "location": str(tmp_path / "throw-away/stores/raw"), "subfolding": [2, 2],
    }  # fmt: skip


def test_stores_chosen_for_the_stack_are_used_outside_and_in_its_containers(tmp_path: Path) -> None:
    chosen = {"raw": {"location": "/big/raw"}, "main": {"bucket": "other"}}
    project = project_with(tmp_path, {"stack": {"stores": chosen}})
    stores = stores_of(project, "stack")
    assert stores["raw"] == {"protocol": "file", "location": "/big/raw", "subfolding": [2, 2]}
    assert stores["main"]["bucket"] == "other"  # type: ignore[index]
    assert stores["main"]["endpoint"] == "store:1"  # type: ignore[index]
    assert load_target(project, "stack", IN_CONTAINER).folders == ()
    assert load_target(project_with(tmp_path, {}), "stack", IN_CONTAINER).folders == (Path("/stores/raw"),)


def test_a_store_of_the_stack_with_an_endpoint_of_its_own_is_not_given_the_key_of_the_stack(tmp_path: Path) -> None:
    project = project_with(tmp_path, {"stack": {"stores": {"main": {"endpoint": "s3.example.org"}}}})
    assert stores_of(project, "stack")["main"] == {**STORES["main"], "endpoint": "s3.example.org"}


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ({"embedded": {"stores": {"rwa": {"location": "/x"}}}}, "no store called 'rwa'"),
        ({"lab": {"host": "h", "stores": {"rwa": {"location": "/x"}}}}, "no store called 'rwa'"),
        ({"embedded": {"host": "h"}}, "djproject runs the database"),
        ({"embedded": {"stroes": {}}}, "no setting 'stroes'; did you mean 'stores'"),
        ({"stack": {"stores": {"raw": {"location": "x"}}}}, "absolute path"),
        ({"embedded": {"stores": {"raw": {"locaton": "/x"}}}}, "has no attribute 'locaton'"),
        ({"lab": {"host": "h", "stores": {"raw": {"bucket": "b"}}}}, "has no attribute 'bucket'"),
        ({"embedded": {"stores": {"raw": {"location": 5}}}}, "location must be a string, not 5"),
        ({"embedded": {"stores": {"main": {"secret_key": "k"}}}}, r"targets.embedded.stores.main\] secret_key is a"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, targets: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_target(project_with(tmp_path, targets), "stack", IN_CONTAINER)


@pytest.mark.parametrize(("mounted", "seen"), [("/big", True), ("/big/raw", True), ("/bi", False)])
def test_up_refuses_a_folder_that_the_containers_do_not_see(tmp_path: Path, mounted: str, seen: bool) -> None:
    project = project_with(tmp_path, {"stack": {"stores": {"raw": {"location": "/big/raw"}}}})
    worker = {"image": "x", "build": {}, "volumes": [{"type": "bind", "source": "/big", "target": mounted}]}
    plan = read_plan({"name": "p", "services": {"worker": worker}})
    if seen:
        require_mounts(project, plan)
    else:
        with pytest.raises(ConfigError, match="do not see /big/raw") as refused:
            require_mounts(project, plan)
        assert "- /big/raw:/big/raw" in refused.value.hint
