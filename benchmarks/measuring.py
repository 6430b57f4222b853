"""Parts of several benchmarks: the description of machine, date and code, and the spread of figures."""

import datetime
import os
import platform
import statistics
import subprocess


def about() -> dict[str, str | int]:
    """Describes machine, date and commit."""
    import jax

    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "device": str(jax.devices()[0].device_kind),
        "cores": os.cpu_count() or 0,
        "processor": _processor(),
        "date": datetime.date.today().isoformat(),
        "commit": revision.stdout.strip(),
    }


def spread(values: list[float], digits: int = 3) -> dict[str, float]:
    """Median, least and greatest value, rounded."""
    figures = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {name: round(value, digits) for name, value in figures.items()}


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
