"""Other ways to spend the same solves. Each gives candidate peaks: rows of position and |y|."""

import warnings

import adaptive
import numpy as np
from holes.problems import Problem
from scipy.interpolate import AAA
from scipy.stats import qmc
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern
from scipy.stats import norm


def uniform(problem: Problem, solves: int, seed: int) -> np.ndarray:
    """Equally spaced points."""
    return np.linspace(*problem.range, solves)


def sobol(problem: Problem, solves: int, seed: int) -> np.ndarray:
    """A scrambled Sobol sequence."""
    low, high = problem.range
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        unit = qmc.Sobol(1, seed=seed).random(solves)[:, 0]
    return np.sort(low + (high - low) * unit)


def python_adaptive(problem: Problem, solves: int, seed: int) -> np.ndarray:
    """python-adaptive's Learner1D on |y|, by its curvature loss."""
    loss = adaptive.learner.learner1D.curvature_loss_function()
    learner = adaptive.Learner1D(
        lambda x: float(np.abs(problem(x))), bounds=problem.range, loss_per_interval=loss
    )
    adaptive.runner.simple(learner, npoints_goal=solves)
    return np.array(sorted(learner.data))


def expected_improvement(problem: Problem, solves: int, seed: int) -> np.ndarray:
    """A Gaussian process on log |y| (Matern 5/2), its length scale fitted at every tenth solve, and
    the largest expected improvement among 2,000 fresh points."""
    draw = np.random.default_rng(seed)
    low, high = problem.range
    x = sobol(problem, 16, seed)
    kernel = Matern(0.1, (1e-5, 10), nu=2.5)
    while len(x) < solves:
        y = np.log(np.abs(problem(x)))
        y = (y - y.mean()) / y.std()
        fit = len(x) % 10 == 6
        process = GaussianProcessRegressor(
            kernel, alpha=1e-8, optimizer="fmin_l_bfgs_b" if fit else None
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit(((x - low) / (high - low))[:, None], y)
        kernel = process.kernel_
        tried = draw.uniform(size=2000)
        mean, sd = process.predict(tried[:, None], return_std=True)
        z = (mean - y.max()) / np.maximum(sd, 1e-12)
        gain = (mean - y.max()) * norm.cdf(z) + sd * norm.pdf(z)
        x = np.append(x, low + (high - low) * tried[np.argmax(gain)])
    return np.sort(x)


def maxima(problem: Problem, x: np.ndarray) -> np.ndarray:
    """Local maxima of |y| over samples."""
    y = np.abs(problem(x))
    inside = (y[1:-1] >= y[:-2]) & (y[1:-1] >= y[2:])
    return np.column_stack([x[1:-1][inside], y[1:-1][inside]])


def aaa(problem: Problem, x: np.ndarray) -> np.ndarray:
    """Poles of SciPy's AAA with a width below a tenth of the range; |y| is the fit's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = AAA(x, problem(x), max_terms=min(150, len(x) // 2))
        poles = fit.poles()
    low, high = problem.range
    narrow = np.abs(poles.imag) < 0.05 * (high - low)
    poles = poles[narrow & (poles.real > low) & (poles.real < high)]
    return np.column_stack([poles.real, np.abs(fit(poles.real))])


PEERS = {
    "uniform": (uniform, maxima),
    "Sobol": (sobol, maxima),
    "python-adaptive": (python_adaptive, maxima),
    "GP + EI": (expected_improvement, maxima),
    "SciPy AAA, uniform": (uniform, aaa),
    "SciPy AAA, Sobol": (sobol, aaa),
}
