"""What is said of a setting that is refused, word for word, and the values that settings are read as."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from djproject.project.clusters import Cluster
from djproject.project.groups import WorkerGroup
from djproject.project.location import read_leniently
from djproject.project.schema import EDIT, SettingProblem, place
from djproject.project.settings_schema import DATAJOINT
from djproject.project.tables import DataJointTable, TargetTable

PREFIX = "a string of lower-case letters, digits, _ and variables such as ${USER}"
FOLDER = "a folder of the project, such as python or code/src"
MODULES = "a list of modules, and of lists of modules"
PAIRS = 'a list of entries such as "child -> parent"'
GPUS = "a list of devices, such as [0, 1]"
DURATION = "a duration such as 90s, 2m or 1h"
WHOLE = "a whole number above 0"
FILLED = "a string that is not empty"
SIZE = 'a size such as "16G"'
LINES = "a list of strings, one line each"
SELECTORS = 'a list of selectors, such as ["processing", "+analysis.Fit"]'
KUBERNETES = "clusters.x={kind='kubernetes', image='i', "
MUST_BE = {  # a line, the table below [tool.djproject] or [tool.datajoint] and the key, what it must be, and is
    "djproject": [
        ("package = ''", "", "package", FILLED, "''"),
        ("target = 5", "", "target", FILLED, "5"),
        ("source = '/abs'", "", "source", FOLDER, "'/abs'"),
        ("source = 'a//b'", "", "source", FOLDER, "'a//b'"),
        ("source = 'a/../b'", "", "source", FOLDER, "'a/../b'"),
        ("source = 3", "", "source", FOLDER, "3"),
        ("check.fail-level = 'fatal'", "check", "fail-level", "error or warning", "'fatal'"),
        ("check.convention = true", "check", "convention", "strict or advise", "True"),
        ("check.select = 'DJP2'", "check", "select", "a list of strings", "'DJP2'"),
        ("check.layers = [1]", "check", "layers", MODULES, "[1]"),
        ("check.layers = 'x'", "check", "layers", MODULES, "'x'"),
        ("check.layers = [['a', 1]]", "check", "layers", MODULES, "[['a', 1]]"),
        ("check.independent = ['a', 1]", "check", "independent", "a list of strings", "['a', 1]"),
        ("check.forbid = ['a']", "check", "forbid", PAIRS, "['a']"),
        ("check.forbid = ['a ->']", "check", "forbid", PAIRS, "['a ->']"),
        ("check.forbid = ['-> b']", "check", "forbid", PAIRS, "['-> b']"),
        ("check.forbid = ['a -> b', 'a']", "check", "forbid", PAIRS, "['a -> b', 'a']"),
        ("check.forbid = ['a -> b -> c']", "check", "forbid", PAIRS, "['a -> b -> c']"),
        ("check.forbid = [1]", "check", "forbid", PAIRS, "[1]"),
        ("check.baseline = []", "check", "baseline", "a string", "[]"),
        ("check.per-file-ignores = {x = 'D'}", "check.per-file-ignores", "x", "a list of strings", "'D'"),
        ("targets.lab = {host = 'h', port = 'x1'}", "targets.lab", "port", "an integer", "'x1'"),
        ("targets.lab = {host = 'h', use_tls = 'x'}", "targets.lab", "use_tls", "true or false", "'x'"),
        ("targets.lab = {host = 'h', backend = 'x'}", "targets.lab", "backend", "mysql or postgresql", "'x'"),
        ("workers.a.count = 0", "workers.a", "count", WHOLE, "0"),
        ("workers.a.count = true", "workers.a", "count", WHOLE, "True"),
        ("workers.a.count = '1'", "workers.a", "count", WHOLE, "'1'"),
        ("workers.a.gpus = [true]", "workers.a", "gpus", GPUS, "[True]"),
        ("workers.a.gpus = [0, 1.5]", "workers.a", "gpus", GPUS, "[0, 1.5]"),
        ("workers.a.gpus = '0'", "workers.a", "gpus", GPUS, "'0'"),
        ("workers.a.grace = 'soon'", "workers.a", "grace", DURATION, "'soon'"),
        ("workers.a.grace = -1", "workers.a", "grace", DURATION, "-1"),
        ("workers.a.grace = [1]", "workers.a", "grace", DURATION, "[1]"),
        ("workers.a.tables = 'x'", "workers.a", "tables", SELECTORS, "'x'"),
        ("workers.a.environment = {X = 1}", "workers.a.environment", "X", "a string", "1"),
        ("workers.a.concurrency = {'x.Y' = 0}", "workers.a.concurrency", "x.Y", WHOLE, "0"),
        ("workers.a.memory = '5K'", "workers.a", "memory", SIZE, "'5K'"),
        ("clusters.x = {kind = 'slurm', image = ''}", "clusters.x", "image", FILLED, "''"),
        ("clusters.x = {kind = 'slurm', memory = '0G'}", "clusters.x", "memory", SIZE, "'0G'"),
        ("clusters.x = {kind = 'slurm', memory = 5}", "clusters.x", "memory", SIZE, "5"),
        ('clusters.x = {kind = "slurm", setup = ["a\\nb"]}', "clusters.x", "setup", LINES, "['a\\nb']"),
        ('clusters.x = {kind = "slurm", setup = ["c", "a\\rb"]}', "clusters.x", "setup", LINES, "['c', 'a\\rb']"),
        ("clusters.x = {kind = 'slurm', options = 'x'}", "clusters.x", "options", LINES, "'x'"),
        (f"{KUBERNETES}tolerations = 'x'}}", "clusters.x", "tolerations", "a list of tables", "'x'"),
        (f"{KUBERNETES}tolerations = [{{}}, 1]}}", "clusters.x", "tolerations", "a list of tables", "[{}, 1]"),
        ("clusters.x = {kind = 'pbs'}", "clusters.x", "kind", "slurm or kubernetes", "'pbs'"),
        ("template.year = 'x'", "template", "year", "an integer", "'x'"),
        ("template.example = 1", "template", "example", "true or false", "1"),
    ],
    "datajoint": [
        ("loglevel = 5", "", "loglevel", "DEBUG, INFO, WARNING, ERROR or CRITICAL", "5"),
        ("safemode = 'perhaps'", "", "safemode", "true or false", "'perhaps'"),
        ("database.backend = 'oracle'", "database", "backend", "mysql or postgresql", "'oracle'"),
        ("database.port = 5.5", "database", "port", "an integer", "5.5"),
        ("database.port = true", "database", "port", "an integer", "True"),
        ("database.user = 5", "database", "user", "a string", "5"),
        ("jobs.version_method = 'hg'", "jobs", "version_method", "git or none", "'hg'"),
        ("stores.m = {protocol = 5}", "stores.m", "protocol", "a string", "5"),
        ("stores.m = {x = [1]}", "stores.m", "x", "a string", "[1]"),
        ("stores.m = {secure = 'x'}", "stores.m", "secure", "true or false", "'x'"),
        ("stores.m = {token_length = true}", "stores.m", "token_length", "an integer", "True"),
        ("stores.m = {subfolding = [0]}", "stores.m", "subfolding", "a list such as [2, 2]", "[0]"),
        ("stores.m = {subfolding = [true]}", "stores.m", "subfolding", "a list such as [2, 2]", "[True]"),
        ("stores.m = {subfolding = [2, 'x']}", "stores.m", "subfolding", "a list such as [2, 2]", "[2, 'x']"),
        ("stores.m = {subfolding = 2}", "stores.m", "subfolding", "a list such as [2, 2]", "2"),
    ],
}
COMMITTED = "is a secret and does not belong in pyproject.toml"
OF_DJPROJECT = "Settings: package, source, target, schema_prefix, targets, check, workers, clusters, template"
OF_DATAJOINT = f"Settings: {', '.join(DATAJOINT.keys)}"
OF_A_TARGET = "Settings: backend, host, port, user, name, use_tls, schema_prefix, stores"
OF_A_CLUSTER = "Settings: kind, target, max, cpus, memory, gpus, image"
OF_SLURM = f"{OF_A_CLUSTER}, time, partition, account, qos, constraint, setup, python, options"
OF_PODS = f"{OF_A_CLUSTER}, context, namespace, service-account, secret, node-selector, tolerations"
MANAGED = "because djproject runs the database of the target"
OTHER = [  # a tool, a line, the path below it, what is said behind its table, and the hint
    ("djproject", "packages = 'x'", "packages", " has no setting 'packages'; did you mean 'package'?", OF_DJPROJECT),
    ("djproject", "qqqq = 1", "qqqq", " has no setting 'qqqq'.", OF_DJPROJECT),
    ("djproject", "check = 1", "check", ".check] is not a table.", EDIT),
    ("djproject", "workers = []", "workers", ".workers] is not a table.", EDIT),
    ("djproject", "targets.lab.user = 'me'", "targets.lab", ".targets.lab] has no host.", EDIT),
    ("djproject", "clusters.x = {}", "clusters.x", ".clusters.x] has no kind.", EDIT),
    (
        "djproject", "schema_prefix = 'A'", "schema_prefix", f"] schema_prefix must be {PREFIX}, not 'A'.",
        'schema_prefix = "${USER}_"',
    ),
    (
        "djproject", "schema_prefix = 5", "schema_prefix", f"] schema_prefix must be {PREFIX}, not 5.",
        'schema_prefix = "${USER}_"',
    ),
    (
        "djproject", "targets.lab = {host = 'h', prt = 1}", "targets.lab.prt",
        ".targets.lab] has no setting 'prt'; did you mean 'port'?", OF_A_TARGET,
    ),
    (
        "djproject", "targets.lab = {host = 'h', password = 'p'}", "targets.lab.password",
        f".targets.lab] password {COMMITTED}, which is committed.",
        "Remove it and write it to .secrets/targets.lab.password (mode 0600).",
    ),
    (
        "djproject", "targets.stack.password = 'p'", "targets.stack.password",
        f".targets.stack] password {COMMITTED}, which is committed.",
        "Remove it and write it to .secrets/targets.stack.password (mode 0600).",
    ),
    (
        "djproject", "targets.embedded.host = 'h'", "targets.embedded.host",
        f".targets.embedded] has no setting 'host', {MANAGED} embedded.", "Settings: schema_prefix, stores",
    ),
    (
        "djproject", "targets.stack.x = 'h'", "targets.stack.x", ".targets.stack] has no setting 'x'.",
        "Settings: schema_prefix, stores",
    ),
    (
        "djproject", "targets.lab = {host = 'h', stores.m = {protocol = 's3', token = 'k'}}",
        "targets.lab.stores.m.token", f".targets.lab.stores.m] token {COMMITTED}.",
        "Remove the line, then: djproject stores set m --secret token",
    ),
    (
        "djproject", "workers.a.environment = {API_TOKEN = 'x', OK = '1'}", "workers.a.environment.API_TOKEN",
        f".workers.a.environment] API_TOKEN {COMMITTED}.", "export API_TOKEN=… before the workers start",
    ),
    (
        "djproject", "workers.a.cluster = 'h'\nclusters.x.kind = 'slurm'\nclusters.y.kind = 'slurm'", "workers",
        ".workers.a] cluster: there is no cluster 'h'.", "Clusters: x, y",
    ),
    (
        "djproject", "workers.a.cluster = 'h'", "workers", ".workers.a] cluster: there is no cluster 'h'.",
        f"{EDIT}  ([tool.djproject.clusters.h])",
    ),
    (
        "djproject", "clusters.x = {kind = 'slurm', namespace = 'a', nothing = 1}", "clusters.x.namespace",
        ".clusters.x] has no setting 'namespace' where kind is slurm.", OF_SLURM,
    ),
    (
        "djproject", f"{KUBERNETES}partition = 'a'}}", "clusters.x.partition",
        ".clusters.x] has no setting 'partition' where kind is kubernetes.", OF_PODS,
    ),
    (
        "djproject", "clusters.x.kind = 'kubernetes'", "clusters.x.kind",
        ".clusters.x] has no image, which pods are made of.", f'{EDIT}  (image = "…")',
    ),
    (
        "datajoint", "loglevle = 'INFO'", "loglevle", "] has no setting 'loglevle'; did you mean 'loglevel'?",
        OF_DATAJOINT,
    ),
    ("datajoint", "stores.m = 'file'", "stores.m", ".stores.m] is not a table.", EDIT),
    (
        "datajoint", "stores.default = 3", "stores.default", ".stores] default must be a string, not 3.",
        "djproject stores default NAME",
    ),
    (
        "datajoint", "database.password = 'p'", "database.password",
        f".database] password {COMMITTED}, which is committed.",
        "Remove it and write it to .secrets/database.password (mode 0600) or to the environment.",
    ),
    (
        "datajoint", "query_token = 'p'", "query_token", f"] query_token {COMMITTED}, which is committed.",
        "Remove it and write it to .secrets/query_token (mode 0600) or to the environment.",
    ),
    (
        "datajoint", "stores.m = {protocol = 's3', secret_key = 'k'}", "stores.m.secret_key",
        f".stores.m] secret_key {COMMITTED}.", "Remove the line, then: djproject stores set m --secret secret_key",
    ),
]  # fmt: skip


def problems_of(tool: str, text: str) -> tuple[SettingProblem, ...]:
    return read_leniently(Path("/lab"), {"tool": {tool: tomllib.loads(text)}})[1]


@pytest.mark.parametrize(
    ("tool", "line", "table", "key", "words", "value"),
    [(tool, *case) for tool, cases in MUST_BE.items() for case in cases],
)
def test_a_value_of_another_kind_is_named_with_what_it_must_be(
    tool: str, line: str, table: str, key: str, words: str, value: str
) -> None:
    path = ("tool", tool, *filter(None, table.split(".")))
    message = f"{place(path)} {key} must be {words}, not {value}."
    assert problems_of(tool, line) == (SettingProblem((*path, key), message, EDIT),)


@pytest.mark.parametrize(("tool", "line", "path", "words", "hint"), OTHER)
def test_a_setting_that_is_refused_is_said_where_and_why(
    tool: str, line: str, path: str, words: str, hint: str
) -> None:
    message = f"[tool.{tool}{words if words[0] in '.]' else ']' + words}"
    assert problems_of(tool, line)[0] == SettingProblem(("tool", tool, *path.split(".")), message, hint)


@pytest.mark.parametrize("code", ["E501", "DJP2222", "DJ", "xDJP2", "DJP2 "])
def test_what_is_no_code_of_a_rule_is_refused_with_the_command_that_lists_them(code: str) -> None:
    message = f"{code!r} is not the code of a rule, such as DJP209 or DJP2."
    for key in ("select", "ignore"):
        (problem,) = problems_of("djproject", f"check.{key} = ['DJP1', '{code}']")
        assert problem == SettingProblem(("tool", "djproject", "check", key), message, "djproject rules")


def read(tool: str, text: str) -> Any:
    project, problems = read_leniently(Path("/lab"), {"tool": {tool: tomllib.loads(text)}})
    assert problems == ()
    return project


def test_groups_and_clusters_are_read_with_their_names() -> None:
    project = read(
        "djproject",
        """
        workers.a = {gpus = [0, "GPU-5f"], cluster = "x", memory = "3T", time = "1.5h", job-timeout = 90}
        workers.b = {count = 3, gpus = ["0"], environment = {OMP = "1"}, tables = ["a", "b"], max-rss = 5}
        workers.c = {}
        clusters.x = {kind = "slurm", max = 3, memory = "5M", setup = ["a", "b"], time = "2m"}
        clusters.y = {kind = "kubernetes", image = "i", memory = "16G", tolerations = [{k = 1}], node-selector = {d = "e"}}
        """,
    )
    gpus = ("0", "GPU-5f")
    assert project.groups == {
        "a": WorkerGroup(
            "a", gpus=gpus, processes=2, cluster="x", memory=3 * 1024 * 1024, seconds=5400.0, job_seconds=90.0
        ),
        "b": WorkerGroup("b", ("a", "b"), processes=3, gpus=("0",), environment={"OMP": "1"}, megabytes=5),
        "c": WorkerGroup("c", processes=1),
    }
    assert project.clusters == {
        "x": Cluster("slurm", "x", most=3, megabytes=5, setup=("a", "b"), seconds=120.0),
        "y": Cluster("kubernetes", "y", image="i", megabytes=16384, tolerations=({"k": 1},), node_selector={"d": "e"}),
    }


def test_targets_and_check_are_read_by_attribute() -> None:
    project = read(
        "djproject",
        """
        source = "code/src-1"
        schema_prefix = "${USER}_x9"
        targets.lab = {host = "h", user = "u", port = 5, schema_prefix = "p_"}
        targets.stack.stores.m = {protocol = "file", location = "/x"}
        check = {layers = ["a", ["b", "c"]], forbid = [" a->b ", "c -> d"], select = ["djp2"], baseline = "f"}
        """,
    )
    assert (project.source_folder, project.schema_prefix) == ("code/src-1", "${USER}_x9")
    assert project.targets == {
        "lab": TargetTable({"database.host": "h", "database.user": "u", "database.port": 5}, {}, "p_")
    }
    assert project.managed == {"stack": TargetTable({}, {"m": {"protocol": "file", "location": "/x"}}, None)}
    assert (project.check.layers, project.check.forbid) == ((("a",), ("b", "c")), (("a", "b"), ("c", "d")))
    assert (project.check.select, project.check.baseline) == (("DJP2",), "f")


def test_settings_of_datajoint_are_read_by_dotted_name_and_stores_apart() -> None:
    text = 'safemode = false\nloglevel = "info"\ndatabase = {port = 5, host = "h"}\njobs.keep_completed = true\n'
    values = {
        "safemode": False,
        "loglevel": "INFO",
        "database.port": 5,
        "database.host": "h",
        "jobs.keep_completed": True,
    }
    assert read("datajoint", text).datajoint == DataJointTable(values, {}, {})
    stores = 'stores = {default = "a", filepath_default = "b", a = {protocol = "file"}, b = {protocol = "x", n = 1.5}}'
    assert read("datajoint", text + stores).datajoint == DataJointTable(
        values,
        {"a": {"protocol": "file"}, "b": {"protocol": "x", "n": 1.5}},
        {"default": "a", "filepath_default": "b"},
    )


def test_a_problem_of_a_store_knows_its_name() -> None:
    for path, store in {
        ("tool", "datajoint", "stores", "m", "x"): "m",
        ("tool", "datajoint", "stores", "m"): "m",
        ("tool", "datajoint", "stores"): "",
        ("tool", "djproject", "stores", "m"): "",
    }.items():
        problem = SettingProblem(path, "a message", "a hint")
        assert problem.store == store
        assert (problem.error().message, problem.error().hint) == ("a message", "a hint")


def test_every_group_with_an_unknown_cluster_is_named() -> None:
    told = [problem.message for problem in problems_of("djproject", "workers.a.cluster = 'h'\nworkers.b.cluster = 'i'")]
    assert [message.rpartition(" ")[2] for message in told] == ["'h'.", "'i'."]
