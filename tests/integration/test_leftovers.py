"""What a `make` starts behaves as in plain Python, and what it leaves behind does not keep a run from ending."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.integration.conftest import insert_items, write_make
from tests.integration.test_populate import start, status_of, wait_for, workers_of

pytestmark = pytest.mark.timeout(200)
INSERT = 'self.insert1({**key, "value": 1.0})'
LEFT = {
    "thread": "import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()",
    "process": "import multiprocessing as m, time; m.get_context('fork').Process(target=time.sleep, args=(1000,)).start()",
    "spawned": "import multiprocessing as m, time; m.get_context('spawn').Process(target=time.sleep, args=(1000,)).start()",
    "pool": "import concurrent.futures as c, time; c.ProcessPoolExecutor(1).submit(time.sleep, 1000)",
    "fork": "import os, time; os.fork() or (time.sleep(1000), os._exit(0))",
    "program": "import subprocess; subprocess.Popen(['sleep', '1000'])",
    "masked": "import signal, threading, time; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); "
    "threading.Thread(target=time.sleep, args=(1000,)).start()",
}


@pytest.mark.parametrize("code", LEFT.values(), ids=LEFT)
def test_what_a_make_did_not_join_does_not_keep_a_run_from_ending(
    jobs_project: Path, run: Run, python: Run, code: str
) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 1)
    write_make(jobs_project, f"{code}; {INSERT}")
    told = run("populate", "Result", cwd=jobs_project, timeout=60).stderr
    assert "A worker" not in told
    assert status_of(run, jobs_project)["done"] == 1


# Each function is the make of one key; what it returns becomes the row's value. 0 is as it should be.
CASES = '''
import gc, multiprocessing, os, re, signal, subprocess, sys, time, traceback

FORK = multiprocessing.get_context("fork")


def terminated_process(table, key):
    process = FORK.Process(target=time.sleep, args=(1000,))
    process.start()
    process.terminate()
    process.join(60)
    return process.exitcode + signal.SIGTERM


def interrupted_process(table, key):
    process = FORK.Process(target=time.sleep, args=(1000,))
    process.start()
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    process.join(60)
    return process.exitcode - 1


def terminated_pool(table, key):
    with FORK.Pool(2) as pool:
        assert pool.map(abs, [1, -2]) == [1, 2]
    pool.join()
    return 0


def spawned_pool(table, key):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return sum(pool.map(abs, [0, 0]))


def asks(table, key):
    return input("Which channel?")


def stops_at_a_breakpoint(table, key):
    breakpoint()


def reads_a_password(table, key):
    import getpass
    return getpass.getpass()


def program_that_reads(table, key):
    return len(subprocess.run(["cat"], capture_output=True, timeout=60, check=True).stdout)


def signals_of_a_program(table, key):
    status = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True, check=True).stdout
    usual = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM, signal.SIGPIPE)
    masks = [int(re.search(rf"{name}:\\s*(\\w+)", status)[1], 16) for name in ("SigIgn", "SigBlk")]
    return sum(mask >> (number - 1) & 1 for mask in masks for number in usual)


def signals_of_a_fork(table, key):
    pid = os.fork()
    if not pid:
        usual = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGINT)
        os._exit(usual != (signal.SIG_DFL, signal.SIG_DFL, signal.default_int_handler))
    return code_of(pid)


def descriptors_of_a_program(table, key):
    return len(subprocess.run(["ls", "/proc/self/fd"], capture_output=True, check=True).stdout.split()) - 4


def garbage_collector(table, key):
    code = "import gc; print(gc.isenabled(), gc.get_threshold())"
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return f"{gc.isenabled()} {gc.get_threshold()}" != plain.strip()


def fork_that_returns(table, key):
    pid = os.fork()
    return code_of(pid) if pid else None


def fork_that_inserts_and_returns(table, key):
    pid = os.fork()
    table.insert1({**key, "value": 7.0} if not pid else {**key, "value": code_of(pid) - 1})
    return None


def fork_that_raises(table, key):
    pid = os.fork()
    if not pid:
        raise ValueError("in the child")
    return code_of(pid) - 1


def fork_that_exits(table, key):
    pid = os.fork()
    if not pid:
        sys.exit(5)
    return code_of(pid) - 5


def forks_that_read(table, key):
    pids = [os.fork() or os._exit(read(table)) for _ in range(3)]
    for _ in range(50):
        assert len((table & "item_id < 0")) == 0
    return sum(map(code_of, pids))


def read(table):
    from workflow import work
    try:
        return any(len(work.Item & "item_id < 3") != 3 for _ in range(50))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        return 2


def code_of(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


ALL = [value for name, value in list(globals().items()) if value.__class__.__name__ == "function"
       and value.__code__.co_varnames[:2] == ("table", "key")]


def run(table, key):
    value = ALL[key["item_id"]](table, key)
    if value is not None:
        table.insert1({**key, "value": float(value)})


class InParts:
    """The child's make, in DataJoint's three parts; each leaves a process behind that returns from it."""

    def make_fetch(self, key):
        os.fork()
        return (1,)

    def make_compute(self, key, one):
        os.fork()
        return (2.0,)

    def make_insert(self, key, two):
        self.insert1({**key, "value": two})
        os.fork()
'''
FAILING = {
    "asks": "EOFError",
    "stops_at_a_breakpoint": "BdbQuit",
    "reads_a_password": "EOFError",
}
ASK = """
import json
from workflow import cases, work
names = [function.__name__ for function in cases.ALL]
query = work.Result().connection.query
attempts = "SELECT table_name, outcome, COUNT(*), COUNT(DISTINCT key_text) FROM djproject.attempt WHERE schema_name=%s "
rows = query(attempts + "GROUP BY table_name, outcome", args=(work.schema.database,)).fetchall()
print(json.dumps({
    "names": names,
    "values": {names[row["item_id"]]: row["value"] for row in work.Result.to_dicts()},
    "attempts": [list(row) for row in rows],
    "children": len(work.Child()),
    "jobs": len(work.Result.jobs & "status <> 'error'") + len(work.Child.jobs),
}))
"""


def test_what_a_make_starts_behaves_as_in_plain_python(server_project: Path, run: Run, python: Run) -> None:
    root = server_project
    (root / "src/workflow/cases.py").write_text(CASES)
    write_make(root, "from workflow import cases; cases.run(self, key)")
    path = root / "src/workflow/work.py"
    head, _, _ = path.read_text().rpartition("    def make(self, key):")
    path.write_text(head.replace("class Child(dj.Computed)", "class Child(cases.InParts, dj.Computed)")
                    .replace("import datajoint as dj", "import datajoint as dj\n\nfrom workflow import cases", 1))  # fmt: skip
    run("deploy", cwd=root)
    count = int(python("from workflow import cases; print(len(cases.ALL))", cwd=root).stdout.splitlines()[-1])
    insert_items(python, root, count)
    told = run("populate", "--workers", "2", cwd=root, code=1, timeout=150).stderr
    listed = json.loads(run("jobs", "list", "--format", "json", cwd=root).stdout)["jobs"]
    found = json.loads(python(ASK, cwd=root).stdout.splitlines()[-1])
    errors = {found["names"][job["key"]["item_id"]]: job["message"] for job in listed}
    assert set(errors) == set(FAILING), f"{errors}\n{told}"
    for name, message in FAILING.items():
        assert errors[name].startswith(message), name
    good = count - len(FAILING)
    assert found["values"] == dict.fromkeys(set(found["names"]) - set(FAILING), 0.0)
    # The processes that came back from a make did none of the worker's work: each job was made once.
    assert sorted(found["attempts"]) == [
        ["work.Child", "made", good, good],
        ["work.Result", "error", len(FAILING), len(FAILING)],
        ["work.Result", "made", good, good],
    ]
    assert (found["children"], found["jobs"]) == (good, 0)
    logs = "".join(log.read_text() for log in (root / ".djproject/logs").glob("worker-*.log"))
    assert "which make forked, returned from make; djproject stopped it" in logs


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def all_ended(pids: Path, count: int) -> bool:
    """Whether the processes whose numbers stand in files, so many of them, end within a few seconds."""
    numbers = [int(path.read_text()) for path in pids.iterdir()]
    assert len(numbers) == count
    deadline = time.monotonic() + 10
    while any(map(is_running, numbers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(map(is_running, numbers))


def start_programs(root: Path) -> Path:
    """Let the make start a program that starts two more, and wait for them; their numbers are in this folder."""
    pids = root / "pids"
    pids.mkdir()
    script = f"for i in 1 2; do sleep 1000 & echo $! > {pids}/$i; done; echo $$ > {pids}/3; wait"
    write_make(root, f"import subprocess; subprocess.run(['sh', '-c', {script!r}])")
    return pids


def test_a_job_that_takes_too_long_is_ended_with_all_it_has_started(jobs_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 1)
    pids = start_programs(jobs_project)
    told = run("populate", "Result", "--job-timeout", "2s", cwd=jobs_project, code=1).stderr
    assert "was stopped after 2 s (job timeout) while making work.Result (item_id=0)" in told
    assert "work.Result (item_id=0): stopped after 2 s (job timeout)" in told
    assert "SIGKILL" not in told
    assert all_ended(pids, 3)


def test_a_job_that_is_given_back_is_ended_with_all_it_has_started(jobs_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 1)
    pids = start_programs(jobs_project)
    process = start(jobs_project, "populate", "Result")
    wait_for(pids, 3)
    for _ in range(2):
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.5)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert all_ended(pids, 3)
    status = status_of(run, jobs_project)
    assert (status["pending"], status["errors"], status["reserved"]) == (1, 0, 0)


def test_a_worker_that_somebody_else_ends_finishes_its_job_and_is_replaced(
    jobs_project: Path, run: Run, python: Run
) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 12)
    pids = jobs_project / "pids"
    pids.mkdir()
    write_make(
        jobs_project,
        f'import os, time; open(f"{pids}/{{os.getpid()}}", "w").close(); time.sleep(0.5); {INSERT}',
    )
    process = start(jobs_project, "populate", "Result")
    wait_for(pids)
    os.kill(workers_of(process)[0], signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "a new process replaces worker 1 after SIGTERM" in errors
    assert len(list(pids.iterdir())) == 2
    status = status_of(run, jobs_project)
    assert (status["done"], status["errors"], status["reserved"]) == (12, 0, 0)
