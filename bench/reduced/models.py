"""Reduced bases by pyMOR: POD of solutions, DEIM of the nonlinear part, Galerkin projection; and ways of
solving what comes out."""

import logging
import time
from dataclasses import dataclass

import numpy as np
from pymor.algorithms.ei import deim
from pymor.algorithms.pod import pod
from pymor.algorithms.timestepping import ImplicitEulerTimeStepper
from pymor.core.logger import set_log_levels
from pymor.models.basic import InstationaryModel
from pymor.operators.constructions import LincombOperator, VectorOperator
from pymor.operators.ei import EmpiricalInterpolatedOperator
from pymor.operators.interface import Operator
from pymor.operators.numpy import NumpyMatrixOperator
from pymor.parameters.functionals import ExpressionParameterFunctional, ProjectionParameterFunctional
from pymor.reductors.basic import InstationaryRBReductor
from pymor.vectorarrays.numpy import NumpyVectorSpace
from scipy.integrate import odeint, solve_ivp
from scipy.linalg import lu_solve

from reduced.equations import CELLS, Equation

set_log_levels({"pymor": logging.ERROR})


class Local(Operator):
    """Minus the nonlinear part, at some cells, of the values at the cells that it reads."""

    linear = False

    def __init__(self, equation: Equation, places: np.ndarray, read: np.ndarray):
        self.__auto_init(locals())
        self.source = NumpyVectorSpace(len(read))
        self.range = NumpyVectorSpace(len(places))
        self.parameters_own = {equation.parameters[1]: 1}
        where = {cell: k for k, cell in enumerate(read)}
        self.own, self.left, self.right = (
            np.array([where[cell] for cell in cells])
            for cells in (places, equation.left[places], equation.right[places])
        )

    def apply(self, U, mu=None):
        u = U.to_numpy()
        second = mu[self.equation.parameters[1]][0]
        flow = self.equation.local(u[self.own], u[self.left], u[self.right], second)
        return self.range.make_array(-flow)

    def jacobian(self, U, mu=None):
        u = U.to_numpy()[:, 0]
        second = mu[self.equation.parameters[1]][0]
        slopes = self.equation.slopes(u[self.own], u[self.left], u[self.right], second)
        matrix = np.zeros((self.range.dim, self.source.dim))
        rows = np.arange(self.range.dim)
        for column, slope in zip((self.own, self.left, self.right), slopes, strict=True):
            np.add.at(matrix, (rows, column), -slope)
        return NumpyMatrixOperator(matrix)

    def restricted(self, dofs):
        places = self.places[dofs]
        equation = self.equation
        cells = np.concatenate([places, equation.left[places], equation.right[places]])
        read = np.unique(cells)
        where = {cell: k for k, cell in enumerate(self.read)}
        return Local(equation, places, read), np.array([where[cell] for cell in read])


@dataclass
class Reduced:
    """A reduced model, and its matrices as plain arrays."""

    equation: Equation
    rom: InstationaryModel
    basis: np.ndarray
    seconds: float

    def __post_init__(self):
        linear, local = self.rom.operator.operators
        self.matrix = linear.matrix
        self.read = local.source_basis_dofs.to_numpy()
        self.restricted = local.restricted_operator
        projected = local.projected_collateral_basis.to_numpy()
        self.back = lu_solve(local.lu_factors, projected.T, trans=1).T
        operator = self.restricted
        self.places = operator.own, operator.left, operator.right

    def start(self, parameters: np.ndarray) -> np.ndarray:
        return self.basis.T @ self.equation.initial(parameters)

    def mu(self, parameters: np.ndarray):
        return self.rom.parameters.parse(dict(zip(self.equation.parameters, parameters, strict=True)))

    def by_pymor(self, parameters: np.ndarray, steps: int) -> np.ndarray:
        """pyMOR's own implicit Euler."""
        times = self.equation.times
        model = self.rom.with_(time_stepper=ImplicitEulerTimeStepper(steps))
        found = model.solve(self.mu(parameters)).to_numpy()
        at = np.rint(times / times[-1] * steps).astype(int)
        return (self.basis @ found[:, at]).T

    def by_operator(self, parameters: np.ndarray, method: str, tolerance: float) -> np.ndarray:
        """SciPy's solver on pyMOR's reduced operator."""
        mu, operator, space = self.mu(parameters), self.rom.operator, self.rom.solution_space
        times = self.equation.times

        def rate(_, a):
            return -operator.apply(space.make_array(a), mu=mu).to_numpy()[:, 0]

        return self.solved(rate, None, parameters, times, method, tolerance)

    def by_arrays(self, parameters: np.ndarray, method: str, tolerance: float) -> np.ndarray:
        """SciPy's solver on the same operator, its matrices taken out of pyMOR."""
        equation, (own, left, right) = self.equation, self.places
        second = parameters[1]
        matrix = equation.coefficient(parameters) * self.matrix
        read, back = self.read, self.back

        def rate(_, a):
            u = read @ a
            return matrix @ a + back @ equation.local(u[own], u[left], u[right], second)

        def jacobian(_, a):
            u = read @ a
            slopes = equation.slopes(u[own], u[left], u[right], second)
            rows = slopes[0][:, None] * read[own] + slopes[1][:, None] * read[left]
            return matrix + back @ (rows + slopes[2][:, None] * read[right])

        return self.solved(rate, jacobian, parameters, equation.times, method, tolerance)

    def solved(self, rate, jacobian, parameters, times, method, tolerance) -> np.ndarray:
        start = self.start(parameters)
        if method == "odeint":
            asked = np.concatenate([[0.0], times])
            found = odeint(
                rate, start, asked, Dfun=jacobian, tfirst=True, rtol=tolerance, atol=1e-2 * tolerance
            )
            return found[1:] @ self.basis.T
        found = solve_ivp(
            rate,
            (0.0, times[-1]),
            start,
            method=method,
            t_eval=times,
            jac=jacobian,
            rtol=tolerance,
            atol=1e-2 * tolerance,
        )
        return (self.basis @ found.y).T


def compressed(snapshots: np.ndarray) -> np.ndarray:
    """No more snapshots than cells, of the same modes and singular values: pyMOR makes thousands orthogonal one by one."""
    modes, values, _ = np.linalg.svd(snapshots, full_matrices=False)
    return modes * values


def reduce(
    equation: Equation, bank: np.ndarray, solutions: np.ndarray, modes: int, points: int
) -> Reduced:
    """The reduced model of a bank: its parameters, and its solutions as (row, time, cell)."""
    began = time.perf_counter()
    space = NumpyVectorSpace(CELLS)
    snapshots = space.make_array(compressed(solutions.reshape(-1, CELLS).T))
    seconds = np.repeat(bank[:, 1], solutions.shape[1])
    u = solutions.reshape(-1, CELLS)
    flows = equation.local(u, u[:, equation.left], u[:, equation.right], seconds[:, None])
    basis, _ = pod(snapshots, modes=modes, rtol=0, orth_tol=1e-12, method="qr_svd")
    dofs, collateral, _ = deim(
        space.make_array(compressed(flows.T)), modes=points, rtol=0, pod_options={"method": "qr_svd"}
    )
    everywhere = np.arange(CELLS)
    local = EmpiricalInterpolatedOperator(
        Local(equation, everywhere, everywhere), dofs, collateral, triangular=False
    )
    first, second = equation.parameters
    start = equation.initial(np.ones(2))
    start = VectorOperator(space.make_array(start))
    if equation.initial_scales:
        start = LincombOperator([start], [ProjectionParameterFunctional(second)])
    model = InstationaryModel(
        T=equation.times[-1],
        initial_data=start,
        operator=LincombOperator(
            [NumpyMatrixOperator(equation.linear), local],
            [ExpressionParameterFunctional(f"-{first}[0]", {first: 1}), 1.0],
        ),
        rhs=None,
        time_stepper=ImplicitEulerTimeStepper(100),
    )
    rom = InstationaryRBReductor(model, RB=basis).reduce()
    return Reduced(equation, rom, basis.to_numpy(), time.perf_counter() - began)
