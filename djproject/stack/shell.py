"""What `shell` runs in a container: Python with the pipeline imported, a database client, or a shell."""

from djproject.pipeline.source import load_readable
from djproject.stack.services import look
from djproject.stack.starting import WORKER, Stack
from djproject.targets.stack import USER, backend_of

MYSQL_CLIENT = 'MYSQL_PWD=$(cat /run/secrets/database_password) exec mysql --user="$0" "$@"'


def shell_command(stack: Stack, service: str, *, terminal: bool, code: str | None = None) -> list[str]:
    """The arguments of `docker compose` that open a shell in a service.

    Parameters
    ----------
    stack
        Which.
    service
        `worker` for Python, `database` for its client; a plain shell for others.
    terminal
        Whether a person is at it; else standard input is read to its end.
    code
        What is run instead: Python in a worker, SQL in the database, else a command of the shell.
    """
    options = [] if terminal else ["--no-TTY"]
    if service == WORKER:
        running = any(s.service == WORKER and s.state == "running" for s in look(stack.client, stack.plan().name))
        start = ["exec"] if running else ["run", "--rm", "--no-deps"]
        return [*start, *options, WORKER, *_python(stack, terminal=terminal, code=code)]
    if service == "database":
        if backend_of(stack.project) == "postgresql":
            client = ["psql", "--username", USER, "--dbname", USER]
            return ["exec", *options, service, *client, *(["--command", code] if code is not None else [])]
        return ["exec", *options, service, "sh", "-c", MYSQL_CLIENT, USER, *(["-e", code] if code is not None else [])]
    return ["exec", *options, service, "sh", *(["-c", code] if code is not None else [])]


def _python(stack: Stack, *, terminal: bool, code: str | None) -> list[str]:
    """Python with the pipeline imported, for a person, or for the code that is given or comes on standard input."""
    modules = [module.name for module in load_readable(stack.project).modules if "." not in module.name]
    imports = import_code(stack.project.package, modules)
    if code is not None:
        return ["python", "-c", f"{imports}exec(sys.argv[1])", code]
    if terminal:
        return ["python", "-i", "-c", imports]
    return ["python", "-c", f"{imports}exec(sys.stdin.read())"]


def import_code(package: str, modules: list[str]) -> str:
    """Imports of the package and its modules; what they print and DataJoint logs goes to stderr, not into a pipe."""
    lines = [f"import {package}", "import datajoint as dj"]
    if modules:
        lines.append(f"from {package} import {', '.join(modules)}")
    block = "".join(f"    {line}\n" for line in lines)
    return f"import contextlib, sys\nwith contextlib.redirect_stdout(sys.stderr):\n{block}"
