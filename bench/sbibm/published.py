"""Published C2ST, means over the ten observations, at 1,000, 10,000 and 100,000 simulations.

From the results of Lueckmann et al. 2021 (repository sbi-benchmark/results, MIT licence); the
Gaussian mixture from the rerun with the corrected task.
"""

TASKS = {
    "gaussian_linear": {
        "NPE": (0.694, 0.552, 0.506),
        "NLE": (0.650, 0.555, 0.515),
        "NRE": (0.672, 0.560, 0.536),
    },
    "gaussian_linear_uniform": {
        "NPE": (0.696, 0.553, 0.509),
        "NLE": (0.723, 0.548, 0.506),
        "NRE": (0.788, 0.706, 0.631),
    },
    "gaussian_mixture": {
        "NPE": (0.716, 0.615, 0.548),
        "NLE": (0.740, 0.723, 0.690),
        "NRE": (0.777, 0.748, 0.735),
    },
    "two_moons": {
        "NPE": (0.725, 0.606, 0.542),
        "NLE": (0.773, 0.713, 0.668),
        "NRE": (0.822, 0.761, 0.629),
    },
    "slcp": {
        "NPE": (0.975, 0.901, 0.831),
        "NLE": (0.946, 0.771, 0.699),
        "NRE": (0.972, 0.947, 0.919),
    },
    "slcp_distractors": {
        "NPE": (0.982, 0.970, 0.863),
        "NLE": (0.987, 0.961, 0.905),
        "NRE": (0.980, 0.968, 0.953),
    },
    "bernoulli_glm": {
        "NPE": (0.863, 0.678, 0.559),
        "NLE": (0.740, 0.605, 0.545),
        "NRE": (0.899, 0.812, 0.751),
    },
    "bernoulli_glm_raw": {
        "NPE": (0.900, 0.765, 0.607),
        "NLE": (0.870, 0.939, 0.951),
        "NRE": (0.915, 0.834, 0.777),
    },
    "sir": {
        "NPE": (0.815, 0.680, 0.585),
        "NLE": (0.761, 0.748, 0.730),
        "NRE": (0.841, 0.770, 0.690),
    },
    "lotka_volterra": {
        "NPE": (0.999, 0.997, 0.981),
        "NLE": (0.994, 0.956, 0.952),
        "NRE": (1.0, 0.998, 0.996),
    },
}
SIMULATIONS = (1_000, 10_000, 100_000)
# A mean may be this much above published NPE, by chance.
SLACK = 0.005


def npe(task: str, simulations: int) -> float | None:
    """Published NPE at so many simulations; None where nothing was published."""
    if simulations not in SIMULATIONS:
        return None
    return TASKS[task]["NPE"][SIMULATIONS.index(simulations)]


def best(task: str, simulations: int) -> float | None:
    """The best published amortized figure (NPE, NLE, NRE)."""
    if simulations not in SIMULATIONS:
        return None
    place = SIMULATIONS.index(simulations)
    return min(figures[place] for figures in TASKS[task].values())
