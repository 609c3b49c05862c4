"""Exact stochastic simulation of an epidemic among 1,000, beside rebop's two forms."""

import sys
from pathlib import Path

import numpy as np

import result
from simulate.effort import Effort
from simulate.engines import Engine, Setting, jump_engines
from simulate.problems import JUMPS, jump_draws

DRAWS = 20_000
CHECKED = 4000
EXACTLY = Setting(0.0, 0.0, 0.0)


def compare(folder: Path, effort: Effort) -> list[dict]:
    """Ours and both forms of rebop on the same parameter draws."""
    draws = folder / f"{JUMPS.name}.f64"
    jump_draws(DRAWS).tofile(draws)
    engines = jump_engines()
    try:
        check(engines, draws)
        settings = {engine.name: EXACTLY for engine in engines}
        rates = effort.interleaved(JUMPS, engines, settings, draws)
    finally:
        for engine in engines:
            engine.close()
    ours, *peers = engines
    rows = [
        result.ratio_row(
            rates[ours.name, threads],
            rates[engine.name, threads],
            work=JUMPS.name,
            peer=engine.peer,
            variant=engine.variant,
            threads=threads,
        )
        for engine in peers
        for threads in effort.thread_counts(engine)
    ]
    alone, both = rates[ours.name, 1], rates[ours.name, 2]
    return [*rows, result.threads_row(alone, both, work=JUMPS.name)]


def check(engines: list[Engine], draws: Path) -> None:
    """All engines must simulate one process: the mean numbers susceptible and infected on every
    day, within 6 standard errors (false alarms below 1e-6 in all)."""
    ours, *peers = (engine.states(JUMPS, draws, CHECKED, EXACTLY)[:, :, :2] for engine in engines)
    for engine, theirs in zip(engines[1:], peers, strict=True):
        # Both simulate the same draws, so that the mean difference of a pair is 0.
        apart = ours - theirs
        error = apart.std(axis=0, ddof=1) / np.sqrt(CHECKED)
        if not np.all(np.abs(apart.mean(axis=0)) <= 6 * error):
            sys.exit(f"{JUMPS.name}: gnomon and {engine.name} do not simulate the same process")
