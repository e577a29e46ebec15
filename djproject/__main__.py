"""The command `djproject`, also as `python -m djproject`."""

import gc
import os
import sys

from djproject import __version__


def main() -> None:
    """Run the command line; `--version` alone, and a plain `check`, answer without loading all of it."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"djproject {__version__}\n")
        return
    try:
        if sys.argv[1:2] == ["check"]:  # on every save: without the 0.2 s that typer takes to parse
            gc.disable()  # a check makes no cycles worth collecting, and a hundred thousand values to look through
            from djproject.cli._checking import quick_request, run_quick

            request = quick_request(sys.argv[2:])
            if request is not None:
                _end(run_quick(request))
            gc.enable()
        from djproject.cli._app import run

        run()
    except KeyboardInterrupt:  # before the command line could take care of it
        sys.stderr.write("Interrupted.\n")
        sys.exit(130)


def _end(code: int) -> None:
    """Leave at once: to free a hundred thousand values one by one, as `sys.exit` does, takes as long as some rules."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = 1
    os._exit(code)


if __name__ == "__main__":
    main()
