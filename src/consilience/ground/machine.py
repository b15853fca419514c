"""What a reader needs to know of the machine to judge a time: no host name, no user, no paths."""

import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_LIBRARIES = (
    *("numpy", "scipy", "scikit-learn", "pandas", "matplotlib"),
    *("torch", "transformers", "tokenizers", "safetensors", "peft", "trl"),
    *("pydantic-ai-slim", "onnxruntime", "sentence-transformers"),
)

_GIT_S = 10.0


def machine() -> dict[str, str]:
    """Describe processor, usable cores, memory and operating system.

    Examples
    --------
    >>> sorted(machine())
    ['cores', 'memory', 'processor', 'system']
    """
    return {
        "processor": _processor(),
        "cores": str(_usable_cores()),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Return the versions of Python, Consilience and the numerical libraries that are installed.

    Run from a clone, Consilience has a commit besides, marked when files of the clone were changed since.
    """
    found = {"python": platform.python_version()} | _commit()
    for library in ("consilience", *_LIBRARIES):
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process, in MB of 1,024 KB.

    Linux hands the peak of a parent down to the program that it starts, in ``ru_maxrss``; what the kernel counts for
    the program alone is read where it is to be had.
    """
    status = Path("/proc/self/status")
    for line in status.read_text(encoding="utf-8").splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return peak / 1024 if sys.platform == "darwin" else peak


def _commit() -> dict[str, str]:
    """Return the commit of the clone that this file lies in; nothing where it lies in none, or git is not there."""
    clone = Path(__file__).resolve().parents[3]
    if not (clone / ".git").exists():
        return {}
    words = ["git", "-C", str(clone), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        told = subprocess.run(words, capture_output=True, text=True, timeout=_GIT_S, check=True)  # noqa: S603  fixed words
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"commit": told.stdout.strip()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return "unknown"
    return f"{total / 2**30:.0f} GiB"
