"""What workers cost and how soon they react: a million jobs, a killed process, a stop, an idle night."""

import os
import signal
import subprocess
import sys
import time

import psutil

from benchmarks.lab import Lab, backends, lab, wait_until
from benchmarks.timing import table

MANY = 1_000_000
IDLE_SECONDS = 60.0


def measure() -> None:
    """Print figures for both servers; MySQL where one is named."""
    for backend in backends():
        with lab(backend) as place:
            rows = [*_reactions(place), *_idle(place), *_many_keys(place)]
        print()
        table([backend, "djproject", "asked for"], rows)


def _many_keys(place: Lab) -> list[list[str]]:
    """From the command to the first row, and the worker's memory, with few keys and with very many."""
    seconds, megabytes = [], []
    for count in (1_000, MANY):
        place.fill(count)
        _refresh(place)
        process = place.start(place.command, "populate", "Result")
        ask = place.connect()
        seconds.append(
            wait_until(lambda ask=ask: int(ask(f"SELECT COUNT(*) FROM {place.results} WHERE item_id >= 0")) > 0)
        )
        time.sleep(0.3)
        megabytes.append(max(child.memory_info().rss for child in psutil.Process(process.pid).children()) / 1e6)
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
    place.fill(0)
    return [
        ["1,000 jobs waiting: start of the command to first row", f"{seconds[0]:.1f} s", ""],
        ["1,000,000 jobs waiting: start of the command to first row", f"{seconds[1]:.1f} s", "2 s"],
        ["memory of a worker, 1,000 jobs waiting", f"{megabytes[0]:.0f} MB", ""],
        ["memory of a worker, 1,000,000 jobs waiting", f"{megabytes[1]:.0f} MB", "200 MB"],
    ]


def _refresh(place: Lab) -> None:
    place.run(place.command, "populate", "Result", "--max-jobs", "1", "--where", "item_id = 0")
    place.python(
        "from workflow import work\n"
        "t, j = work.Result(), work.Result.jobs\n"
        't.connection.query(f"INSERT INTO {j.full_table_name} (item_id, status, priority) "\n'
        "    f\"SELECT item_id, 'pending', 5 FROM {work.Item().full_table_name} WHERE item_id > 0\")\n"
        "t.connection.query(f'DELETE FROM {t.full_table_name}')"
    )


def _reactions(place: Lab) -> list[list[str]]:
    place.make('import time; time.sleep(600); self.insert1({**key, "value": 1.0})')
    ask = place.connect()
    reserved = f"SELECT COUNT(*) FROM {place.jobs} WHERE status = 'reserved'"

    def pid() -> int:
        return int(ask(f"SELECT COALESCE(MAX(pid), 0) FROM {place.jobs} WHERE status = 'reserved'"))

    place.fill(1)
    process = place.start(place.command, "populate", "--watch")
    wait_until(lambda: int(ask(reserved)) == 1)
    victim = pid()
    os.kill(victim, signal.SIGKILL)
    own = wait_until(lambda: pid() not in (victim, 0))
    other = _other_host(place, process) if os.geteuid() == 0 else None
    if other is None:
        _stop(process, twice=True)
    place.make('self.insert1({**key, "value": 1.0})')
    place.fill(1)
    process = place.start(place.command, "populate", "--watch", "--workers", "2")
    wait_until(lambda: int(ask(f"SELECT COUNT(*) FROM {place.results}")) == 1)
    time.sleep(8)
    began = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    process.wait()
    stopped = time.perf_counter() - began
    rows = [["SIGKILL of a worker: its job is another's, same host", f"{own:.1f} s", "10 s"]]
    if other is not None:
        rows.append(["SIGKILL of all workers: the job is another's, other host", f"{other:.1f} s", "45 s"])
    return [*rows, ["SIGTERM to the end, 2 idle workers", f"{stopped:.2f} s", "0.5 s"]]


def _other_host(place: Lab, process: subprocess.Popen[bytes]) -> float:
    """The whole machine of a worker dies: how long until a worker on another one has its job.

    The other one has its own host name and process numbers, so that it cannot see that the process is gone.
    """
    ask = place.connect()
    who = f"SELECT COALESCE(MAX(host), '') FROM {place.jobs} WHERE status = 'reserved'"
    here = str(ask(who))
    away = place.start(
        "unshare", "--uts", "--pid", "--fork", "--mount-proc", "sh", "-c",
        f"hostname elsewhere; exec {sys.executable} -m djproject populate --watch",
    )  # fmt: skip
    time.sleep(6)
    for child in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        child.kill()
    process.wait()
    seconds = wait_until(lambda: str(ask(who)) not in (here, ""))
    for child in psutil.Process(away.pid).children(recursive=True):
        child.kill()
    away.wait()
    return seconds


def _idle(place: Lab) -> list[list[str]]:
    """A worker that waits for work: processor time and queries, supervisor included."""
    place.fill(10)
    process = place.start(place.command, "populate", "--watch")
    ask = place.connect()
    wait_until(lambda: int(ask(f"SELECT COUNT(*) FROM {place.results}")) == 10)
    time.sleep(15)
    everybody = [psutil.Process(process.pid), *psutil.Process(process.pid).children()]
    before, asked = [_cpu(one) for one in everybody], _queries(place, ask)
    time.sleep(IDLE_SECONDS)
    used = [(_cpu(one) - old) / IDLE_SECONDS for one, old in zip(everybody, before, strict=True)]
    rate = (_queries(place, ask) - asked) / IDLE_SECONDS
    _stop(process)
    return [
        ["idle `--watch`: one worker process", f"{max(used[1:]):.2%} of a processor", "0.20%"],
        ["idle `--watch`: its supervisor", f"{used[0]:.2%} of a processor", ""],
        ["idle `--watch`: queries", f"{rate:.1f}/s", "1/s"],
    ]


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _queries(place: Lab, ask: object) -> int:
    """Statements the server was asked, by its own count; this question is one of them."""
    if place.backend == "mysql":
        text = "SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Questions'"
    else:
        text = "SELECT SUM(xact_commit + xact_rollback) FROM pg_stat_database"
    time.sleep(1.5)  # PostgreSQL counts once a second
    return int(ask(text))  # type: ignore[operator]


def _stop(process: subprocess.Popen[bytes], *, twice: bool = False) -> None:
    process.send_signal(signal.SIGINT)
    if twice:
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
    process.wait()
