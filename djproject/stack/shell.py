"""What `shell` runs in a container: Python with the pipeline imported, a database client, or a shell."""

from djproject.pipeline.source import load_pipeline
from djproject.stack.services import look
from djproject.stack.starting import WORKER, Stack
from djproject.targets.stack import USER, backend_of

MYSQL_CLIENT = 'MYSQL_PWD=$(cat /run/secrets/database_password) exec mysql --user="$0"'


def shell_command(stack: Stack, service: str, *, terminal: bool) -> list[str]:
    """The arguments of `docker compose` that open a shell in a service.

    Parameters
    ----------
    stack
        Which.
    service
        `worker` for Python, `database` for its client; a plain shell for others.
    terminal
        Whether a person is at it; else standard input is read to its end.
    """
    options = [] if terminal else ["--no-TTY"]
    if service == WORKER:
        names = ", ".join(module.name for module in load_pipeline(stack.project).modules if "." not in module.name)
        package = stack.project.package
        code = f"import {package}\nimport datajoint as dj" + (f"\nfrom {package} import {names}" if names else "")
        python = [
            "python",
            *(["-i", "-c", code] if terminal else ["-c", f"{code}\nimport sys\nexec(sys.stdin.read())"]),
        ]
        running = any(s.service == WORKER and s.state == "running" for s in look(stack.client, stack.plan().name))
        if running:
            return ["exec", *options, WORKER, *python]
        return ["run", "--rm", "--no-deps", *options, WORKER, *python]
    if service == "database":
        if backend_of(stack.project) == "postgresql":
            return ["exec", *options, service, "psql", "--username", USER, "--dbname", USER]
        return ["exec", *options, service, "sh", "-c", MYSQL_CLIENT, USER]
    return ["exec", *options, service, "sh"]
