"""What this machine has, asked of the system: its memory and its GPUs. Nothing heavy is imported for it."""

import os
import re
import subprocess
from pathlib import Path

GPUS = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
INFO, LIMIT = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")
EVENTS = Path("/proc/vmstat")


def memory() -> tuple[float, float]:
    """Return the bytes of memory that are free, and all of them; a container's limit counts."""
    total = free = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    available = re.search(r"MemAvailable:\s+(\d+)", INFO.read_text()) if INFO.exists() else None
    if available:
        free = int(available[1]) * 1024.0
    if LIMIT.exists() and (text := LIMIT.read_text().strip()).isdigit():
        used = int(LIMIT.with_name("memory.current").read_text())
        total, free = min(total, float(text)), min(free, float(text) - used)
    return free, total


def kills() -> int:
    """Return how many processes the kernel has killed for want of memory since the machine started; 0 if it does not
    say."""
    told = re.search(r"^oom_kill (\d+)$", EVENTS.read_text(), re.MULTILINE) if EVENTS.exists() else None
    return int(told[1]) if told else 0


def gpus() -> list[str]:
    """Return name and memory of each GPU that nvidia-smi names, such as "NVIDIA H100 80GB HBM3, 81559 MiB"."""
    try:
        ended = subprocess.run(GPUS, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return ended.stdout.strip().splitlines() if ended.returncode == 0 else []


def gpu_memory(told: str) -> float | None:
    """Return the bytes of memory of a GPU by its line; None if that cannot be read."""
    found = re.search(r"(\d+) MiB\s*$", told)
    return int(found[1]) * 2.0**20 if found else None
