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
    if sys.argv[1:2] == ["populate"]:
        _let_signals_end_a_pilot()
    try:
        if sys.argv[1:2] == ["check"]:  # on every save: without the 0.2 s that typer takes to parse
            gc.disable()  # a check makes no cycles worth collecting, and a hundred thousand values to look through
            from djproject.cli._checking import quick_request, run_quick

            request = quick_request(sys.argv[2:])
            if request is not None:
                _end(run_quick(request))
            gc.enable()
        from djproject.cli._app import run
        from djproject.targets.collector import collect_late

        collect_late()
        run()
    except KeyboardInterrupt:  # before the command line could take care of it
        sys.stderr.write("Interrupted.\n")
        sys.exit(130)


def _let_signals_end_a_pilot() -> None:
    """Until it begins to work, a pilot ends as one that found nothing to do, so that no other is started for it."""
    import signal

    from djproject.worker.pilot import JOB, NOTHING_MADE

    if JOB not in os.environ:
        return

    def stop(number: int, frame: object) -> None:  # noqa: ARG001 (the shape signal wants)
        os.write(sys.stderr.fileno(), f"{NOTHING_MADE}\n".encode())
        os._exit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


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
