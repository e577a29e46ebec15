"""Groups of workers: what each process fills, on which device, with how many threads."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from djproject.errors import ConfigError
from djproject.project.groups import WorkerGroup
from djproject.project.location import load_project, read_project
from djproject.supervisor.placement import ALL, THREADS, chosen_groups, posts_for_groups, posts_of
from djproject.worker.assignment import Assignment

COMMON = Assignment("/root", "lab")


def read_groups(table: object) -> Mapping[str, WorkerGroup]:
    return read_project(Path("/lab"), {"tool": {"djproject": {"workers": table}}}).groups


def test_a_group_is_read_whole() -> None:
    groups = read_groups(
        {
            "gpu": {
                "tables": ["processing"], "exclude": ["processing.Old"], "gpus": [0, "GPU-5f"], "threads": 2,
                "concurrency": {"processing.Mask": 1}, "environment": {"TF_DEVICE": "x"}, "grace": "30s",
                "job-timeout": "2h", "max-jobs-per-process": 50, "max-rss": 4000,
            }
        }
    )  # fmt: skip
    assert groups["gpu"] == WorkerGroup(
        "gpu", ("processing",), ("processing.Old",), 2, {"processing.Mask": 1}, {"TF_DEVICE": "x"}, ("0", "GPU-5f"), 2,
        30.0, 7200.0, 50, 4000,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([], "is not a table"),
        ({"a": 1}, "is not a table"),
        ({"a": {"cuont": 1}}, "no setting 'cuont'"),
        ({"a": {"count": 0}}, "whole number above 0"),
        ({"a": {"count": True}}, "whole number above 0"),
        ({"a": {"tables": "processing"}}, "list of selectors"),
        ({"a": {"gpus": 2}}, "list of devices"),
        ({"a": {"environment": {"X": 1}}}, "X must be a string, not 1"),
        ({"a": {"environment": {"API_TOKEN": "abc"}}}, "is a secret"),
        ({"a": {"grace": "soon"}}, "must be a duration such as"),
        ({"a": {"concurrency": {"x.Y": 0}}}, "whole number above 0"),
    ],
)
def test_what_a_group_cannot_be(table: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_groups(table)


def test_each_process_has_one_device_and_its_share_of_the_processors() -> None:
    gpu = WorkerGroup("gpu", processes=3, gpus=("0", "1"), environment={"A": "b"}, job_seconds=9.0)
    posts = posts_of([(gpu, COMMON), (ALL, COMMON)], environ={"OMP_NUM_THREADS": "7"}, processors=8)
    assert [post.environment.get("CUDA_VISIBLE_DEVICES") for post in posts] == ["0", "1", "0", None]
    assert [post.assignment.slot for post in posts] == [1, 2, 3, 4]
    assert {post.assignment.slots for post in posts} == {4}
    assert posts[0].environment["MKL_NUM_THREADS"] == "2"
    assert "OMP_NUM_THREADS" not in posts[0].environment, "the user's own word counts"
    assert (posts[0].environment["A"], posts[0].job_seconds, posts[3].job_seconds) == ("b", 9.0, None)
    assert [post.assignment.is_first for post in posts] == [True, False, False, False]
    (alone,) = posts_of([(ALL, COMMON)], environ={}, processors=8)
    assert not alone.environment, "one process may have all processors"
    own = WorkerGroup("own", threads=3)
    assert set(posts_of([(own, COMMON)], environ={"OMP_NUM_THREADS": "7"})[0].environment) == set(THREADS)


@pytest.mark.parametrize(
    ("gpus", "given", "expected"),
    [
        (("0", "1"), "5,7", ["5", "7"]),
        (("1",), "5, 7", ["7"]),
        (("0", "1"), None, ["0", "1"]),
        (("0",), "GPU-5f,MIG-1", ["GPU-5f"]),
        (("GPU-9",), "5,7", ["GPU-9"]),
    ],
)
def test_gpus_count_within_the_devices_that_are_visible(
    gpus: tuple[str, ...], given: str | None, expected: list[str]
) -> None:
    environ = {} if given is None else {"CUDA_VISIBLE_DEVICES": given}
    posts = posts_of([(WorkerGroup("gpu", processes=len(gpus), gpus=gpus), COMMON)], environ=environ)
    assert [post.environment["CUDA_VISIBLE_DEVICES"] for post in posts] == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [("5,7", "5,7 makes 2 GPUs visible"), ("", "no GPU visible"), ("-1", "no GPU visible"), ("5,7,-1,9", "2 GPUs")],
)
def test_a_gpu_that_is_not_visible_is_refused(given: str, words: str) -> None:
    group = WorkerGroup("gpu", gpus=("2",))
    with pytest.raises(ConfigError, match=words):
        posts_of([(group, COMMON)], environ={"CUDA_VISIBLE_DEVICES": given})


def test_a_table_with_a_limit_is_filled_by_so_many_processes_only() -> None:
    tables = ("a.A", "a.B", "a.C")
    group = WorkerGroup("g", processes=4, concurrency={"a.A": 1, "a.B": 2})
    common = Assignment("/root", "lab", tables)
    posts = posts_of([(group, common)], environ={})
    for table, count in (("a.A", 1), ("a.B", 2), ("a.C", 4)):
        assert sum(table in post.assignment.tables for post in posts) == count
    assert [len(post.assignment.tables) for post in posts] == [2, 2, 2, 1], "the limited tables are spread"
    only = WorkerGroup("g", processes=4, concurrency={"a.A": 1})
    assert len(posts_of([(only, Assignment("/root", "lab", ("a.A",)))], environ={})) == 1


def test_the_jobs_of_a_run_are_shared_out() -> None:
    posts = posts_of([(ALL._replace(processes=4), Assignment("/root", "lab", jobs=6))], environ={})
    assert [post.assignment.jobs for post in posts] == [2, 2, 1, 1]
    posts = posts_of([(ALL._replace(processes=4), Assignment("/root", "lab", jobs=2))], environ={})
    assert [post.assignment.jobs for post in posts] == [1, 1]


def test_groups_of_a_project(project: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(path.read_text() + '\n[tool.djproject.workers.night]\ncount = 3\nconcurrency = {"x.Y" = 1}\n')
    loaded = load_project(project)
    (group,) = chosen_groups(loaded, ["night"])
    assert group.processes == 3
    with pytest.raises(ConfigError, match="no group of workers called 'day'"):
        chosen_groups(loaded, ["day"])
    with pytest.raises(ConfigError, match=r"does not fill x\.Y"):
        posts_for_groups(loaded, [group], Assignment(str(project), "embedded", ("a.B",)))
