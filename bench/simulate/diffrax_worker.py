"""A worker that times diffrax, vmapped over 1,000 simulations: Tsit5, or Kvaerno5 where stiff.

Compilation is not timed. Tolerances are arguments of the compiled function, so that a search over
them compiles nothing.
"""

import functools
import time

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from simulate.problems import PROBLEMS
from worker import serve

jax.config.update("jax_enable_x64", True)
BATCH = 1000


@functools.cache
def compiled(work: str):
    problem = PROBLEMS[work]
    times = jnp.asarray(problem.times)
    term = diffrax.ODETerm(lambda _, state, p: jnp.stack(problem.rates(state, p)))

    def solve(parameters, relative, absolute):
        controller = diffrax.PIDController(rtol=relative, atol=absolute)
        if problem.stiff:
            # The interpolant of Kvaerno5 is of 3rd order: steps that end at the times do better.
            controller = diffrax.ClipStepSizeController(controller, step_ts=times)
        found = diffrax.diffeqsolve(
            term,
            diffrax.Kvaerno5() if problem.stiff else diffrax.Tsit5(),
            t0=0.0,
            t1=problem.times[-1],
            dt0=None,
            y0=jnp.asarray(problem.initial),
            args=parameters,
            saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=controller,
            # Nothing is differentiated: the plain loop is the fastest.
            adjoint=diffrax.ForwardMode(),
            max_steps=4096,  # its default; one lane that needs more would stop them all
            throw=False,
        )
        return jnp.where(found.result == diffrax.RESULTS.successful, found.ys, jnp.nan)

    batched = jax.jit(jax.vmap(solve, in_axes=(0, None, None)))
    rows = jnp.asarray(problem.draws(BATCH))
    batched(rows, 1e-3, 1e-3 * problem.absolute[0]).block_until_ready()
    return batched


def run(engine, work, draws, count, relative, absolute, output=None, first=0, **_):
    problem = PROBLEMS[work]
    if count % BATCH:
        raise ValueError(f"{engine} runs {BATCH} simulations at a time, not {count}")
    rows = np.fromfile(draws).reshape(-1, problem.parameters)[first : first + count]
    batches = [jnp.asarray(batch) for batch in rows.reshape(-1, BATCH, rows.shape[1])]
    simulate = compiled(work)
    start = time.perf_counter()
    found = [simulate(batch, relative, absolute).block_until_ready() for batch in batches]
    seconds = time.perf_counter() - start
    states = np.concatenate(found)
    if output:
        states.tofile(output)
    return {"seconds": seconds, "failures": int(np.isnan(states).any(axis=(1, 2)).sum())}


if __name__ == "__main__":
    serve(run)
