"""A worker that times SciPy: LSODA through `odeint`, its fastest door, and DOP853."""

import time

import numpy as np
from scipy.integrate import odeint, solve_ivp

from simulate.problems import PROBLEMS, Problem
from worker import serve


def lsoda(problem: Problem, parameters: list[float], relative: float, absolute: float):
    """States at the problem's times (times x states), or None."""
    found, report = odeint(
        lambda state, _, p: problem.rates(state, p),
        problem.initial,
        (0.0, *problem.times),
        args=(parameters,),
        Dfun=lambda state, _, p: problem.jacobian(state, p),
        rtol=relative,
        atol=absolute,
        mxstep=100_000,
        full_output=True,
    )
    return found[1:] if report["message"] == "Integration successful." else None


def dop853(problem: Problem, parameters: list[float], relative: float, absolute: float):
    """States at the problem's times (times x states), or None."""
    found = solve_ivp(
        lambda _, state: problem.rates(state, parameters),
        (0.0, problem.times[-1]),
        problem.initial,
        method="DOP853",
        t_eval=problem.times,
        rtol=relative,
        atol=absolute,
    )
    return found.y.T if found.success else None


METHODS = {"LSODA": lsoda, "DOP853": dop853}


def simulate(problem: Problem, method, rows: np.ndarray, relative: float, absolute: float):
    """States (rows x times x states; NaN where failed) of every row of parameters."""
    states = np.full((len(rows), len(problem.times), len(problem.initial)), np.nan)
    for answer, parameters in zip(states, rows.tolist(), strict=True):
        found = method(problem, parameters, relative, absolute)
        if found is not None:
            answer[:] = found
    return states


def run(engine, work, draws, count, relative, absolute, output=None, first=0, **_):
    problem = PROBLEMS[work]
    rows = np.fromfile(draws).reshape(-1, problem.parameters)[first : first + count]
    start = time.perf_counter()
    states = simulate(problem, METHODS[engine], rows, relative, absolute)
    seconds = time.perf_counter() - start
    if output:
        states.tofile(output)
    return {"seconds": seconds, "failures": int(np.isnan(states).any(axis=(1, 2)).sum())}


if __name__ == "__main__":
    serve(run)
