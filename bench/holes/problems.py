"""Responses along one variable whose peaks are known, as Python functions and as requests."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Problem:
    """`peaks` has a row for each resonance: position, full width, |y| there."""

    name: str
    request: dict
    range: tuple[float, float]
    tolerance: float
    peaks: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return evaluate(self.request, np.asarray(x, dtype=float))


def evaluate(request: dict, x: np.ndarray) -> np.ndarray:
    """The response at points: the same formulas as in `src/problem.rs`."""
    if request["kind"] == "fabry-perot":
        r = request["reflectivity"]
        return 1 / (1 + 4 * r / (1 - r) ** 2 * np.sin(x / 2) ** 2) + 0j
    y = request["background"] * (0.3 * np.sqrt(x + 0.2) + 0.1 * np.sin(4 * x)) + 0j
    for re, im, r_re, r_im in request["poles"]:
        y = y + (r_re + 1j * r_im) / (x - (re + 1j * im))
    return y


def oscillator(quality: float) -> Problem:
    """F / (w0^2 - w^2 + i w w0 / Q), F = 1, by its two poles."""
    w0 = 1.234
    root = w0 * np.sqrt(1 - 1 / (4 * quality**2))
    pole = root + 0.5j * w0 / quality
    other = -root + 0.5j * w0 / quality
    residue = -1 / (pole - other)
    poles = [
        [pole.real, pole.imag, residue.real, residue.imag],
        [other.real, other.imag, -residue.real, -residue.imag],
    ]
    request = {"kind": "poles", "poles": poles, "background": 0.0}
    at = w0 * np.sqrt(1 - 1 / (2 * quality**2))
    height = quality / (w0**2 * np.sqrt(1 - 1 / (4 * quality**2)))
    peaks = np.array([[at, w0 / quality, height]])
    return Problem(f"oscillator, Q = {quality:g}", request, (0.1, 3.0), 1e-8, peaks)


def breit_wigner(seed: int) -> Problem:
    """Twenty poles of widths 1e-5 to 1e-2, three close pairs among them, on a background that is not
    rational."""
    draw = np.random.default_rng(seed)
    poles = []
    for k in range(20):
        width = 10 ** draw.uniform(-5, -2)
        position = draw.uniform(0.02, 0.97)
        if k in (1, 3, 5):
            position = poles[-1][0] + 3 * abs(poles[-1][1]) + width
        residue = draw.uniform(0.5, 1.5) * 0.5 * width * np.exp(2j * np.pi * draw.uniform())
        poles.append([position, -width / 2, residue.real, residue.imag])
    request = {"kind": "poles", "poles": poles, "background": 1.0}
    at = np.array([p[0] for p in poles])
    widths = np.array([-2 * p[1] for p in poles])
    peaks = np.column_stack([at, widths, np.abs(evaluate(request, at))])
    return Problem("20 Breit-Wigner poles", request, (0.0, 1.0), 1e-9, peaks)


def fabry_perot() -> Problem:
    """Three transmission peaks of a resonator with mirrors of reflectivity .9999."""
    at = 2 * np.pi * np.arange(1, 4)
    width = 4 * np.arcsin((1 - 0.9999) / (2 * np.sqrt(0.9999)))
    peaks = np.column_stack([at, np.full(3, width), np.ones(3)])
    request = {"kind": "fabry-perot", "reflectivity": 0.9999}
    return Problem("Fabry-Perot, R = .9999", request, (2.0, 20.0), 1e-8, peaks)


def duffing_folds(damping: float, cubic: float, force: float, low: float, high: float) -> list[float]:
    """Where the discriminant of Duffing's cubic in A^2 changes its sign."""

    def discriminant(w: np.ndarray) -> np.ndarray:
        k, s = 0.75 * cubic, 1 - w * w
        p, q, r, t = k * k, 2 * k * s, s * s + (damping * w) ** 2, -(force**2)
        return (
            18 * p * q * r * t - 4 * q**3 * t + q * q * r * r - 4 * p * r**3 - 27 * (p * t) ** 2
        )

    w = np.linspace(low, high, 400_001)
    sign = np.sign(discriminant(w))
    return list(w[:-1][sign[:-1] != sign[1:]])
