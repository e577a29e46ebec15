"""What `import datajoint` makes is set aside in djproject's own processes, and in no other."""

import gc
import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import Run

CODE = """
import gc, json
from djproject.targets.collector import LATE, collect_as_usual, collect_late
from djproject.targets.connection import import_datajoint
before = gc.get_freeze_count(), gc.get_threshold()
import_datajoint()
of_users = gc.get_freeze_count(), gc.get_threshold()
collect_late()
import_datajoint()
ours = gc.get_freeze_count() - before[0], gc.get_threshold()
collect_as_usual()
print(json.dumps([before, of_users, ours, [LATE, gc.get_threshold()]]))
"""


def test_imports_are_set_aside_in_our_own_processes_only(tmp_path: Path, python: Run) -> None:
    before, of_users, ours, late = json.loads(python(CODE, cwd=tmp_path).stdout)
    assert of_users[0] <= before[0], "the fork server's, of which some are gone"
    assert of_users[1] == before[1]
    assert ours[0] > of_users[0] - before[0] + 2_000, "what DataJoint itself makes"
    assert ours[1] == [late[0], *before[1][1:]]
    assert late[1] == before[1]


def test_a_command_begins_as_our_own(tmp_path: Path) -> None:
    code = (
        "import gc, sys; sys.argv = ['djproject', 'rules']; from djproject import __main__\n"
        "try: __main__.main()\n"
        "finally: print(gc.isenabled(), gc.get_threshold()[0], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "True 100000", done.stderr
    assert gc.get_threshold()[0] < 100_000, "here it is as usual"
