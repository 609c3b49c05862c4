"""The tutorial's three epidemics in NumPy: all series of a mechanism at once, day by day."""

import numpy as np

N, DAYS, LATEST = 200_000, 128, 14


def simulate(count: int, seed: int) -> np.ndarray:
    """Reported cases: series x days, a third of the series by each mechanism."""
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(count, [1 / 3] * 3)
    return np.concatenate([of_mechanism(rng, kind, n) for kind, n in zip(("sir", "seir", "seair"), counts)])


def of_mechanism(rng: np.random.Generator, kind: str, n: int) -> np.ndarray:
    beta = rng.uniform(0.15, 0.5 if kind == "seair" else 0.45, n)
    gamma = rng.uniform(0.07, 0.25, n)
    sigma = rng.uniform(0.15, 0.5, n)
    silent = rng.uniform(0.2, 0.6, n) if kind == "seair" else np.zeros(n)
    infectious = np.floor(rng.uniform(5, 50, n))
    susceptible, latent, hidden = N - infectious, np.zeros(n), np.zeros(n)
    onsets = np.zeros((n, DAYS))
    for day in range(DAYS):
        infected = flow(rng, beta * susceptible * (infectious + hidden) / N, susceptible)
        recovered = flow(rng, gamma * infectious, infectious)
        susceptible -= infected
        infectious -= recovered
        if kind == "sir":
            shown = infected
        else:
            shown = flow(rng, (1 - silent) * sigma * latent, latent)
            unseen = flow(rng, silent * sigma * latent, latent - shown)
            healed = flow(rng, gamma * hidden, hidden)
            latent += infected - shown - unseen
            hidden += unseen - healed
        infectious += shown
        onsets[:, day] = shown
    return observe(rng, onsets)


def flow(rng: np.random.Generator, mean: np.ndarray, at_most: np.ndarray) -> np.ndarray:
    return np.minimum(rng.poisson(mean), at_most)


def observe(rng: np.random.Generator, onsets: np.ndarray) -> np.ndarray:
    """Reported with a Poisson delay, by a share, with over-dispersed noise."""
    n = len(onsets)
    reporting, delay = rng.uniform(0.5, 0.8, n), rng.uniform(1.5, 5, n)
    size = 1 / rng.uniform(0.01, 0.05, n)
    lags = np.arange(LATEST + 1)
    factorial = np.cumsum(np.log(np.maximum(lags, 1)))
    late = np.exp(-delay[:, None] + lags * np.log(delay)[:, None] - factorial)
    late /= late.sum(axis=1, keepdims=True)
    mean = np.zeros_like(onsets)
    for lag in lags:
        mean[:, lag:] += late[:, lag, None] * onsets[:, : DAYS - lag]
    mean *= reporting[:, None]
    rate = rng.gamma(size[:, None], np.maximum(mean, 1e-12) / size[:, None])
    return rng.poisson(rate)
