"""Whatever people type as description or author, a new project's files parse and say it, or nothing is written."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import markdown
import nbformat
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from djproject.errors import ProjectError
from djproject.project.names import PACKAGE_CHARACTERS, checked_package_name
from djproject.project.texts import checked_text, is_email_address
from djproject.scaffold.new_project import DATABASES, DOCS, Answers, Author, plan_project, read_author
from djproject.scaffold.quoting import bucket_name
from djproject.scaffold.quoting import docstring as as_docstring
from djproject.scaffold.quoting import markdown as as_markdown

AWKWARD = [
    'back\\slash \\n \\u12 \\', '"', '"""', "'''", 'ends with "', '""""""', "it's", "$HOME ${{ x }} $$", "{{ name }}",
    "{% raw %}", "{# c #}", "100 %", "% comment", "<script>alert(1)</script>", "a < b & c > d &amp;", "# heading",
    "- item", "-- x", "+ item", "1. item", "2) x", "> quote", "| a | b |", "***", "---", "===", "___", "`code`", "```",
    "~~~", "~~gone~~", "*bold* _it_ __init__ snake_case", "[link](http://x)", "[TOC]", "![i](x)", ":::", "::: workflow",
    "!!! note", "??? x", "(target)=", "a: b", "key: [x", "@user", "!tag", "&anchor", "*alias", "null", "true", "~",
    "2024-01-01", "👩‍🔬 Spikes 🐭", "Mäuse, Ålborg, 神経データ", "ﷺ", "x" * 512, "word " * 102, "神 " * 200, "=", "^x",
    "0x1F", "\u00a0", "{", "}", "\u200b", 'a"b\'c"', "a'b'c\"", ":", "::", "?", ", ,", "\\\\", '\\"""', '"\\',
]  # fmt: skip
texts = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(max_size=60),
    st.text(alphabet="\\\"'`$%{}<>#&*_-+:=~|[]()!^?. a1\u00e9", max_size=30),
    st.lists(st.sampled_from(AWKWARD), min_size=2, max_size=3).map(" ".join),
)


def contents(root: Path, answers: Answers) -> dict[str, str]:
    return {str(file.path): file.data.decode("utf-8") for file in plan_project(root, answers).files}


def refusal(root: Path, answers: Answers) -> ProjectError | None:
    try:
        plan_project(root, answers)
    except ProjectError as error:
        return error
    return None


class Words(HTMLParser):
    """The text of a page, its markup left out."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def words(html: str) -> list[str]:
    reader = Words()
    reader.feed(html)
    reader.close()
    return "".join(reader.text).split()


def parse_all(files: dict[str, str]) -> None:
    """Each file read by what reads it: an exception where one does not parse."""
    for path, text in files.items():
        match Path(path).suffix:
            case ".py":
                compile(text, path, "exec")
            case ".toml":
                tomllib.loads(text)
            case ".yml" | ".yaml":
                yaml.safe_load(text)
            case ".ipynb":
                document = json.loads(text)
                nbformat.validate(document)
                for cell in document["cells"]:
                    if cell["cell_type"] == "code":
                        ast.parse("".join(cell["source"]))
            case _ if Path(path).name == "Dockerfile":
                assert set(dockerfile_instructions(text)) <= set(
                    {"FROM", "COPY", "RUN", "ENV", "WORKDIR", "ARG", "USER", "HEALTHCHECK", "CMD"}
                )


def dockerfile_instructions(text: str) -> Iterator[str]:
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    for line in filter(str.strip, joined.splitlines()):
        yield line.split()[0]


def paragraph_of(text: str) -> str:
    """What follows the title, up to the next empty line, of README.md and docs/index.md."""
    return text.split("\n\n")[1]


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(description=texts, author=texts, docs=st.sampled_from(DOCS), database=st.sampled_from(DATABASES))
@example('"""', '"', "sphinx", "mysql")
def test_every_file_parses_and_says_it_or_nothing_is_written(
    description: str, author: str, docs: str, database: str
) -> None:
    root = Path("/nowhere/p")
    answers = Answers("p", description=description, author=Author(author, "a@b.org"), docs=docs, database=database)
    try:
        files = contents(root, answers)
    except ProjectError as error:
        assert "\n" not in error.message
        assert error.hint
        return
    parse_all(files)
    wanted = description.strip() or "A DataJoint pipeline: p."
    document = tomllib.loads(files["pyproject.toml"])["project"]
    assert document["description"] == wanted
    assert document.get("authors", [{"name": ""}])[0]["name"] == author.strip()
    assert (
        ast.get_docstring(ast.parse(files["src/workflow/__init__.py"]), clean=False) or ""
    ).split() == wanted.split()
    if docs == "mkdocs":
        assert yaml.safe_load(files["mkdocs.yml"])["site_description"] == wanted
    elif author.strip():
        assert author.strip() in [
            node.value.value
            for node in ast.parse(files["docs/conf.py"]).body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        ]
    for path in ("README.md", "docs/index.md"):
        paragraph = paragraph_of(files[path])
        for html in (markdown.markdown(paragraph), MarkdownIt("gfm-like", {"linkify": False}).render(paragraph)):
            assert words(html) == wanted.split(), path
            assert html.startswith("<p>"), path
            assert set(re.findall(r"<(\w+)", html)) == {"p"}, path


@pytest.mark.slow
def test_ruff_agrees_with_every_text(tmp_path: Path) -> None:
    """One call of ruff for all awkward texts: the generated project's CI checks format and line length."""
    for number, text in enumerate(AWKWARD):
        author = Author(re.sub("[<>]", "", text)[:200], "a@b.org")
        for docs in DOCS:
            root = tmp_path / f"{docs}{number}"
            for path, content in contents(root, Answers("p", description=text, author=author, docs=docs)).items():
                if path in {"src/workflow/__init__.py", "docs/conf.py", "pyproject.toml"}:
                    (root / path).parent.mkdir(parents=True, exist_ok=True)
                    (root / path).write_text(content, "utf-8")
    for command in (["format", "--diff", "."], ["check", "."]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout[-3000:]


def test_the_longest_names_keep_ruffs_format(tmp_path: Path) -> None:
    name, package = "n" * 100, "p" * PACKAGE_CHARACTERS
    for number, (docs, has_example) in enumerate((docs, has_example) for docs in DOCS for has_example in (True, False)):
        root = tmp_path / str(number)
        files = contents(root, Answers(name, package, docs=docs, example=has_example))
        parse_all(files)
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content, "utf-8")
    for command in (["format", "--diff", "."], ["check", "."]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout[-3000:]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("two\nlines", "single line"), ("cr\rhere", "single line"), ("bell\a", "U+0007"), ("nul\0", "U+0000"),
        ("tab\there", "U+0009"), ("escape \x1b[31m", "U+001B"), ("delete\x7f", "U+007F"), ("next\x85line", "U+0085"),
        ("line\u2028separator", "U+2028"), ("\ud800 half", "U+D800"), ("not a character \uffff", "U+FFFF"),
        ("\ufeffmark", "U+FEFF"), ("x" * 513, "513 characters"),
    ],
)  # fmt: skip
def test_what_no_file_can_hold_is_refused_in_one_sentence(tmp_path: Path, text: str, word: str) -> None:
    for answers in (Answers("p", description=text), Answers("p", author=Author(text, "a@b.org"))):
        error = refusal(tmp_path / "p", answers)
        assert error is not None
        assert word in error.message
        assert error.hint.startswith("djproject init DIRECTORY --")
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("name", ["null", "true", "1", "1.0", "1e5", "0x1F", "2024-01-01", "no"])
def test_a_project_name_stays_a_text_in_every_file(tmp_path: Path, name: str) -> None:
    files = contents(tmp_path / "p", Answers(name))
    assert yaml.safe_load(files["mkdocs.yml"])["site_name"] == name
    assert isinstance(yaml.safe_load(files["docker/docker-compose.yaml"])["name"], str)
    assert tomllib.loads(files["pyproject.toml"])["project"]["name"] == name


@pytest.mark.parametrize(
    ("package", "words_of_it"),
    [
        ("numpy", "library numpy"), ("datajoint", "hide DataJoint"), ("djproject", "library djproject"),
        ("matplotlib", "library matplotlib"), ("yaml", "library yaml"), ("typer", "library typer"),
        ("pytest", "library pytest"), ("pandas", "library pandas"), ("dateutil", "library dateutil"),
        ("json", "standard library"), ("class", "keyword"), ("tests", "folder of tests"), ("p" * 41, "at most 40"),
    ],
)  # fmt: skip
def test_a_package_with_the_name_of_a_library_is_refused(tmp_path: Path, package: str, words_of_it: str) -> None:
    error = refusal(tmp_path / "p", Answers("p", package))
    assert error is not None
    assert words_of_it in error.message
    assert "--package NAME" in error.hint


def test_a_dependency_that_only_this_project_names_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "mine"\ndependencies = ["Lab-Tools[x]>=2; python_version>\'3\'"]\n'
    )
    with pytest.raises(ProjectError, match="hide the library lab-tools"):
        plan_project(tmp_path, Answers("mine", "lab_tools"), adopt=True)
    assert plan_project(tmp_path, Answers("mine", "lab_other"), adopt=True).changes


@pytest.mark.parametrize("name", ["numpy", "NumPy", "djproject", "datajoint", "mkdocs-material"])
def test_a_project_with_the_name_of_a_library_is_refused(tmp_path: Path, name: str) -> None:
    error = refusal(tmp_path / "p", Answers(name))
    assert error is not None
    assert "--name NAME" in error.hint


@pytest.mark.parametrize("package", ["workflow", "mouse_v1", "match", "spikes", "lab"])
def test_other_packages_are_fine(tmp_path: Path, package: str) -> None:
    assert checked_package_name(package) == package
    assert refusal(tmp_path / "p", Answers("p", package)) is None


@given(st.text(max_size=40))
def test_an_email_that_metadata_cannot_hold_is_not_accepted(text: str) -> None:
    from email.headerregistry import Address

    for address in (text, f"{text}@example.org", f"ada@{text}"):
        if is_email_address(address):
            assert Address(addr_spec=address).addr_spec == address


def test_an_address_of_git_that_no_package_can_hold_is_left_out(tmp_path: Path) -> None:
    files = contents(tmp_path / "p", Answers("p", author=Author("Ada", "ada@")))
    assert tomllib.loads(files["pyproject.toml"])["project"]["authors"] == [{"name": "Ada"}]
    with pytest.raises(ProjectError, match="not a valid email address"):
        read_author("Ada <a..b@c>")


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", fullmatch=True))
@example("n" * 57 + "-" + "n" * 40)
@example("n" * 62 + "x")
def test_a_bucket_name_is_one_that_s3_allows(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket_name(name))


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cn"]), min_size=1, max_size=400))
def test_a_docstring_keeps_every_word(text: str) -> None:
    value = checked_text(text.replace("\ufeff", ""), "It", hint="", longest=1000)
    assert str(ast.literal_eval(as_docstring(value))).split() == value.split()


@given(texts)
def test_markdown_is_one_line(text: str) -> None:
    assert len(as_markdown(text).splitlines()) == len(text.splitlines())
