"""DJP004 to DJP008: where a credential is, what is said of it, and what is none."""

import json
from pathlib import Path

import pytest

from djproject.checks.secret_rules import LARGEST_TEXT, is_placeholder
from djproject.findings import Finding
from tests.checking import PYPROJECT, findings_in, write_project

KEY_ID = "AKIA" + "0123456789ABCDEF"
HINT = "Remove it, change it, and keep the new one in .secrets/ (mode 0600)."


def pointed_at(root: Path, found: Finding) -> str:
    """The text that a finding points at."""
    line = (root / found.location.path).read_text().split("\n")[found.location.line - 1]
    return line[found.location.column - 1 : found.location.end_column - 1]


def in_source(root: Path, text: str) -> list[tuple[int, str]]:
    """The lines of a file of the package that hold a credential, with what is pointed at."""
    write_project(root, {"tools.py": text}, git=False)
    found = findings_in(root, ["DJP006"])
    assert {(each.message, each.hint) for each in found} <= {("This line holds a credential.", HINT)}
    return [(each.location.line, pointed_at(root, each)) for each in found]


@pytest.mark.parametrize(
    ("line", "pointed"),
    [
        ('dj.conn(host="h", password="simple")', 'conn(host="h", password="simple"'),
        ("x = dj.conn('h', 'u', 'simple')", "conn('h', 'u', 'simple'"),
        ('dj.config["database.password"] = "simple"', 'dj.config["database.password"] = "simple"'),
        ("config['stores.main.secret_key']='simple'", "config['stores.main.secret_key']='simple'"),
        ("dj.config['stores.access_key'] = 'simple'", "dj.config['stores.access_key'] = 'simple'"),
        ('dj.config.database.password = "simple"', 'config.database.password = "simple"'),
        ('spec = {"secret_key": "simple"}', '"secret_key": "simple"'),
        ("f(access_key='simple', x=1)", "access_key='simple'"),
        ('account_key = "simple"', 'account_key = "simple"'),
        ("    CONNECTION_STRING = 'simple'", "CONNECTION_STRING = 'simple'"),
        (f"x = f({KEY_ID})", KEY_ID),
    ],
)
def test_a_credential_is_pointed_at(tmp_path: Path, line: str, pointed: str) -> None:
    assert in_source(tmp_path, f"x = 1\n{line}\ny = 2\n") == [(2, pointed)]
    assert in_source(tmp_path, f"x = 1\n  # {line}\ny = 2\n") == []
    assert in_source(tmp_path, line.replace("simple", "<password>").replace(KEY_ID, "AKIA")) == []


def test_a_credential_over_several_lines_is_pointed_at_where_it_ends(tmp_path: Path) -> None:
    text = 'dj.conn(\n    host="h",\n    password="simple",\n)\n\nx = {\n    "secret_key":\n    "simple"}\ndj.conn(\n"h","u","simple")'
    assert in_source(tmp_path, text) == [(3, 'password="simple"'), (8, '"simple"'), (10, '"h","u","simple"')]


def test_every_credential_of_a_file_is_found(tmp_path: Path) -> None:
    text = 'secret_key = "simple"; access_key = "simple"\n# secret_key = "simple"\nx = "# secret_key"; secret_key = "xxxx"\n'
    assert in_source(tmp_path, text + 'secret_key = "simple"\n') == [
        (1, 'secret_key = "simple"'),
        (1, 'access_key = "simple"'),
        (4, 'secret_key = "simple"'),
    ]
    words = "# password connection_string akia conn()\n"
    assert in_source(tmp_path, words + 'secret_key = "simple"\n') == [(2, 'secret_key = "simple"')]


def test_a_very_large_file_is_left_out(tmp_path: Path) -> None:
    line = 'secret_key = "simple"\n'
    assert in_source(tmp_path / "small", line.ljust(LARGEST_TEXT - 1)) == [(1, line.strip())]
    assert in_source(tmp_path / "large", line.ljust(LARGEST_TEXT)) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("****", True), ("xxxx", True), ("aaaa", True), ("<password>", True), ("[secret]", True), ("(secret)", True),
        ("%(pw)s", True), ("$PASSWORD", True), ("${PASSWORD}", True), ("a{pw}b", True), ("password", True),
        ("PassWord", True), ("passwd", True), ("pwd", True), ("username", True), ("none", True), ("null", True),
        ("string", True), ("secret_key", True), ("accesskey", True), ("connection_string", True), ("AWS_SECRET", True),
        ("A_1", True), ("your-password", True), ("my password", True), ("the_key", True), ("yourpassword", True),
        ("change_me", True), ("changeme", True), ("placeholder", True), ("an example", True), ("redacted", True),
        ("todo", True), ("fix-me", False), ("fix_me", True), ("put it here", True), ("enter", True), ("abxxxcd", True),
        ("a**b", True), ("•••", True), ("  password  ", True), ("", True), ("...", True),
        ("simple", False), ("AWSSECRET", False), ("aws_secret", False), ("AWS_", False), ("passwords1", False),
        ("mykey1", False), ("putter", False), ("abxxcd", False), ("a*b", False), ("1A_B", False), ("A__B", False),
    ],
)  # fmt: skip
def test_what_is_a_placeholder(value: str, *, expected: bool) -> None:
    assert is_placeholder(value) is expected


def test_settings_that_hold_secrets(tmp_path: Path) -> None:
    pyproject = (
        f'{PYPROJECT}\n[tool.datajoint.database]\nhost = "h"\npassword = "simple"\n\n[tool.datajoint.stores.main]\n'
        'protocol = "s3"\nsecret_key = "a"\naccess_key = ""\n\n[tool.djproject.targets.lab]\nhost = "h"\n'
        'token = "t"\n\n[tool.other]\npassword = "simple"\n'
    )
    write_project(tmp_path, {}, pyproject=pyproject, git=False)
    found = findings_in(tmp_path, ["DJP005"])
    assert [(each.message, each.hint, each.location.line, pointed_at(tmp_path, each)) for each in found] == [
        (f"pyproject.toml has a secret, {path}.", "Remove it and change it; keep it in .secrets/.", line, text)
        for path, line, text in (
            ("tool.datajoint.database.password", 10, 'password = "simple"'),
            ("tool.datajoint.stores.main.secret_key", 14, 'secret_key = "a"'),
            ("tool.djproject.targets.lab.token", 19, 'token = "t"'),
        )
    ]


def test_private_files_that_git_knows_of(tmp_path: Path) -> None:
    import subprocess

    files: dict[str, str | bytes] = {
        ".env": "X=1", "docker/.env": "X=1", ".secrets/a": "1", ".secrets/b": "1", ".gitignore": ".secrets/b\n./.env\n",
        "./mine.local.toml": "", "./dj_local_conf.json": "{}",
    }  # fmt: skip
    write_project(tmp_path, files)
    subprocess.run(["git", "-C", str(tmp_path), "add", "-f", ".secrets/b", "docker/.env"], check=True)
    found = findings_in(tmp_path, ["DJP004"])
    assert [(each.location.path, each.message, each.hint) for each in found] == [
        (name, *words)
        for name, words in (
            (".env", (".env is private and no .gitignore covers it.", "echo '.env' >> .gitignore")),
            (
                ".secrets/a",
                (".secrets/a is private and no .gitignore covers it.", "echo '.secrets/a' >> .gitignore"),
            ),
            (
                ".secrets/b",
                (".secrets/b is private and Git tracks it.", "git rm --cached .secrets/b; change its secrets"),
            ),
            (
                "dj_local_conf.json",
                (
                    "dj_local_conf.json is private and no .gitignore covers it.",
                    "echo 'dj_local_conf.json' >> .gitignore",
                ),
            ),
            (
                "docker/.env",
                ("docker/.env is private and Git tracks it.", "git rm --cached docker/.env; change its secrets"),
            ),
            (
                "mine.local.toml",
                ("mine.local.toml is private and no .gitignore covers it.", "echo 'mine.local.toml' >> .gitignore"),
            ),
        )
    ]


def in_notebook(root: Path, text: str) -> list[str]:
    write_project(root, {"notebooks/a.ipynb": text}, git=False)
    found = findings_in(root, ["DJP007"])
    assert {(each.location.path, each.location.line) for each in found} <= {("notebooks/a.ipynb", 1)}
    return [each.message for each in found]


def test_cells_of_notebooks(tmp_path: Path) -> None:
    cells = [
        {"source": "secret_key = 'simple'"}, {"source": ["secret_key = ", "'simple'"]}, {"source": "x = 1"}, "cell",
        {"source": "x", "outputs": [{"text": ["{'database.password': 'simple'}"]}]}, {"source": 5},
        {"outputs": [{"text": 'secret_key = "simple"'}]}, {"source": "print('password: \"simple\"')"},
        {"outputs": [{"text": "{'database.password': 'xx'}"}]},
    ]  # fmt: skip
    assert in_notebook(tmp_path, json.dumps({"cells": cells})) == [
        f"Cell {number} of the notebook holds a credential." for number in (1, 2, 5, 7)
    ]
    (found, *_) = findings_in(tmp_path, ["DJP007"])
    assert found.hint == "Clear its output, and change the credential."


@pytest.mark.parametrize("text", ["[1]", "{", '"password"', "[" * 100_000])
def test_what_is_no_notebook(tmp_path: Path, text: str) -> None:
    assert in_notebook(tmp_path, text) == ["notebooks/a.ipynb is not a notebook."]


def test_a_notebook_without_cells_holds_nothing(tmp_path: Path) -> None:
    assert in_notebook(tmp_path, '{"cells": "password"}') == []
    assert in_notebook(tmp_path, '{"password": "simple"}') == []


def test_variables_of_containers(tmp_path: Path) -> None:
    lines = [
        "FROM python:3.11", "ENV DB_PASSWORD=simple", "  ARG  X=1", "ARG TOKEN = 'simple' # mine", "ENV DB_PASS=${X}",
        "ENV SECRET=$X", "ENV ACCESS_KEY=", "ENV DJ_PASS_FILE=simple", "ENV A_SECRET_KEY=/run/secrets/a",
        "ENV ROOT_PASSWORD=\"change_me\"", "# ENV PASSWORD=simple",
    ]  # fmt: skip
    compose = "services:\n  db:\n    environment:\n      - DB_PASSWORD=simple\n      MINIO_SECRET: simple  # x\n"
    write_project(tmp_path, {"Dockerfile": "\n".join(lines), "./compose.yaml": compose}, git=False)
    found = findings_in(tmp_path, ["DJP008"])
    assert [(each.location.path, each.location.line, pointed_at(tmp_path, each)) for each in found] == [
        ("Dockerfile", 2, "DB_PASSWORD=simple"),
        ("Dockerfile", 4, "TOKEN = 'simple' # mine"),
        ("compose.yaml", 4, "DB_PASSWORD=simple"),
        ("compose.yaml", 5, "MINIO_SECRET: simple  # x"),
    ]
    assert (found[0].message, found[0].hint) == (
        "DB_PASSWORD has its value in a committed file.",
        "DB_PASSWORD: ${DB_PASSWORD:?}",
    )
