"""What a Python shell of the stack runs first."""

import subprocess
import sys
from pathlib import Path

from djproject.stack.shell import import_code


def test_only_the_script_itself_writes_to_stdout(tmp_path: Path) -> None:
    package = tmp_path / "lab"
    package.mkdir()
    (package / "__init__.py").write_text("print('from the package')\n")
    (package / "subject.py").write_text("print('from a module')\nname = 'subject'\n")
    code = import_code("lab", ["subject"]) + "print(subject.name, lab.__name__, dj.__name__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "subject lab datajoint\n"
    assert "from the package" in done.stderr
    assert "from a module" in done.stderr


def test_a_package_without_modules_is_imported_alone(tmp_path: Path) -> None:
    (tmp_path / "lab.py").write_text("")
    code = import_code("lab", []) + "print(lab.__name__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "lab\n"
