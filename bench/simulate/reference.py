"""The states that every engine is measured against: SciPy at its tightest, checked by diffsol.

Lotka-Volterra is integrated in the logarithms of its states, because predators fall to 1e-20 and
come back; Robertson's reactions by LSODA, the others by DOP853.
"""

import hashlib
import inspect
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

from simulate import problems, scipy_worker
from simulate.problems import Problem


def states(problem: Problem, count: int, folder: Path) -> np.ndarray:
    """States of the first `count` draws: count x times x states. Kept in `folder`."""
    written = inspect.getsource(problems) + inspect.getsource(inspect.getmodule(states))
    key = hashlib.sha256(written.encode()).hexdigest()[:16]
    path = folder / f"reference-{problem.name}-{count}-{key}.npy"
    if not path.exists():
        np.save(path, solve(problem, problem.draws(count)))
    return np.load(path)


def solve(problem: Problem, draws: np.ndarray) -> np.ndarray:
    """States of every draw, as exact as SciPy can."""
    if problem.name == "lotka-volterra":
        return np.stack([lotka_volterra(problem, draw) for draw in draws.tolist()])
    if problem.stiff:
        return scipy_worker.simulate(problem, scipy_worker.lsoda, draws, 1e-12, 1e-18)
    return scipy_worker.simulate(problem, scipy_worker.dop853, draws, 1e-13, 1e-13)


def lotka_volterra(problem: Problem, draw: list[float]) -> np.ndarray:
    """States at the problem's times: times x states."""
    alpha, beta, gamma, delta = draw
    found = solve_ivp(
        lambda _, log: (alpha - beta * np.exp(log[1]), delta * np.exp(log[0]) - gamma),
        (0.0, problem.times[-1]),
        np.log(problem.initial),
        method="DOP853",
        t_eval=problem.times,
        rtol=1e-13,
        atol=1e-13,
    )
    return np.exp(found.y.T)


def errors(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """A simulation's largest error over times and states, each state relative to its largest
    value in that simulation; infinite where it failed."""
    scale = np.abs(exact).max(axis=1, keepdims=True)
    worst = (np.abs(found - exact) / scale).max(axis=(1, 2))
    return np.where(np.isnan(worst), np.inf, worst)


def percentile_99(found: np.ndarray, exact: np.ndarray) -> float:
    """The error that 99 simulations of 100 stay below."""
    return float(np.quantile(errors(found, exact), 0.99, method="higher"))
