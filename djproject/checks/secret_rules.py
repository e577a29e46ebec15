"""DJP0xx: what must not be committed."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from djproject.checks.container_rules import container_files
from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.checks.store_rules import toml_place
from djproject.findings import Location
from djproject.project.stores import looks_secret

LARGEST_TEXT = 1_000_000
_PASSWORD = re.compile(
    r"""(?ix)
    \bconn\s*\([^)]{0,400}\bpassword\s*=\s*(?P<q>["'])(?P<a>[^"'\n]+)(?P=q)
    |\bconn\s*\(\s*(?:["'][^"'\n]*["']\s*,\s*){2}["'](?P<f>[^"'\n]+)["']
    |\b(?:config|dj\.config)\s*\[\s*["'](?:database\.password|stores\.[\w.]*(?:secret|access)_key)["']\s*\]\s*=\s*
      (?P<r>["'])(?P<b>[^"'\n]+)(?P=r)
    |\bconfig\.database\.password\s*=\s*(?P<s>["'])(?P<c>[^"'\n]+)(?P=s)
    |["']?(?:secret_key|access_key|account_key|connection_string)["']?\s*[:=]\s*(?P<t>["'])(?P<d>[^"'\n]{4,})(?P=t)
    |\b(?P<e>AKIA[0-9A-Z]{16})\b
    """
)
_WORDS = (b"password", b"_key", b"connection_string", b"akia", b"conn(")
_PRINTED = re.compile(r"""(?i)password[\\"']*\s*[:=]\s*[\\"']+(?P<g>[^\\"'\s]{3,})""")
_PLACEHOLDER = re.compile(
    r"""(?ix)
    ^\W*$ | ^(.)\1*$                                               # nothing to read, or one character: ****, xxxx
    | ^[<\[({$%].*[>\])}s]$ | ^\$\w+$ | \{\w*\}                     # <password>, ${PASSWORD}, {password}, %(pw)s
    | ^(pass(word|wd)?|pwd|secret|user(name)?|none|null|string|str|(secret|access|account)_?key|connection_string)$
    | \b(your|my|the)[\W_] | your_?(pass|secret|key|user)            # your-password, my_password
    | change_?me | placeholder | example | redacted | masked | hidden | dummy | to-?do | fix_?me | [\W_]here\b
    | ^(enter|insert|put|type|fill)\b | x{3,} | [*•·●…]{2,}
    """
)


def is_placeholder(value: str) -> bool:
    """Whether a value is only written in place of a secret.

    Examples
    --------
    >>> [is_placeholder(text) for text in ("<password>", "your_password", "********", "AWS_SECRET_KEY", "simple")]
    [True, True, True, True, False]
    """
    names_a_variable = bool(re.fullmatch(r"[A-Z]+(_[A-Z0-9]+)+", value))
    return names_a_variable or bool(_PLACEHOLDER.search(value.strip()))


@rule
def private_files_are_ignored(examined: Examined) -> Iterator[Found]:
    """DJP004 error: `.env`, `.secrets/` and other private files are ignored by Git and not tracked.

    What it does: asks Git about these files if they exist: `.env`, `docker/.env`, the files in `.secrets/`,
    `dj_local_conf.json`, `.dj_local_conf.json`, `*.local.toml`.

    Why it matters: a secret that was committed stays in the history of the repository, even after the file is deleted.

    Example: `.env` is listed by `git ls-files`.

    Use instead: add a line to .gitignore, run `git rm --cached .env`, and change the password.

    Source: book, Version Control Configuration.
    """
    for name in sorted(examined.tracked):
        yield Found(
            Location(name), f"{name} is private and Git tracks it.", f"git rm --cached {name}; change its secrets"
        )
    for name in sorted(examined.unignored - examined.tracked):
        yield Found(Location(name), f"{name} is private and no .gitignore covers it.", f"echo '{name}' >> .gitignore")


@rule
def pyproject_holds_no_secrets(examined: Examined) -> Iterator[Found]:
    """DJP005 error: pyproject.toml contains no credentials.

    What it does: looks under `[tool.datajoint]` and `[tool.djproject]` for settings such as password, secret_key and
    token.

    Why it matters: the file is committed, so everybody with access to the repository can read it.

    Example:
        [tool.datajoint.stores.main]
        secret_key = "…"

    Use instead: run `djproject stores set main --secret secret_key`, which saves the key in .secrets/.

    Source: book, Version Control Configuration.
    """
    tool = examined.document.get("tool")
    for section in ("datajoint", "djproject"):
        table = tool.get(section) if isinstance(tool, Mapping) else None
        for path in _secret_keys(table, f"tool.{section}"):
            parent, _, key = path.rpartition(".")
            where = toml_place(examined, parent, key)
            yield Found(
                where, f"pyproject.toml has a secret, {path}.", "Remove it and change it; keep it in .secrets/."
            )


@rule
def sources_hold_no_secrets(examined: Examined) -> Iterator[Found]:
    """DJP006 error: The source code contains no credentials.

    What it does: looks in the package's Python files for literal values in `dj.conn(password="…")`,
    `dj.config["database.password"] = "…"` and keys of stores, and for AWS access keys. Placeholders are ignored:
    `<password>`, `your_password`, `****`, names of variables such as `AWS_SECRET_KEY`.

    Why it matters: everybody who can read the repository can read, change and delete the data.

    Example:
        dj.config["database.password"] = "simple"

    Use instead: put the password in `.secrets/database.password`, or in the environment variable DJ_PASS.

    Source: book, Version Control Configuration.
    """
    for path, data in examined.files.items():
        if path.suffix == ".py":
            yield from _secrets_in(examined, path, data, "This line holds a credential.")


@rule
def notebooks_hold_no_secrets(examined: Examined) -> Iterator[Found]:
    """DJP007 error: Notebooks and their outputs contain no credentials.

    What it does: searches the cells and outputs of `notebooks/*.ipynb` for the same credentials as DJP006, and the
    outputs also for printed passwords.

    Why it matters: an output still shows what was printed after the code of the cell has been fixed.

    Example:
        dj.conn(host="db", user="root", password="simple")

    Use instead: `import workflow`, which loads the project's settings. Clear the outputs before you commit.

    Source: book, Version Control Configuration.
    """
    for path, data in examined.files.items():
        if path.suffix != ".ipynb":
            continue
        try:
            cells = json.loads(data).get("cells", [])
        except (ValueError, AttributeError, RecursionError):
            yield Found(examined.of_file(examined.relative(path)), f"{examined.relative(path)} is not a notebook.")
            continue
        if not _mentions_secrets(data):
            continue
        for number, cell in enumerate(cells if isinstance(cells, list) else [], start=1):
            source = cell.get("source", "") if isinstance(cell, dict) else ""
            code = "".join(source) if isinstance(source, list) else str(source)
            outputs = json.dumps(cell.get("outputs", ""), ensure_ascii=False) if isinstance(cell, dict) else ""
            shown = outputs.replace('\\"', '"') if _mentions_secrets(outputs.encode(errors="replace")) else ""
            if any(map(_is_secret, (*_PASSWORD.finditer(f"{code}\n{shown}"), *_PRINTED.finditer(shown)))):
                where = examined.of_file(examined.relative(path))
                yield Found(
                    where,
                    f"Cell {number} of the notebook holds a credential.",
                    "Clear its output, and change the credential.",
                )


@rule
def container_files_hold_no_secrets(examined: Examined) -> Iterator[Found]:
    """DJP008 error: Dockerfiles and compose files contain no credentials.

    What it does: looks for literal values of variables such as MYSQL_ROOT_PASSWORD. `${VARIABLE}`, placeholders and
    empty values are allowed.

    Why it matters: these files are committed, and the image itself keeps the values of ENV and ARG.

    Example:
        MYSQL_ROOT_PASSWORD: simple

    Use instead:
        MYSQL_ROOT_PASSWORD: ${MYSQL_ROOT_PASSWORD:?}

    Source: book, Docker Configuration.
    """
    pattern = re.compile(
        r"^\s*(?:-\s*|ENV\s+|ARG\s+)?(?P<name>\w*(?:PASSWORD|PASS|SECRET|SECRET_KEY|ACCESS_KEY|TOKEN))\s*[:=]\s*(?P<value>.+?)\s*$"
    )
    for path in container_files(examined):
        for number, line in enumerate(examined.lines(path), start=1):
            match = pattern.match(line)
            value = match["value"].partition(" #")[0].strip().strip("\"'") if match else ""
            given = value and "${" not in value and not value.startswith(("$", "/run/secrets"))
            if match and given and not is_placeholder(value):
                where = Location(examined.relative(path), number, match.start("name") + 1, match.end("value") + 1)
                yield Found(
                    where,
                    f"{match['name']} has its value in a committed file.",
                    f"{match['name']}: ${{{match['name']}:?}}",
                )


def _secret_keys(table: object, path: str) -> Iterator[str]:
    if isinstance(table, Mapping):
        for key, value in table.items():
            if isinstance(value, Mapping):
                yield from _secret_keys(value, f"{path}.{key}")
            elif looks_secret(str(key)) and value not in ("", None):
                yield f"{path}.{key}"


def _secrets_in(examined: Examined, path: Path, data: bytes, message: str) -> Iterator[Found]:
    if not _mentions_secrets(data):
        return
    text = examined.text(path)
    for match in _PASSWORD.finditer(text) if len(text) < LARGEST_TEXT else ():
        before = text[: match.end()]
        line = before.rpartition("\n")[2]
        if not line.lstrip().startswith("#") and _is_secret(match):
            number, column = before.count("\n") + 1, len(line) + 1
            start = column - len(match[0].rpartition("\n")[2].lstrip())
            where = Location(examined.relative(path), number, max(start, 1), column)
            yield Found(where, message, "Remove it, change it, and keep the new one in .secrets/ (mode 0600).")


def _mentions_secrets(data: bytes) -> bool:
    lowered = data.lower()
    return any(word in lowered for word in _WORDS)


def _is_secret(match: re.Match[str]) -> bool:
    """Whether the value that was found is more than a placeholder."""
    groups = match.groupdict()
    return not is_placeholder(next(groups[name] for name in "abcdefg" if groups.get(name)))
