"""sbi's side: NPE with a neural spline flow and sbi's defaults, on the same simulations."""

import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from sbi.inference import NPE
from sbi.utils import BoxUniform, MultipleIndependent
from torch.distributions import LogNormal

DRAWS = 10_000


def prior(task: str):
    """The task's prior, for the tasks whose wall time is compared."""
    if task == "sir":
        means, sds = (np.log(0.4), np.log(0.125)), (0.5, 0.2)
        one = lambda mean, sd: LogNormal(torch.tensor([mean]), torch.tensor([sd]))  # noqa: E731
        return MultipleIndependent([one(m, s) for m, s in zip(means, sds, strict=True)])
    bound = {"two_moons": 1.0, "gaussian_mixture": 10.0, "slcp": 3.0}[task]
    count = 5 if task == "slcp" else 2
    return BoxUniform(-bound * torch.ones(count), bound * torch.ones(count))


def npe(task: str, theta: np.ndarray, x: np.ndarray, asked: list[np.ndarray], seed: int) -> dict:
    """Trains a posterior and asks it, in a process of its own: seconds of training, peak memory in
    bytes, and draws (rows x parameters) for each of the `asked` observations."""
    own = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=own) as pool:
        return pool.submit(trained, task, theta, x, asked, seed).result()


def trained(task: str, theta: np.ndarray, x: np.ndarray, asked: list[np.ndarray], seed: int) -> dict:
    torch.manual_seed(seed)
    own_prior = prior(task)
    inference = NPE(own_prior, density_estimator="nsf", show_progress_bars=False)
    tensor = lambda array: torch.tensor(array, dtype=torch.float32)  # noqa: E731
    began = time.perf_counter()
    estimator = inference.append_simulations(tensor(theta), tensor(x)).train()
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    posterior = inference.build_posterior(estimator)
    draws = [
        posterior.sample((DRAWS,), x=tensor(data), show_progress_bars=False).numpy()
        for data in asked
    ]
    return {"seconds": seconds, "memory": memory, "draws": draws}


def simulations(path: Path, given: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and observed columns of an exported bank."""
    with np.load(path, allow_pickle=False) as bank:
        names = [n for n in bank.files if n not in ("simulation", "mechanism", "failure")]
        parameters = [n for n in names if n not in given]
        return (
            np.stack([bank[n] for n in parameters], axis=1),
            np.stack([bank[n] for n in given], axis=1),
        )
