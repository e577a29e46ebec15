"""What users of other frameworks type to see whether tables are as in the source: Alembic, Django."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.timing import seconds

COLUMNS = 8
ENV = """
from alembic import context
from models import Base, engine
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
MODELS = """
from sqlalchemy import Column, Float, ForeignKey, Integer, String, create_engine
from sqlalchemy.orm import declarative_base
Base = declarative_base()
engine = create_engine({url!r})
"""
SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = ["lab"]
DATABASES = {{"default": {database!r}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""


def alembic_seconds(folder: Path, url: str, tables: int) -> float:
    """How long `alembic check` takes where all tables are as in the source.

    Parameters
    ----------
    folder
        An empty one.
    url
        SQLAlchemy's, of an empty database.
    tables
        How many.
    """
    lines = [MODELS.format(url=url)]
    for number in range(tables):
        lines += [
            f"class T{number}(Base):",
            f"    __tablename__ = 't{number}'",
            "    id = Column(Integer, primary_key=True)",
        ]
        lines += [f"    a{c} = Column(Float, nullable=False)" for c in range(COLUMNS)]
        lines += [f"    parent = Column(ForeignKey('t{number - 1}.id'))"] if number else []
    (folder / "models.py").write_text("\n".join(lines))
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = alembic\nprepend_sys_path = .\n")
    (folder / "alembic/versions").mkdir(parents=True)
    (folder / "alembic/env.py").write_text(ENV)
    _run(folder, "-c", "from models import Base, engine; Base.metadata.create_all(engine)")
    command = [sys.executable, "-m", "alembic", "check"]
    _run(folder, *command[1:])
    return min(seconds(command, cwd=folder) for _ in range(3))


def django_seconds(folder: Path, database: dict[str, object], tables: int) -> float:
    """How long `makemigrations --check` takes; it compares with the files of migrations, not with the database."""
    (folder / "lab").mkdir()
    (folder / "lab/__init__.py").touch()
    (folder / "settings.py").write_text(SETTINGS.format(database=database))
    lines = ["from django.db import models"]
    for number in range(tables):
        lines += [f"class T{number}(models.Model):"]
        lines += [f"    a{c} = models.FloatField()" for c in range(COLUMNS)]
        lines += [f"    parent = models.ForeignKey('T{number - 1}', models.CASCADE)"] if number else []
    (folder / "lab/models.py").write_text("\n".join(lines))
    _run(folder, "-m", "django", "makemigrations", "lab")
    command = [sys.executable, "-m", "django", "makemigrations", "--check"]
    environment = {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(folder)}
    return min(seconds(command, cwd=folder, env=environment) for _ in range(3))


def _run(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
