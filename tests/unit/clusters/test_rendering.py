"""Batch scripts and manifests: the same bytes for the same input, nothing secret, nothing that is not quoted."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djproject.clusters.kubernetes import BEGIN, GIVEN, SECRETS, as_yaml, manifest, object_name
from djproject.clusters.pilot import Pilot
from djproject.clusters.slurm import script, wall_time
from djproject.project.clusters import Cluster

ROOT = Path("/home/ada/my lab's")
PILOT = Pilot("Mouse V1", "lab", ("+analysis.Fit",), "gpu", ("day > '2026-01-01'",))
SLURM = Cluster(
    "slurm", "hpc", "lab", 20, 4, 16384, 1, 4 * 3600, "gpu", "neuro", "high", "a100|h100", ("module load cuda",),
    "/opt/venv/bin/python", options=("--exclusive", "--mail-type=FAIL"),
)  # fmt: skip
CLOUD = Cluster(
    "kubernetes", "cloud", "lab", 8, 2, 4096, 1, image="registry/lab:1", namespace="neuro", secret="lab-passwords",
    node_selector={"gpu": "yes"}, tolerations=({"key": "gpu", "operator": "Exists"},),
)  # fmt: skip


def test_a_batch_script_says_all_that_was_set() -> None:
    text = script(SLURM, PILOT, ROOT, ROOT / ".djproject/clusters/hpc")
    assert text == script(SLURM, PILOT, ROOT, ROOT / ".djproject/clusters/hpc")
    options = [line.removeprefix("#SBATCH ") for line in text.splitlines() if line.startswith("#SBATCH ")]
    assert options == [
        "--job-name=djproject-Mouse-V1", "--partition=gpu", "--account=neuro", "--qos=high", "--constraint='a100|h100'",
        "--ntasks=1", "--cpus-per-task=4", "--mem=16384M", "--gpus=1", "--time=04:00:00", "--signal=B:TERM@10",
        "--requeue", "--open-mode=append", f"--output={shlex.quote(f'{ROOT}/.djproject/clusters/hpc/%A_%a.log')}", "--export=NONE",
        "--exclusive", "--mail-type=FAIL",
    ]  # fmt: skip
    setup, untrapped, command = text.splitlines()[-3:]
    assert untrapped == "trap - INT TERM"
    assert f"\ncd {shlex.quote(str(ROOT))} || exit 1\n" in text
    assert setup == "module load cuda"
    assert shlex.split(command) == [
        "exec", "/opt/venv/bin/python", "-m", "djproject", "populate", "+analysis.Fit", "--target", "lab", "--group",
        "gpu", "--where", "day > '2026-01-01'", "--watch", "--idle-exit", "300s", "--grace", "120s",
    ]  # fmt: skip
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0


def test_a_batch_script_of_few_settings_and_one_with_an_image() -> None:
    text = script(Cluster("slurm", "hpc"), Pilot("p", "lab"), ROOT, Path("/logs"))
    for word in ("--time", "--mem", "--gpus", "--partition", "apptainer"):
        assert word not in text
    with_image = script(Cluster("slurm", "hpc", image="lab.sif", gpus=2), Pilot("p", "lab"), ROOT, Path("/logs"))
    assert "exec apptainer exec --nv lab.sif python -m djproject populate --target lab" in with_image


def test_wall_times() -> None:
    assert [wall_time(seconds) for seconds in (59, 3600, 86400)] == ["00:00:59", "01:00:00", "1-00:00:00"]


def test_a_manifest_says_all_that_was_set() -> None:
    found = manifest(CLOUD, PILOT, 4)
    pod = found["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (found["metadata"]["name"], found["metadata"]["namespace"]) == ("djproject-mouse-v1-cloud", "neuro")
    assert found["spec"]["parallelism"] == 4
    assert "completions" not in found["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["nodeSelector"] == {"gpu": "yes"}
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert pod["volumes"][0]["secret"]["secretName"] == "lab-passwords"
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "4096Mi", "nvidia.com/gpu": "1"}
    assert container["args"] == PILOT.arguments()
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert (
        manifest(CLOUD._replace(secret=""), PILOT, 1)["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"]
        == "djproject-mouse-v1-cloud-secrets"
    )


@pytest.mark.parametrize("name", ["A" * 200, "ü", "a__b", "-a-"])
def test_names_of_objects(name: str) -> None:
    import re

    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?", object_name(name, "cloud"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["yes", "on", "null", "1", "1e3", "- a", "~", "a: b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(VALUES)
def test_what_is_written_as_yaml_is_read_as_it_was(value: object) -> None:
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(as_yaml(value)) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("squeue", "variables", "expected"),
    [
        ("echo 2026-11-28T12:00:00", {}, "1795867200"),
        ("true", {}, "later"),
        ("echo N/A", {}, "later"),
        ("exit 1", {}, "later"),
        ("true", {"SLURM_JOB_END_TIME": "1795867999"}, "1795867999"),
    ],
)
def test_a_script_knows_its_place_and_its_end(
    tmp_path: Path, squeue: str, variables: dict[str, str], expected: str
) -> None:
    """Run by bash, with programs that answer as Slurm's do; an answer that is none must not be midnight."""
    for name, text in (("squeue", squeue), ("python", 'echo "$DJPROJECT_PILOT $DJPROJECT_NODE $DJPROJECT_ENDS"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    cluster = Cluster("slurm", "hpc", seconds=3600, python=str(tmp_path / "python"))
    text = script(cluster, Pilot("p", "lab"), tmp_path, tmp_path).replace("#!/bin/bash -l", "#!/bin/bash")
    slurm = {"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "8", "SLURM_ARRAY_TASK_ID": "2", "SLURMD_NODENAME": "n7"}
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "TZ": "UTC", **slurm, **variables}
    told = subprocess.run(["bash"], input=text, text=True, env=environment, capture_output=True, check=True).stdout
    begins, said = told.splitlines()
    assert begins.startswith("Pilot begins: 8_2 on n7 at ")
    job, node, ends = said.split()
    assert (job, node) == ("8_2", "n7")
    if expected == "later":
        assert 3500 < int(ends) - time.time() < 3700
    else:
        assert ends == expected


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Programs that a test starts do not ignore SIGINT, as those of a shell's background jobs do."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("renew", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_script_that_is_stopped_before_it_works_ends(tmp_path: Path, number: int, renew: bool) -> None:
    """Bash alone would wait for the program that it runs, and continue."""
    for name, text in (("squeue", f"touch {tmp_path}/asked; sleep 0.5"), ("python", f"touch {tmp_path}/worked")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    cluster = Cluster("slurm", "hpc", python=str(tmp_path / "python"))
    path = tmp_path / "script"
    path.write_text(script(cluster, Pilot("p", "lab", renew=renew), tmp_path, tmp_path))
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_JOB_ID": "9"}
    with subprocess.Popen(["bash", str(path)], env=environment, stdout=subprocess.PIPE, text=True) as started:
        while not (tmp_path / "asked").exists():
            time.sleep(0.02)
        started.send_signal(number)
        told, _ = started.communicate(timeout=20)
    assert told.splitlines()[-1] == "Pilot ended: 0 jobs made."
    assert started.returncode == 0
    assert not (tmp_path / "worked").exists()


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_pod_that_is_stopped_before_it_works_ends(tmp_path: Path, number: int) -> None:
    (tmp_path / "cp").write_text(f"#!/bin/sh\ntouch {tmp_path}/copying; sleep 0.5\n")
    (tmp_path / "python").write_text(f"#!/bin/sh\ntouch {tmp_path}/worked\n")
    for name in ("cp", "python"):
        (tmp_path / name).chmod(0o755)
    with subprocess.Popen(["sh", "-c", BEGIN, "pilot"], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}) as started:
        while not (tmp_path / "copying").exists():
            time.sleep(0.02)
        started.send_signal(number)
        assert started.wait(20) == 0
    assert not (tmp_path / "worked").exists()


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("pilot", [True, False])
def test_a_pilot_that_is_stopped_before_it_works_ends_as_one_without_work(number: int, pilot: bool) -> None:
    code = (
        "import os, sys\nsys.argv = ['djproject', 'populate']\nimport djproject.__main__\nimport djproject.cli._app\n"
        f"djproject.cli._app.run = lambda: os.kill(os.getpid(), {int(number)})\ndjproject.__main__.main()\n"
    )
    environment = {**os.environ, "DJPROJECT_PILOT": "8_1"} if pilot else dict(os.environ)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode == 0, "Pilot ended: 0 jobs made." in done.stderr) == (pilot, pilot)


def test_what_a_pod_is_given_is_a_file_of_its_user_only(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "value").write_text("hush")
    (tmp_path / "given/targets.lab.password").symlink_to(tmp_path / "value")
    begin = BEGIN.replace(GIVEN, str(tmp_path / "given")).replace(SECRETS, str(tmp_path / "kept"))
    begin = begin.replace("exec python -m djproject", "exec echo")
    told = subprocess.run(["sh", "-c", begin, "pilot", "populate"], capture_output=True, text=True, check=True)
    assert told.stdout == "populate\n"
    path = tmp_path / "kept/targets.lab.password"
    assert (path.is_symlink(), path.read_text(), path.stat().st_mode & 0o777) == (False, "hush", 0o600)
