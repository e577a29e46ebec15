"""`djproject up` beside `docker compose up --wait` of the same file, on images that are built."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import seconds, table
from djproject.stack.environment import change_environment
from djproject.stack.ports import free_ports

DJPROJECT = str(Path(sys.executable).parent / "djproject")
ROUNDS = 5


def measure() -> None:
    """Print how long a stack takes from nothing (images there) until all is healthy, and once more."""
    root = Path(tempfile.mkdtemp()) / "stackbenchmark"
    subprocess.run([DJPROJECT, "init", str(root), "--example", "--yes", "--no-git", "--quiet"], check=True)
    database, store = free_ports(2)
    example = root / "docker/.env.example"
    text = example.read_text().replace("DATABASE_PORT=5432", f"DATABASE_PORT={database}")
    example.write_text(text.replace("STORE_PORT=8333", f"STORE_PORT={store}"))
    subprocess.run([DJPROJECT, "up", "--workers", "2"], cwd=root, check=True)
    compose = ["docker", "compose", "--project-directory", str(root / "docker")]
    down = [*compose, "down", "--volumes", "--timeout", "5"]
    times: dict[str, list[float]] = {"compose": [], "deploy": [], "up": [], "again": []}
    for _ in range(ROUNDS):
        # Compose alone: everything but the one-off step, whose end `--wait` takes for a failure.
        seconds(down)
        change_environment(root / "docker", {"WORKERS": "2"})
        seconds([*compose, "up", "--detach", "--wait", "--no-deps", "database", "store"])
        began = time.perf_counter()
        seconds([*compose, "run", "--rm", "--no-deps", "deploy"])
        deployed = time.perf_counter() - began
        seconds(down)
        began = time.perf_counter()
        seconds([*compose, "up", "--detach", "--wait", "--no-deps", "database", "store", "worker"])
        times["compose"].append(time.perf_counter() - began)
        times["deploy"].append(deployed)
        seconds(down)
        times["up"].append(seconds([DJPROJECT, "up"], cwd=root))
        times["again"].append(seconds([DJPROJECT, "up"], cwd=root))
    alone = min(times["compose"]) + min(times["deploy"])
    rows = [
        ["`docker compose up --wait`, and the deploy step", f"{alone:.1f} s", "1.00"],
        ["`djproject up`", f"{min(times['up']):.1f} s", f"{min(times['up']) / alone:.2f}"],
        ["`djproject up`, nothing to do", f"{min(times['again']):.1f} s", f"{min(times['again']) / alone:.2f}"],
    ]
    table(["database, object store, two workers", "best of five", "ratio"], rows)
    print("\nMemory of the idle stack:\n")
    stats = ["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}"]
    output = subprocess.run(stats, capture_output=True, text=True, check=True).stdout
    print("\n".join(line for line in output.splitlines() if line.startswith("stackbenchmark")))
    subprocess.run([*down, "--rmi", "local"], check=False, capture_output=True)
