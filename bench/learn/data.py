"""The simulations on which both sides are trained and tested: 5 parameters, 8 numbers observed.

A two-sided nonlinear Gaussian after Papamakarios, Sterratt & Murray (2019): four draws from a
Gaussian in the plane whose mean is (theta1, theta2), whose standard deviations are 0.1 + theta3^2
and 0.1 + theta4^2, and whose correlation is tanh(theta5). The signs of theta3 and theta4 cannot be
seen: the posterior has four modes.
"""

from pathlib import Path

import numpy as np


def write(path: Path, rows: int, seed: int) -> None:
    """Writes `rows` rows of 5 parameters, all normal, and 8 observed numbers, as f64."""
    generator = np.random.Generator(np.random.PCG64(seed))
    theta = generator.standard_normal((rows, 5))
    sd1, sd2 = 0.1 + theta[:, 2:3] ** 2, 0.1 + theta[:, 3:4] ** 2
    correlation = np.tanh(theta[:, 4:5])
    noise = generator.standard_normal((rows, 2, 4))
    first = theta[:, 0:1] + sd1 * noise[:, 0]
    mixed = correlation * noise[:, 0] + np.sqrt(1 - correlation**2) * noise[:, 1]
    second = theta[:, 1:2] + sd2 * mixed
    observed = np.stack((first, second), axis=2).reshape(rows, 8)
    np.concatenate((theta, observed), axis=1).tofile(path)
