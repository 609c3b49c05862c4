"""Five problems that emulators are shown on: a Latin hypercube of each, and fresh points with their truth."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.stats import qmc

FRESH = 2000
SEED = 20261126


@dataclass(frozen=True)
class Problem:
    """A box of inputs, and outputs of many points at once."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    solve: Callable[[np.ndarray], np.ndarray]

    def bank(self, rows: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        """A Latin hypercube; each number has its own."""
        seed = [SEED, rows, number] if number else [SEED, rows]
        sampler = qmc.LatinHypercube(len(self.low), rng=np.random.default_rng(seed))
        inputs = qmc.scale(sampler.random(rows), self.low, self.high)
        return inputs, self.solve(inputs)

    def fresh(self) -> tuple[np.ndarray, np.ndarray]:
        """Uniform points that nobody is fitted on."""
        inputs = np.random.default_rng(SEED).uniform(self.low, self.high, (FRESH, len(self.low)))
        return inputs, self.solve(inputs)


def borehole(x: np.ndarray) -> np.ndarray:
    """Flow of water through a borehole (Morris, Mitchell & Ylvisaker 1993); SMT's `WaterFlow`."""
    rw, r, tu, hu, tl, hl, length, k = x.T
    log = np.log(r / rw)
    flow = 2 * np.pi * tu * (hu - hl) / (log * (1 + 2 * length * tu / (log * rw**2 * k) + tu / tl))
    return flow[:, None]


def ishigami(x: np.ndarray) -> np.ndarray:
    """Ishigami & Homma (1990), a = 7 and b = 0.1."""
    a, b, c = x.T
    return (np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a))[:, None]


def wing(x: np.ndarray) -> np.ndarray:
    """Weight of a light aircraft's wing (Forrester, Sobester & Keane 2008); SMT's `WingWeight`."""
    area, fuel, aspect, sweep, pressure, taper, thickness, load, weight, paint = x.T
    cosine = np.cos(np.radians(sweep))
    total = 0.036 * area**0.758 * fuel**0.0035 * (aspect / cosine**2) ** 0.6 * pressure**0.006
    total *= taper**0.04 * (100 * thickness / cosine) ** -0.3 * (load * weight) ** 0.49
    return (total + area * paint)[:, None]


def projectile(x: np.ndarray) -> np.ndarray:
    """How far a projectile flies against drag; autoemulate's `Projectile` (inputs log10 drag, speed)."""
    return np.array([[distance(10.0**c, speed)] for c, speed in x])


def distance(drag: float, speed: float) -> float:
    def slopes(_, y):
        fast = np.hypot(y[0], y[1])
        return [-drag * y[0] * fast, -9.8 - drag * y[1] * fast, y[0], y[1]]

    def ground(_, y):
        return y[3]

    ground.terminal = True
    start = [speed / np.sqrt(2), speed / np.sqrt(2), 0.0, 2.0]
    solved = solve_ivp(slopes, (0, 1e4), start, "DOP853", events=ground, rtol=1e-9, atol=1e-9)
    return solved.y_events[0][0][2]


SIDE, LENGTH, END, STEPS = 16, 20.0, 4.0, 100


def reaction_diffusion(x: np.ndarray) -> np.ndarray:
    """Spiral waves: both fields at time 4 on 16 x 16 cells; autoemulate's `ReactionDiffusion`, coarser."""
    beta, d = (x[:, k, None, None] for k in range(2))
    line = np.linspace(-LENGTH / 2, LENGTH / 2, SIDE + 1)[:SIDE]
    across, up = np.meshgrid(line, line)
    radius, angle = np.hypot(across, up), np.angle(across + 1j * up)
    wave = 2 * np.pi / LENGTH * np.fft.fftfreq(SIDE, 1 / SIDE)
    square = wave[:, None] ** 2 + wave[None, :] ** 2
    shape = (len(x), SIDE, SIDE)
    u = np.broadcast_to(np.tanh(radius) * np.cos(angle - radius), shape)
    v = np.broadcast_to(np.tanh(radius) * np.sin(angle - radius), shape)

    def laplace(field):
        return np.fft.irfft2(-square[:, : SIDE // 2 + 1] * np.fft.rfft2(field), s=(SIDE, SIDE))

    def slopes(u, v):
        a = u * u + v * v
        return (1 - a) * u + beta * a * v + d * laplace(u), (1 - a) * v - beta * a * u + d * laplace(v)

    h = END / STEPS
    for _ in range(STEPS):
        one = slopes(u, v)
        two = slopes(u + h / 2 * one[0], v + h / 2 * one[1])
        three = slopes(u + h / 2 * two[0], v + h / 2 * two[1])
        four = slopes(u + h * three[0], v + h * three[1])
        u, v = (
            field + h / 6 * (a + 2 * b + 2 * c + e)
            for field, a, b, c, e in zip((u, v), one, two, three, four, strict=True)
        )
    return np.concatenate([u.reshape(len(x), -1), v.reshape(len(x), -1)], axis=1)


PROBLEMS = {
    "borehole": Problem(
        (0.05, 100, 63070, 990, 63.1, 700, 1120, 9855),
        (0.15, 50000, 115600, 1110, 116, 820, 1680, 12045),
        borehole,
    ),
    "ishigami": Problem((-np.pi,) * 3, (np.pi,) * 3, ishigami),
    "wing-weight": Problem(
        (150, 220, 6, -10, 16, 0.5, 0.08, 2.5, 1700, 0.025),
        (200, 300, 10, 10, 45, 1, 0.18, 6, 2500, 0.08),
        wing,
    ),
    "projectile": Problem((-5, 0), (1, 1000), projectile),
    "reaction-diffusion": Problem((1, 0.05), (2, 0.3), reaction_diffusion),
}
