"""The image of the workers: it holds the wheel of this very djproject, and is built when what it holds changed."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import djproject
from djproject.project.files import replace_file

WHEELS = Path("docker") / "wheels"
CONTEXT = ("pyproject.toml", "README.md", "LICENSE", ".dockerignore", "docker/Dockerfile")
MADE = (1980, 1, 1, 0, 0, 0)


def put_wheel(root: Path) -> Path:
    """Put the wheel of the running djproject into `docker/wheels/`; other wheels of it are removed.

    The same djproject gives the same bytes, so that Docker's build cache knows it again.
    """
    name = f"djproject-{djproject.__version__}-py3-none-any.whl"
    folder = root / WHEELS
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        replace_file(ignore, b"*\n!.gitignore\n")
    for old in folder.glob("djproject-*.whl"):
        if old.name != name:
            old.unlink()
    path, data = folder / name, _wheel()
    if not path.is_file() or path.read_bytes() != data:
        replace_file(path, data)
    return path


def context_digest(root: Path, arguments: str) -> str:
    """A hash of everything the image is built from; `arguments` are those of the build."""
    state = hashlib.sha256(arguments.encode())
    for path in _context(root):
        state.update(f"\0{path.relative_to(root)}\0".encode(errors="surrogateescape"))
        state.update(path.read_bytes())
    return state.hexdigest()


def _context(root: Path) -> Iterator[Path]:
    yield from (root / name for name in CONTEXT if (root / name).is_file())
    for folder in (root / "src", root / WHEELS):
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            if path.is_file() and not any(part == "__pycache__" or part.endswith(".egg-info") for part in parts):
                yield path


def _wheel() -> bytes:
    """A wheel of the djproject that runs, however it was installed."""
    distribution = metadata.distribution("djproject")
    folder = Path(djproject.__file__).parent
    info = f"djproject-{djproject.__version__}.dist-info"
    files = {
        f"djproject/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    described = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    files[f"{info}/METADATA"] = described.encode()
    files[f"{info}/entry_points.txt"] = (distribution.read_text("entry_points.txt") or "").encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: djproject\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    files[f"{info}/RECORD"] = record.encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, MADE)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()
