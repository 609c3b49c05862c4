"""The machine that a comparison ran on, in words."""

import os
import platform


def name() -> str:
    """Processor model, number of cores, and the widest vectors it has."""
    model, flags = platform.processor() or platform.machine(), set()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    model = value.strip()
                elif key.strip() == "flags":
                    flags = set(value.split())
    except OSError:
        pass
    vectors = next((v for v in ("avx512f", "avx2") if v in flags), "no AVX2")
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {vectors}"


def load() -> float:
    """Processes that wanted a core during the last minute, for each core there is."""
    return os.getloadavg()[0] / len(os.sched_getaffinity(0))
