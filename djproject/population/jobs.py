"""What is done to the jobs of a table before workers begin."""

from collections.abc import Sequence

from djproject.errors import ProjectError
from djproject.population.loading import LoadedTable


def check_restrictions(loaded: LoadedTable, restrictions: Sequence[str]) -> None:
    """Raise a ProjectError where a restriction is not about the keys of this table, or not SQL."""
    from datajoint.errors import DataJointError

    if not restrictions:
        return
    try:
        loaded.instance._jobs_to_do(tuple(restrictions)).keys(limit=1)
    except DataJointError as error:
        names = ", ".join(loaded.instance.key_source.heading.names)
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ProjectError(
            f"The restriction {' and '.join(restrictions)!r} does not fit {loaded.name}: {reason}.",
            hint=f"Name the tables it is for; the keys of {loaded.name} have {names}.",
        ) from error


def forget_errors(loaded: LoadedTable) -> None:
    """Remove the jobs that failed, so that they are found again and tried again."""
    loaded.instance.jobs.errors.delete()
