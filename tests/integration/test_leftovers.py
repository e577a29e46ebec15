"""What a `make` starts and leaves behind does not keep a run from ending."""

from pathlib import Path

import pytest

from tests.conftest import Run
from tests.integration.conftest import insert_items, write_make
from tests.integration.test_populate import status_of

INSERT = 'self.insert1({**key, "value": 1.0})'
LEFT = {
    "thread": "import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()",
    "process": "import multiprocessing as m, time; m.get_context('fork').Process(target=time.sleep, args=(1000,)).start()",
    "pool": "import concurrent.futures as c, time; c.ProcessPoolExecutor(1).submit(time.sleep, 1000)",
    "fork": "import os, time; os.fork() or (time.sleep(1000), os._exit(0))",
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("code", LEFT.values(), ids=LEFT)
def test_what_a_make_did_not_join_does_not_keep_a_run_from_ending(
    jobs_project: Path, run: Run, python: Run, code: str
) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 1)
    write_make(jobs_project, f"{code}; {INSERT}")
    told = run("populate", "Result", cwd=jobs_project, timeout=60).stderr
    assert "A worker ended" not in told
    assert status_of(run, jobs_project)["done"] == 1
