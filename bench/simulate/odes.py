"""Simulations per second of differential equations at equal achieved error."""

import sys
from pathlib import Path

import numpy as np

import result
from simulate import reference
from simulate.effort import Effort, say
from simulate.engines import Engine, Setting, ode_engines
from simulate.problems import Problem
from simulate.tolerance import search
from worker import WorkerError

TARGETS = (1e-4, 1e-6)
DRAWS = 200_000
# Draws on which errors are measured.
CHECKED = 500


def compare(problem: Problem, folder: Path, effort: Effort, missing: list[str]) -> list[dict]:
    """All engines on one problem at all errors and thread counts."""
    draws = folder / f"{problem.name}.f64"
    problem.draws(DRAWS).tofile(draws)
    say(f"{problem.name}: reference")
    exact = reference.states(problem, CHECKED, folder)
    engines = ode_engines(problem)
    diffsol = next(engine for engine in engines if engine.peer == "diffsol")
    rows = []
    try:
        check_reference(problem, diffsol, draws, exact)
        for target in TARGETS:
            settings: dict[str, Setting] = {}
            running = []
            for engine in engines:
                label = f"{problem.name}, {engine.peer} {engine.variant} at {target:.0e}"
                if effort.skips(problem, engine):
                    missing.append(f"{label} (left out by --quick)")
                    continue
                setting = best_setting(problem, engine, draws, exact, target, effort)
                if setting is None:
                    missing.append(f"{label}: no tolerance achieves it")
                    continue
                say(
                    f"{label}: relative {setting.relative:.2e}, absolute {setting.absolute:.2e}, "
                    f"error {setting.error:.2e}"
                )
                settings[engine.name] = setting
                running.append(engine)
            if running and running[0].peer == "gnomon":
                rows += timed_rows(problem, running, settings, draws, target, effort)
    finally:
        for engine in engines:
            engine.close()
    return rows


def check_reference(problem: Problem, judge: Engine, draws: Path, exact: np.ndarray) -> None:
    """An oracle needs an oracle: diffsol at its tightest must agree far below the targets."""
    tight = Setting(1e-12, 1e-17 if problem.stiff else 1e-25, 0.0)
    apart = reference.percentile_99(judge.states(problem, draws, len(exact), tight), exact)
    say(f"{problem.name}: SciPy's reference and diffsol's differ by {apart:.1e}")
    if not apart < 0.02 * min(TARGETS):
        sys.exit(f"{problem.name}: the references differ by {apart:.1e}: no error can be measured")


def best_setting(
    problem: Problem,
    engine: Engine,
    draws: Path,
    exact: np.ndarray,
    target: float,
    effort: Effort,
) -> Setting | None:
    """The fastest of the settings that achieve the error, one for each absolute tolerance."""
    candidates = []
    for share in problem.absolute:

        def error_at(relative: float, share: float = share) -> float:
            setting = Setting(relative, relative * share, 0.0)
            try:
                found = engine.states(problem, draws, len(exact), setting)
            except WorkerError as error:
                if engine.peer == "gnomon":
                    raise
                say(f"{engine.name} at {relative:.1e}: {error}")
                return np.inf
            return reference.percentile_99(found, exact)

        if achieved := search(error_at, target):
            relative, error = achieved
            setting = Setting(relative, relative * share, error)
            count = effort.run_length(problem, engine, draws, setting)
            rate = max(engine.rate(problem, draws, count, setting, 1) for _ in range(2))
            candidates.append((rate, setting))
    return max(candidates, key=lambda candidate: candidate[0])[1] if candidates else None


def timed_rows(
    problem: Problem,
    running: list[Engine],
    settings: dict[str, Setting],
    draws: Path,
    target: float,
    effort: Effort,
) -> list[dict]:
    """Interleaved repeats of every engine at every thread count, as ratios to ours."""
    rates = effort.interleaved(problem, running, settings, draws)
    ours, *peers = running
    labels = {
        "work": problem.name,
        "error": target,
        "our_error": result.significant(settings[ours.name].error),
    }
    rows = [
        result.ratio_row(
            rates[ours.name, threads],
            rates[engine.name, threads],
            **labels,
            peer=engine.peer,
            variant=engine.variant,
            threads=threads,
            their_error=result.significant(settings[engine.name].error),
        )
        for engine in peers
        for threads in effort.thread_counts(engine)
    ]
    alone, both = rates[ours.name, 1], rates[ours.name, 2]
    return [*rows, result.threads_row(alone, both, **labels)]
