"""Python's garbage collector in the processes of djproject's own, of which many are short.

It looks through what `import datajoint` makes hundreds of times, and once more at the end. That takes a third of the
time of a short process, and there is nothing to find.
"""

import gc

LATE = 100_000  # new values between two collections; Python's own number is 700
USUAL = gc.get_threshold()

_ours: list[bool] = []


def collect_late() -> None:
    """Begin a process of djproject's own: it collects seldom."""
    _ours[:] = [True]
    gc.set_threshold(LATE)


def set_imports_aside() -> None:
    """Never look through what there is by now; does nothing in a process of the user's."""
    if _ours:
        gc.freeze()


def collect_as_usual() -> None:
    """Before code of the user's runs in a process of djproject's own: what there is by now is set aside."""
    set_imports_aside()
    gc.set_threshold(*USUAL)
