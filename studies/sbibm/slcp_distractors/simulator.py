"""SLCP with distractors, as a worker: a request a line on standard input, an answer a line back."""

import json
import sys

import numpy as np

POINTS, NOISE, PARTS = 4, 92, 20


def fixed_noise():
    """The mixture of multivariate t distributions and the order of the columns, fixed once for all."""
    draw = np.random.RandomState(42)
    centres = np.array([15 * draw.normal(size=NOISE) for _ in range(PARTS)])
    scales = 3 * np.array(
        [
            np.tril(draw.normal(size=(NOISE, NOISE))) + np.diag(np.exp(draw.normal(size=NOISE)))
            for _ in range(PARTS)
        ]
    )
    return centres, scales, draw.permutation(2 * POINTS + NOISE)


def simulate(draw, theta):
    z, w = draw.normal(size=(2, POINTS))
    rho = np.tanh(theta["theta_5"])
    points = np.empty((POINTS, 2))
    points[:, 0] = theta["theta_1"] + theta["theta_3"] ** 2 * z
    points[:, 1] = theta["theta_2"] + theta["theta_4"] ** 2 * (rho * z + np.sqrt(1 - rho**2) * w)
    part = draw.integers(PARTS)
    t = draw.normal(size=NOISE) / np.sqrt(draw.chisquare(2) / 2)
    noise = CENTRES[part] + SCALES[part] @ t
    return np.concatenate([points.ravel(), noise])[ORDER]


CENTRES, SCALES, ORDER = fixed_noise()
for line in sys.stdin:
    request = json.loads(line)
    data = simulate(np.random.default_rng(request["seed"]), request["parameters"])
    print(json.dumps({"id": request["id"], "observed": {"data": data.tolist()}}), flush=True)
