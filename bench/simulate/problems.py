"""The problems: parameter draws, observation times, right-hand sides for SciPy and diffrax.

The same problems are written in `mechanisms/*.toml` (ours) and in `src/` (diffsol, rebop); the
comparison checks each engine's states against one reference, so that they cannot drift apart.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """Something that engines simulate."""

    name: str
    initial: tuple[float, ...]
    times: tuple[float, ...]  # when states are asked for; the start is at 0
    parameters: int

    @property
    def draw_bytes(self) -> int:
        """Bytes of one draw in a file of draws."""
        return 8 * self.parameters


@dataclass(frozen=True, kw_only=True)
class Problem(Simulated):
    """An initial value problem with log-normally distributed parameters."""

    rates: Callable  # (state, parameters) -> d state / d t, a tuple of the state's length
    jacobian: Callable  # (state, parameters) -> rows of d rate / d state
    log_mean: tuple[float, ...]
    log_sd: float
    stiff: bool
    # An engine's absolute tolerance is its relative one times one of these; each takes its best.
    absolute: tuple[float, ...]

    def draws(self, count: int) -> np.ndarray:
        """Parameters: count x parameters; the first of many are the same as of few."""
        generator = np.random.Generator(np.random.PCG64(1978))
        normal = generator.standard_normal((count, len(self.log_mean)))
        return np.exp(np.asarray(self.log_mean) + self.log_sd * normal)


def sir(state, parameters):
    (s, i, _), (beta, gamma) = state, parameters
    infection, recovery = beta * s * i * (1 / 763), gamma * i
    return -infection, infection - recovery, recovery


def sir_jacobian(state, parameters):
    (s, i, _), (beta, gamma) = state, parameters
    by_s, by_i = beta * i * (1 / 763), beta * s * (1 / 763)
    return (-by_s, -by_i, 0.0), (by_s, by_i - gamma, 0.0), (0.0, gamma, 0.0)


def lotka_volterra(state, parameters):
    (x, y), (alpha, beta, gamma, delta) = state, parameters
    return (alpha - beta * y) * x, (delta * x - gamma) * y


def lotka_volterra_jacobian(state, parameters):
    (x, y), (alpha, beta, gamma, delta) = state, parameters
    return (alpha - beta * y, -beta * x), (delta * y, delta * x - gamma)


def robertson(state, parameters):
    (a, b, c), (k1, k2, k3) = state, parameters
    first, second, third = k1 * a, k2 * b * b, k3 * b * c
    return third - first, first - third - second, second


def robertson_jacobian(state, parameters):
    (_, b, c), (k1, k2, k3) = state, parameters
    by_b = k3 * c + 2 * k2 * b
    return (-k1, k3 * c, k3 * b), (k1, -by_b, -k3 * b), (0.0, 2 * k2 * b, 0.0)


def log(*numbers: float) -> tuple[float, ...]:
    return tuple(float(x) for x in np.log(numbers))


PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem(
            name="sir",
            parameters=2,
            rates=sir,
            jacobian=sir_jacobian,
            initial=(762.0, 1.0, 0.0),
            times=tuple(float(day) for day in range(1, 15)),
            log_mean=log(1.5, 0.5),
            log_sd=0.5,
            stiff=False,
            absolute=(1.0, 1e-3),
        ),
        Problem(
            name="lotka-volterra",
            parameters=4,
            rates=lotka_volterra,
            jacobian=lotka_volterra_jacobian,
            initial=(30.0, 1.0),
            times=tuple(float(time) for time in range(1, 21)),
            log_mean=(-0.125, -3.0, -0.125, -3.0),
            log_sd=0.5,
            stiff=False,
            absolute=(1e-4, 1e-8),
        ),
        Problem(
            name="robertson",
            parameters=3,
            rates=robertson,
            jacobian=robertson_jacobian,
            initial=(1.0, 0.0, 0.0),
            times=(0.4, 4.0, 40.0, 400.0, 4_000.0, 40_000.0),
            log_mean=log(0.04, 3e7, 1e4),
            log_sd=0.3,
            stiff=True,
            absolute=(1.0, 1e-2, 1e-4),
        ),
    )
}


# An exact jump process: susceptible, infected and recovered among 1,000, on 30 days.
JUMPS = Simulated(
    name="sir-ssa",
    parameters=2,
    initial=(990.0, 10.0, 0.0),
    times=tuple(float(day) for day in range(1, 31)),
)


def jump_draws(count: int) -> np.ndarray:
    """Parameters of the jump process: count x (beta, gamma)."""
    generator = np.random.Generator(np.random.PCG64(1979))
    return np.exp(np.log([1.5, 0.5]) + 0.3 * generator.standard_normal((count, 2)))
