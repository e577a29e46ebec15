"""Processes for the commands that tests run, forked from one that has imported the libraries already.

A command that needs DataJoint takes most of a second of a processor to import pandas, networkx and pydantic, and the
tests run thousands. The fork server of `multiprocessing` imports them once, and never DataJoint, djproject or anything
of a project, which read their settings when they are imported. Each command is a process with its own arguments,
folder, environment, output and exit code. One whose environment changes Python itself is started as usual, and so is
everything that a test starts to run beside it.
"""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

LIBRARIES = ["pandas", "networkx", "pyparsing", "pydantic_settings", "numpy", "typer.main", "rich.console", "rich.table",
             "rich.progress", "tomlkit", "fsspec", "psycopg2", "pymysql", "packaging.version", "email.parser", "asyncio",
             "zoneinfo", "deepdiff", "importlib.metadata", "urllib.request", "tempfile", "tomllib"]  # fmt: skip
OF_THE_INTERPRETER = ("PYTHON", "LD_", "LC_", "LANG", "COVERAGE", "MALLOC", "OMP_", "OPENBLAS", "MKL_", "TZ")


class Warm:
    """Runs commands; the server starts with the first one.

    Parameters
    ----------
    env
        What the environment of commands is like, unless a test changes it.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = {name: value for name, value in env.items() if not name.startswith("COVERAGE")}
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*LIBRARIES, "tests.frozen"])

    def run(
        self, arguments: list[str], *, cwd: Path, env: dict[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run([sys.executable, *arguments], capture_output=True, text=True)`, with an empty stdin."""
        if _of_the_interpreter(env) != _of_the_interpreter(self._env):
            return subprocess.run(
                [sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout,
                stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        pipes = [self._context.Pipe(duplex=False) for _ in range(2)]
        written = [end for _, end in pipes]
        process = self._context.Process(target=_command, args=(arguments, str(cwd), env, *written))
        process.start()
        for end in written:
            end.close()
        outputs = [bytearray(), bytearray()]
        readers = [
            threading.Thread(target=_read, args=(end, output), daemon=True)
            for (end, _), output in zip(pipes, outputs, strict=True)
        ]
        for reader in readers:
            reader.start()
        for waited in (process, *readers):  # what the command left behind may hold its output
            waited.join(timeout)
        if process.exitcode is None or any(reader.is_alive() for reader in readers):
            process.kill()
            raise subprocess.TimeoutExpired(arguments, timeout, *map(bytes, outputs))
        return subprocess.CompletedProcess(arguments, process.exitcode, *(output.decode() for output in outputs))


def _of_the_interpreter(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(OF_THE_INTERPRETER) and name != "PYTHONPATH"}


def _read(end: Connection, output: bytearray) -> None:
    while data := os.read(end.fileno(), 65536):
        output += data
    end.close()


def _command(arguments: list[str], cwd: str, env: dict[str, str], *written: Connection) -> None:
    """Be `python -m MODULE …` or `python -c CODE`; runs in the process of the command."""
    for number, end in enumerate(written, start=1):
        os.dup2(end.fileno(), number)
        end.close()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    prefixes = (sys.base_prefix, sys.prefix)
    installed = [entry for entry in sys.path if entry.startswith(prefixes) or entry.startswith("__editable__")]
    paths = [entry for entry in env.get("PYTHONPATH", "").split(os.pathsep) if entry]
    try:
        if arguments[0] == "-m":
            sys.path[:] = [cwd, *paths, *installed]
            sys.argv[:] = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.path[:] = ["", *paths, *installed]
            sys.argv[:] = ["-c"]
            exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
    finally:
        atexit._run_exitfuncs()  # which `multiprocessing` does for itself from Python 3.13 on
