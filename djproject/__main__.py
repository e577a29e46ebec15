"""The command `djproject`, also as `python -m djproject`."""

import sys

from djproject import __version__


def main() -> None:
    """Run the command line; `--version` alone answers without loading it."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"djproject {__version__}\n")
        return
    try:
        from djproject.cli import run

        run()
    except KeyboardInterrupt:  # before the command line could take care of it
        sys.stderr.write("Interrupted.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
