"""Processes for the commands that tests run, forked from one that has imported the libraries already.

A command that needs DataJoint takes most of a second of a processor to import pandas, networkx and pydantic, and the
tests run thousands. So a server imports them once, and never DataJoint, djproject or anything of a project; each command
is a fork of it with its own arguments, folder, environment, standard streams and exit code. A command whose environment
changes Python itself is started as usual, and so is everything that a test starts to run beside it.
"""

import atexit
import contextlib
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

LIBRARIES = ("pandas", "networkx", "pyparsing", "pydantic_settings", "numpy", "typer.main", "rich.console", "rich.table",
             "rich.progress", "tomlkit", "fsspec", "psycopg2", "pymysql", "packaging.version", "email.parser", "asyncio",
             "zoneinfo", "deepdiff", "importlib.metadata", "urllib.request", "tempfile", "tomllib")  # fmt: skip
OF_THE_INTERPRETER = ("PYTHON", "LD_", "LC_", "LANG", "COVERAGE", "MALLOC", "OMP_", "OPENBLAS", "MKL_", "TZ")
LONGEST_REQUEST = 1 << 20


class Warm:
    """The server's client, one for each process of pytest; the server starts with the first command.

    Parameters
    ----------
    env
        What the environment of commands is like, unless a test changes it.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = {name: value for name, value in env.items() if not name.startswith("COVERAGE")}
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def run(
        self, arguments: list[str], *, cwd: Path, env: dict[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run([sys.executable, *arguments], capture_output=True, text=True)`, with an empty stdin."""
        if sys.platform != "linux" or _of_the_interpreter(env) != _of_the_interpreter(self._env):
            return subprocess.run(
                [sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout,
                stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        with self._lock:
            if self._socket is None:
                self._start()
        return self._run(arguments, cwd, env, timeout)

    def stop(self) -> None:
        """End the server; what it started is not its concern."""
        if self._socket is not None and self._process is not None:
            self._socket.close()
            self._process.wait(timeout=30)

    def _start(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())], env=self._env, stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )  # fmt: skip

    def _run(
        self, arguments: list[str], cwd: Path, env: dict[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # which keeps messages apart
        outputs = [os.pipe() for _ in range(2)]
        request = json.dumps([arguments, str(cwd), env, _umask()]).encode()
        assert self._socket is not None
        with ours:
            with theirs:
                descriptors = [outputs[0][1], outputs[1][1], theirs.fileno()]
                socket.send_fds(self._socket, [request], descriptors)
            for _, written in outputs:
                os.close(written)
            pid = int(ours.recv(32))
            read = [b"", b""]
            readers = [threading.Thread(target=_read, args=(outputs[n][0], read, n), daemon=True) for n in range(2)]
            for reader in readers:
                reader.start()
            ours.settimeout(timeout)
            try:
                code = int(ours.recv(32))
                for reader in readers:
                    reader.join(timeout)
                    if reader.is_alive():  # something that the command left holds the stream
                        raise TimeoutError
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(arguments, timeout, read[0], read[1]) from None
        stdout, stderr = (data.decode() for data in read)
        return subprocess.CompletedProcess(arguments, code, stdout, stderr)


def _of_the_interpreter(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(OF_THE_INTERPRETER) and name != "PYTHONPATH"}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _read(descriptor: int, into: list[bytes], number: int) -> None:
    with open(descriptor, "rb") as stream:
        into[number] = stream.read()


def _serve(requests: socket.socket) -> list[str]:
    """Fork a process for each request; in it, this returns what it is to run."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries those that wait for a command
    while True:
        data, descriptors, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, 3)
        if not data:
            os._exit(0)
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _become(json.loads(data), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _become(request: list[object], descriptors: list[int]) -> list[str]:
    """In the fork: fork once more for the command; this process waits for it, and says how it ended."""
    arguments, cwd, env, umask = request
    stdout, stderr, answer = descriptors
    pid = os.fork()
    if pid:
        os.write(answer, str(pid).encode())
        for descriptor in (stdout, stderr):
            os.close(descriptor)
        os.write(answer, str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
        os._exit(0)
    os.close(answer)
    for number, descriptor in ((1, stdout), (2, stderr)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    assert isinstance(arguments, list)
    assert isinstance(env, dict)
    assert isinstance(umask, int)
    os.chdir(str(cwd))
    os.umask(umask)
    os.environ.clear()
    os.environ.update(env)
    os.environ.pop("__PYVENV_LAUNCHER__", None)
    sys.path_importer_cache.clear()
    return arguments


def _main() -> None:
    base = [entry for entry in sys.path[1:] if entry not in os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            __import__(name)
    assert not {"datajoint", "djproject"} & set(sys.modules), "they read their settings when they are imported"
    gc.collect()
    gc.freeze()  # else the first collection in each fork would copy all of it
    kind, *arguments = _serve(socket.socket(fileno=int(sys.argv[1])))
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    with _ending():
        if kind == "-m":
            sys.path[:] = [str(Path.cwd()), *paths, *base]
            sys.argv[:] = arguments
            runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        else:
            sys.path[:] = ["", *paths, *base]
            sys.argv[:] = ["-c"]
            exec(compile(arguments[0], "<string>", "exec"), {"__name__": "__main__"})


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """End as the interpreter does, but for taking apart all the modules that are there, which would copy them."""
    code: object = 0
    try:
        yield
    except SystemExit as ended:
        code = ended.code
        if not isinstance(code, int | None):
            print(code, file=sys.stderr)
            code = 1
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(int(code or 0) & 0xFF)  # type: ignore[call-overload]


if __name__ == "__main__":
    _main()
