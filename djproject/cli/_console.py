"""A Python console with given names: IPython where it is installed, else Python's own; or a script from stdin."""

import code
import importlib.util
import linecache
import platform
import sys
import traceback
from collections.abc import Mapping
from types import ModuleType
from typing import Any


def open_console(names: Mapping[str, Any]) -> None:
    """Read, evaluate and print until the user leaves.

    `sys.exit()` ends the process with its exit code.
    """
    module = _main_module(names)
    sys.path.insert(1, "")  # modules of the current folder, as in any console; the project's source stays first
    if importlib.util.find_spec("IPython") is not None:
        import IPython

        IPython.start_ipython(argv=["--no-banner"], user_ns=module.__dict__)
        return
    hook = getattr(sys, "__interactivehook__", None)  # line editing, completion and history
    if hook is not None:
        hook()
    code.interact(banner="", local=module.__dict__, exitmsg="")


def console_name() -> str:
    """What `open_console` opens."""
    kind = "IPython" if importlib.util.find_spec("IPython") is not None else "Python"
    return f"{kind} ({platform.python_version()})" if kind == "IPython" else f"Python {platform.python_version()}"


def run_script(text: str, names: Mapping[str, Any], file: str) -> int:
    """Run a script and return its exit code: 0, or 1 after an exception, whose traceback goes to stderr.

    `sys.exit()` ends the process with its exit code. `file` is the script's name in tracebacks.
    """
    module = _main_module(names)
    sys.path.insert(1, "")
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    try:
        exec(compile(text, file, "exec"), module.__dict__)  # noqa: S102 (the purpose of the command)
    except Exception as error:
        stack = error.__traceback__.tb_next if error.__traceback__ else None  # without this function
        traceback.print_exception(error.with_traceback(stack))
        return 1
    return 0


def _main_module(names: Mapping[str, Any]) -> ModuleType:
    """A new `__main__` with these names, so that pickle and completion find what the user defines."""
    module = ModuleType("__main__")
    module.__dict__.update(names)
    sys.modules["__main__"] = module
    return module
