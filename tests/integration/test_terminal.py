"""What a run shows on a terminal."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import PYTHON_ENVIRONMENT, Run
from tests.integration.conftest import write_make

pytestmark = pytest.mark.timeout(200)


class Terminal:
    """A command whose stderr is a terminal of 80 columns; what it shows is kept without control sequences."""

    def __init__(self, root: Path, *arguments: str) -> None:
        self._master, terminal = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "djproject", *arguments], cwd=root, stdin=terminal, stdout=subprocess.PIPE, text=True,
            stderr=terminal, env={**os.environ, **PYTHON_ENVIRONMENT, "COLUMNS": "80", "TERM": "xterm"},
        )  # fmt: skip
        os.close(terminal)
        self.text = ""

    def show(self, seconds: float = 0.1) -> str:
        """What it has shown so far."""
        while select.select([self._master], [], [], seconds)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the command has ended
                break
            self.text += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", data.decode(errors="replace"))
        return self.text

    def wait_for(self, pattern: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.show()):
            assert time.monotonic() < deadline, self.text[-2000:]
            assert self.process.poll() is None, self.text[-2000:]

    def end(self) -> str:
        while self.process.poll() is None:
            self.show()  # what it prints on stdout fits into a pipe
        self.show()
        os.close(self._master)
        return self.process.communicate()[0]


def test_bars_know_what_other_runs_make_and_keys_are_in_their_order(jobs_project: Path, run: Run, python: Run) -> None:
    root = jobs_project
    path = root / "src/workflow/work.py"
    path.write_text(path.read_text().replace("item_id : int32", "zone : int32\n    area : int32", 1))
    go = root / "go"
    write_make(
        root,
        f"import pathlib, time\n        while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.1)\n"
        "        raise ValueError(f'area {key[\"area\"]}')",
    )
    run("deploy", cwd=root)
    python("from workflow import work; work.Item.insert([dict(zone=7, area=i) for i in range(4)])", cwd=root)
    terminal = Terminal(root, "populate", "Result")
    terminal.wait_for(r"worker 1 +work\.Result \(zone=7, area=\d\)")
    making = int(re.findall(r"area=(\d)", terminal.text)[-1])
    # The row of another run: inserted as its make would.
    row = f"dict(zone=7, area={(making + 1) % 4}, value=1.0)"
    python(f"from workflow import work; work.Result.insert1({row}, allow_direct_insert=True)", cwd=root)
    terminal.wait_for(r"work\.Result [━╸╺ ]+1/4")
    go.touch()
    result = terminal.end()
    assert terminal.process.returncode == 1
    assert re.findall(r"(\d)/4", terminal.text)[-1] == "4"
    assert re.fullmatch(r"\nerror work.Result \(zone=7, area=\d\) and 2 other jobs\n      ValueError: area N\n", result)
    lines = terminal.text.split("work.Result")[-1].splitlines()
    assert lines[-2:] == ["0 jobs done, 3 failed.", "Next: fix make, then: djproject populate --retry"]
