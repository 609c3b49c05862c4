"""Held-out log-probability beside sbi after the same number of steps on the same simulations."""

import math
import statistics
import sys
from pathlib import Path

import result
from learn import data
from worker import Worker, WorkerError

TRAIN, TEST = 10_000, 20_000


def compare(
    ours: Worker, torch: Worker, folder: Path, quick: bool, missing: list[str]
) -> list[dict]:
    """Each side with its own defaults, and sbi with our learning rate too. A seed is a data set, an
    initialisation and a shuffle."""
    seeds, epochs = (2, 8) if quick else (5, 40)
    variants = [""] if quick else ["", "at our learning rate"]
    if quick:
        missing.append("sbi's log-probability at our learning rate (left out by --quick)")
    mine, theirs = [], {variant: [] for variant in variants}
    for seed in range(1, seeds + 1):
        path = folder / f"two-sided-{seed}.f64"
        data.write(path, TRAIN + TEST, seed)
        request = {"task": "quality", "data": str(path)}
        request |= {"train": TRAIN, "epochs": epochs, "seed": seed}
        found = ours.ask(**request, threads=1)
        mine.append(found["log_density"])
        tell(seed, "ours", found)
        for variant in variants:
            learning_rate = found["learning_rate"] if variant else None
            answer = torch.ask(**request, learning_rate=learning_rate)
            if answer["steps"] != found["steps"]:
                raise WorkerError(f"sbi took {answer['steps']} steps, we {found['steps']}")
            theirs[variant].append(answer["log_density"])
            tell(seed, f"sbi {variant}".strip(), answer)
        path.unlink()
    return [row(mine, his, variant, found["steps"]) for variant, his in theirs.items()]


def tell(seed: int, side: str, answer: dict) -> None:
    print(
        f"seed {seed}, {side}: {answer['log_density']:.4f} nats after {answer['steps']} steps of "
        f"{answer['parameters']} weights in {answer['seconds']:.1f} s",
        file=sys.stderr,
        flush=True,
    )


def row(mine: list[float], his: list[float], variant: str, steps: int) -> dict:
    """Means over seeds; the standard error is that of the paired difference."""
    differences = [a - b for a, b in zip(mine, his, strict=True)]
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    return {
        "work": "W3",
        "peer": "sbi",
        "variant": variant or "defaults",
        "metric": "held-out log-probability",
        "ours": result.significant(statistics.fmean(mine), 6),
        "theirs": result.significant(statistics.fmean(his), 6),
        "better": "higher",
        "difference": result.significant(statistics.fmean(differences), 6),
        "standard_error": result.significant(error, 3),
        "steps": steps,
        "seeds": len(mine),
    }
