"""Another program run with the settings of a target in its environment."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from djproject.errors import ProjectError
from djproject.project.export import environment_of
from djproject.project.location import Project
from djproject.targets.choice import Target, start_target
from djproject.targets.variables import target_variables


def run_command(project: Project, target: Target, command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run `command` and return its exit code (128 + n if signal n ended it); the target is up meanwhile.

    Python programs find the package, whether it is installed or not.

    Raises
    ------
    ProjectError
        There is no such program.
    """
    start_target(target)
    variables = {
        **{name: value for name, value in environ.items() if name not in target.ignored},
        **environment_of(target.settings, secrets=True),
        "DJPROJECT_ROOT": str(project.root),
        **target_variables(target.name, target.chosen_by),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(project.import_root), environ.get("PYTHONPATH", "")))),
    }
    try:
        process = subprocess.Popen(list(command), env=variables)
    except FileNotFoundError as error:
        raise ProjectError(f"There is no program called {command[0]!r}.", hint="djproject run -- python") from error
    except PermissionError as error:
        raise ProjectError(f"{command[0]!r} is not executable.", hint=f"chmod +x {command[0]}") from error
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C at the terminal is the program's
    try:
        code = process.wait()
    finally:
        signal.signal(signal.SIGINT, old)
    return code if code >= 0 else 128 - code
