"""Exact posteriors in closed form, sampled with NumPy alone: the floor of the score."""

import math

import numpy as np

COUNT = 10_000


def gaussian_linear(x: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Prior N(0, 0.1), noise N(0, 0.1): posterior N(x / 2, 0.05)."""
    return draw.normal(x / 2, math.sqrt(0.05), size=(COUNT, len(x)))


def gaussian_linear_uniform(x: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """N(x, 0.1), cut off at -1 and 1."""
    return accepted(
        lambda: draw.normal(x, math.sqrt(0.1), size=(COUNT, len(x))),
        lambda theta: np.abs(theta) < 1,
        columns=True,
    )


def gaussian_mixture(x: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Half N(x, 1), half N(x, 0.01), cut off at -10 and 10."""

    def proposed() -> np.ndarray:
        sd = np.where(draw.random(COUNT) < 0.5, 1.0, 0.1)
        return x + sd[:, None] * draw.normal(size=(COUNT, 2))

    return accepted(proposed, lambda theta: np.abs(theta) < 10)


def two_moons(x: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """The crescent taken back through the fold, with either sign."""

    def proposed() -> np.ndarray:
        angle = draw.uniform(-math.pi / 2, math.pi / 2, COUNT)
        radius = draw.normal(0.1, 0.01, COUNT)
        # fold = |theta1 + theta2| / sqrt 2, turn = (theta2 - theta1) / sqrt 2
        fold = radius * np.cos(angle) + 0.25 - x[0]
        turn = x[1] - radius * np.sin(angle)
        sign = np.where(draw.random(COUNT) < 0.5, 1.0, -1.0)
        theta = np.stack([sign * fold - turn, sign * fold + turn], axis=1) / math.sqrt(2)
        return theta[fold >= 0]

    return accepted(proposed, lambda theta: np.abs(theta) < 1)


def accepted(proposed, inside, columns: bool = False) -> np.ndarray:
    """`COUNT` proposals inside the prior; column by column where the columns are independent."""
    if columns:
        theta = proposed()
        while not inside(theta).all():
            theta = np.where(inside(theta), theta, proposed())
        return theta
    rows: list[np.ndarray] = []
    while sum(map(len, rows)) < COUNT:
        theta = proposed()
        rows.append(theta[inside(theta).all(axis=1)])
    return np.concatenate(rows)[:COUNT]


SAMPLERS = {
    "gaussian_linear": gaussian_linear,
    "gaussian_linear_uniform": gaussian_linear_uniform,
    "gaussian_mixture": gaussian_mixture,
    "two_moons": two_moons,
}


def draws(task: str, x: np.ndarray, seed: int) -> np.ndarray | None:
    """10,000 draws of the exact posterior given `x`; None for a task without a closed form."""
    sampler = SAMPLERS.get(task)
    return sampler and sampler(x, np.random.default_rng(seed))
