"""The command `djproject`, also as `python -m djproject`."""

import sys

from djproject import __version__


def main() -> None:
    """Run the command line; `--version` alone answers without loading it."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"djproject {__version__}\n")
        return
    from djproject.cli import run

    run()


if __name__ == "__main__":
    main()
