"""The equations of studies/emulators/burgers and allen-cahn, on the same cells, for SciPy and pyMOR."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from scipy.integrate import solve_ivp

CELLS = 128


@dataclass(frozen=True)
class Equation:
    """du/dt = coefficient(parameters) * linear @ u + local(u, left, right; second parameter)."""

    study: str
    parameters: tuple[str, str]
    times: np.ndarray
    linear: sparse.csr_matrix
    coefficient: Callable[[np.ndarray], float]
    # Of a cell's own value, its left and right neighbours', and the second parameter.
    local: Callable
    # The same differentiated by own, left, right.
    slopes: Callable
    left: np.ndarray
    right: np.ndarray
    initial: Callable[[np.ndarray], np.ndarray]
    # Whether the start is the second parameter times a vector.
    initial_scales: bool

    def rate(self, u: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        flow = self.local(u, u[self.left], u[self.right], parameters[1])
        return self.coefficient(parameters) * (self.linear @ u) + flow

    def jacobian(self, u: np.ndarray, parameters: np.ndarray) -> sparse.csc_matrix:
        own, left, right = self.slopes(u, u[self.left], u[self.right], parameters[1])
        rows = np.arange(CELLS)
        matrix = self.coefficient(parameters) * self.linear
        for column, slope in ((rows, own), (self.left, left), (self.right, right)):
            matrix = matrix + sparse.csr_matrix((slope, (rows, column)), shape=(CELLS, CELLS))
        return matrix.tocsc()

    def solve(self, parameters: np.ndarray, times: np.ndarray, tolerance: float) -> np.ndarray:
        """Solutions at `times`, a row each, by SciPy's Radau."""
        found = solve_ivp(
            lambda _, u: self.rate(u, parameters),
            (0.0, times[-1]),
            self.initial(parameters),
            method="Radau",
            t_eval=times,
            jac=lambda _, u: self.jacobian(u, parameters),
            rtol=tolerance,
            atol=1e-2 * tolerance,
        )
        if not found.success:
            raise RuntimeError(found.message)
        return found.y.T


def second_difference(dx: float, periodic: bool) -> sparse.csr_matrix:
    matrix = sparse.diags([1.0, -2.0, 1.0], [-1, 0, 1], shape=(CELLS, CELLS), format="lil")
    if periodic:
        matrix[0, -1] = matrix[-1, 0] = 1.0
    else:
        matrix[0, 0] = matrix[-1, -1] = -1.0
    return (matrix / dx**2).tocsr()


def burgers() -> Equation:
    dx = 1.0 / CELLS
    x = (np.arange(CELLS) + 0.5) * dx
    own = np.arange(CELLS)
    return Equation(
        study="burgers",
        parameters=("nu", "height"),
        times=np.arange(1, 6) / 10,
        linear=second_difference(dx, periodic=True),
        coefficient=lambda parameters: parameters[0],
        local=lambda u, left, right, _: -(right**2 - left**2) / (4 * dx),
        slopes=lambda u, left, right, _: (0 * u, left / (2 * dx), -right / (2 * dx)),
        left=np.roll(own, 1),
        right=np.roll(own, -1),
        initial=lambda parameters: parameters[1] * np.sin(2 * np.pi * x),
        initial_scales=True,
    )


def allen_cahn() -> Equation:
    dx = 20.0 / CELLS
    x = (np.arange(CELLS) + 0.5) * dx
    own = np.arange(CELLS)
    return Equation(
        study="allen-cahn",
        parameters=("D", "bias"),
        times=np.arange(1, 6) * 1.0,
        linear=second_difference(dx, periodic=False),
        coefficient=lambda parameters: parameters[0],
        local=lambda u, left, right, bias: (u + bias) * (1 - u**2),
        slopes=lambda u, left, right, bias: (1 - u**2 - 2 * u * (u + bias), 0 * u, 0 * u),
        left=own,
        right=own,
        initial=lambda _: -np.tanh(x - 10),
        initial_scales=False,
    )


EQUATIONS = {"burgers": burgers, "allen-cahn": allen_cahn}
