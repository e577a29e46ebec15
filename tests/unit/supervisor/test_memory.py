"""Kills for memory, as the kernel counts them in both versions of its groups."""

from pathlib import Path

import pytest

from djproject.supervisor.memory import MemoryWatch


def group(tmp_path: Path, line: str, folder: str, files: dict[str, str]) -> MemoryWatch:
    own = tmp_path / "cgroup"
    own.write_text(f"12:cpu,cpuacct:/x\n{line}\n")
    place = tmp_path / "mount" / folder
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / name).write_text(text)
    return MemoryWatch(own, tmp_path / "mount")


SECOND = {"memory.events": "low 0\noom 3\noom_kill {n}\noom_group_kill 0\n", "memory.max": "536870912\n"}
FIRST = {
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill {n}\n",
    "memory.limit_in_bytes": "536870912\n",
}


@pytest.mark.parametrize(
    ("line", "folder", "files"),
    [
        ("0::/job_8", "job_8", SECOND),
        ("0::/", "", SECOND),
        ("0::/seen/from/outside", "", SECOND),
        ("7:memory:/slurm/job_8", "memory/slurm/job_8", FIRST),
        ("7:memory:/kubepods/pod1", "memory", FIRST),
    ],
)
def test_each_kill_is_claimed_once(tmp_path: Path, line: str, folder: str, files: dict[str, str]) -> None:
    def counted(number: int) -> MemoryWatch:
        return group(tmp_path, line, folder, {name: text.replace("{n}", str(number)) for name, text in files.items()})

    watch = counted(2)
    assert watch.claim() == "", "it was not begun"
    watch.begin()
    assert watch.claim() == ""
    counted(4)
    assert [watch.claim() for _ in range(3)] == ["out of memory, 0.5 GiB", "out of memory, 0.5 GiB", ""]
    watch.begin()
    assert watch.claim() == ""


def test_where_nothing_is_counted_or_limited(tmp_path: Path) -> None:
    watch = MemoryWatch(tmp_path / "nothing", tmp_path)
    watch.begin()
    assert watch.claim() == ""
    watch = group(tmp_path, "0::/", "", {"memory.events": "oom_kill 0\n", "memory.max": "max\n"})
    watch.begin()
    group(tmp_path, "0::/", "", {"memory.events": "oom_kill 1\n"})
    assert watch.claim() == "out of memory"
