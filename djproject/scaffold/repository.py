"""The Git repository of a new project and its first commit."""

from pathlib import Path

from djproject.errors import EnvironmentUnavailableError
from djproject.scaffold.new_project import Author
from djproject.scaffold.plan import Plan

NO_IDENTITY_HINT = "git config --global user.name 'Your Name' && git config --global user.email you@example.org"


def git_identity(folder: Path) -> Author:
    """Who git would commit as in this folder; empty where git does not know or is not installed."""
    try:
        import git
    except ImportError:  # GitPython looks for the git program when it is imported
        return Author()
    existing = folder if folder.exists() else next(p for p in folder.absolute().parents if p.exists())
    try:
        try:
            reader = git.Repo(existing, search_parent_directories=True).config_reader()
        except (git.InvalidGitRepositoryError, git.NoSuchPathError):
            reader = git.GitConfigParser([str(path) for path in _global_configs()], read_only=True)
        name = str(reader.get_value("user", "name", default=""))
        email = str(reader.get_value("user", "email", default=""))
    except (OSError, ValueError, git.GitError):
        return Author()
    return Author(name, email)


def make_repository(plan: Plan, author: Author) -> str:
    """Make the project's folder a repository and commit what the plan wrote; a sentence of what was done.

    A folder that is a repository already, or lies in one, is left as it is.

    Parameters
    ----------
    plan
        The files to commit.
    author
        Author and committer of the first commit.

    Raises
    ------
    EnvironmentUnavailableError
        Git is missing, has no identity, or fails; the project's files stay.
    """
    try:
        import git
    except ImportError as error:
        raise EnvironmentUnavailableError(
            "git is not installed, so the project has no repository yet.", hint="git init && git add . && git commit"
        ) from error
    try:
        repository = git.Repo(plan.root, search_parent_directories=True)
    except git.InvalidGitRepositoryError:
        repository = None
    if repository is not None:
        return f"The files were not committed to your existing repository, {repository.working_tree_dir}."
    try:
        repository = git.Repo.init(plan.root, initial_branch="main")
        repository.index.add([str(file.path) for file in plan.files if (plan.root / file.path).exists()])
        if not author.name or not author.email:
            raise EnvironmentUnavailableError(
                "git does not know who you are, so the project is a repository without its first commit.",
                hint=f"{NO_IDENTITY_HINT} && git -C {plan.root} commit -m 'Start the pipeline'",
            )
        actor = git.Actor(author.name, author.email)
        repository.index.commit("Start the pipeline", author=actor, committer=actor)
    except (git.GitError, OSError) as error:
        raise EnvironmentUnavailableError(
            f"git failed in {plan.root}: {str(error).strip().splitlines()[-1]}.", hint=f"git -C {plan.root} status"
        ) from error
    finally:
        if repository is not None:
            repository.close()
    return "Created a Git repository with a first commit."


def _global_configs() -> list[Path]:
    import os

    if os.environ.get("GIT_CONFIG_GLOBAL"):
        return [Path(os.environ["GIT_CONFIG_GLOBAL"])]
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return [
        path
        for path in (Path("/etc/gitconfig"), config / "git" / "config", Path.home() / ".gitconfig")
        if path.exists()
    ]
