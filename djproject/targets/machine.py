"""Which machine this is, whether a process is the one it was, and which file systems are shared with other machines."""

import contextlib
import platform
import uuid
from functools import lru_cache
from pathlib import Path

# Names as the kernel has them. What is not listed counts as local.
NETWORK_FILE_SYSTEMS = frozenset(
    {
        "9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs",
        "fuse.sshfs", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "panfs", "smb3", "smbfs", "virtiofs", "weka",
        "wekafs",
    }
)  # fmt: skip


@lru_cache(maxsize=1)
def machine_id() -> str:
    """Which boot of which system, and the namespace of its process numbers; containers have one each."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        import psutil

        return f"{platform.node()} {uuid.getnode():x} {psutil.boot_time():.0f}"


def process_start(pid: int) -> float:
    """When a process began, in ticks since the boot (elsewhere, seconds since the epoch); 0 for none."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        # Not psutil's time, which a step of the clock moves.
        return float(Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()[19])
    import psutil

    try:
        return round(float(psutil.Process(pid).create_time()), 2)
    except psutil.Error:
        return 0.0


def network_file_system(path: Path) -> str:
    """The type of the file system that `path` lies on, where other machines may share it; else empty."""
    import psutil

    place = path.resolve()
    mounts = {Path(mount.mountpoint): str(mount.fstype) for mount in psutil.disk_partitions(all=True)}
    for folder in (place, *place.parents):
        if folder in mounts:
            return mounts[folder] if mounts[folder].lower() in NETWORK_FILE_SYSTEMS else ""
    return ""
