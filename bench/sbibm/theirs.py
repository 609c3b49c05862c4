"""sbi's side: NPE with a neural spline flow and sbi's defaults, on the same simulations."""

import time
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


class Npe:
    """A trained posterior, and the seconds that training took."""

    def __init__(self, task: str, theta: np.ndarray, x: np.ndarray, seed: int):
        torch.manual_seed(seed)
        own_prior = prior(task)
        inference = NPE(own_prior, density_estimator="nsf", show_progress_bars=False)
        parameters, data = (torch.tensor(a, dtype=torch.float32) for a in (theta, x))
        began = time.perf_counter()
        estimator = inference.append_simulations(parameters, data).train()
        self.seconds = time.perf_counter() - began
        self.posterior = inference.build_posterior(estimator)

    def ask(self, x: np.ndarray) -> np.ndarray:
        """Draws (rows x parameters) given one observation."""
        data = torch.tensor(x, dtype=torch.float32)
        draws = self.posterior.sample((DRAWS,), x=data, show_progress_bars=False)
        return draws.numpy()


def simulations(path: Path, given: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and observed columns of an exported bank."""
    with np.load(path, allow_pickle=False) as bank:
        names = [n for n in bank.files if n not in ("simulation", "mechanism", "failure")]
        parameters = [n for n in names if n not in given]
        return (
            np.stack([bank[n] for n in parameters], axis=1),
            np.stack([bank[n] for n in given], axis=1),
        )
