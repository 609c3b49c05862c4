"""A worker that times PyTorch: steps per second of the workloads in every variant it has, sbi's own
training loop, draws per second, and the held-out log-probability that sbi reaches."""

import contextlib
import functools
import io
import os
import time
import warnings

import numpy as np
import torch
from sbi.inference import NPE
from sbi.neural_nets import posterior_nn
from torch import nn

from worker import serve

warnings.filterwarnings("ignore")
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
BATCHES = 20


def mlp(widths: list[int], activation) -> nn.Module:
    layers = []
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def smooth(rows: int, given: int, predict: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Given numbers are normal; targets are smooth functions of them with noise."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(rows, given, generator=generator)
    column = torch.arange(predict)
    mixed = x[:, column % given] + 0.5 * x[:, (column + 1) % given]
    return x, torch.sin(mixed) + 0.3 * torch.randn(rows, predict, generator=generator)


def workload(name: str):
    """A network, its loss and its batches."""
    torch.manual_seed(1)
    given, predict, batch = {"W1": (3, 2, 256), "W2": (10, 10, 1024), "W3": (8, 5, 200)}[name]
    x, y = smooth(batch * BATCHES, given, predict)
    if name == "W3":
        network = posterior_nn("nsf")(y, x)

        def loss(x, y):
            return network.loss(y, condition=x).mean()
    else:
        if name == "W1":
            network = mlp([3, 16, 32, 32, 16, 2], nn.Tanh)
        else:
            network = mlp([10, 256, 256, 256, 10], nn.ReLU)

        def loss(x, y):
            return nn.functional.mse_loss(network(x), y)

    return network, loss, list(zip(x.split(batch), y.split(batch), strict=True))


VARIANTS = {
    "eager, foreach Adam": (False, {"foreach": True}),
    "eager, fused Adam": (False, {"fused": True}),
    "compiled, fused Adam": (True, {"fused": True}),
}


@functools.cache
def trainer(work: str, variant: str):
    """A step, warmed up (and compiled), and its number of weights."""
    compiled, options = VARIANTS[variant]
    network, loss, batches = workload(work)
    if compiled:
        loss = torch.compile(loss)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, **options)

    def step(number: int) -> None:
        x, y = batches[number % BATCHES]
        optimizer.zero_grad(set_to_none=True)
        loss(x, y).backward()
        optimizer.step()

    for number in range(3):
        step(number)
    return step, sum(weights.numel() for weights in network.parameters())


def steps(work: str, variant: str, seconds: float) -> dict:
    """Steps on batches that lie ready: nothing is gathered, nothing is validated."""
    step, weights = trainer(work, variant)
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        step(done)
        done += 1
    return {"seconds": time.perf_counter() - start, "steps": done, "parameters": weights}


def sbi_train(theta, x, epochs: int, seed: int, learning_rate: float | None = None):
    """The estimator, its number of steps and the seconds of sbi's `train()`."""
    torch.manual_seed(seed)
    prior = torch.distributions.MultivariateNormal(torch.zeros(5), torch.eye(5))
    inference = NPE(prior, density_estimator=posterior_nn("nsf"), show_progress_bars=False)
    inference.append_simulations(theta, x)
    options = {} if learning_rate is None else {"learning_rate": learning_rate}
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        estimator = inference.train(
            training_batch_size=200,
            max_num_epochs=epochs - 1,  # sbi 0.27 trains one epoch more than it is told
            stop_after_epochs=2 * epochs,
            **options,
        )
    seconds = time.perf_counter() - start
    ran = inference.summary["epochs_trained"][-1]
    return estimator, ran * (int(0.9 * len(theta)) // 200), seconds


def train_loop(rows: int, epochs: int) -> dict:
    """sbi's `train()` with its own data loaders and validation."""
    x, theta = smooth(rows, 8, 5)
    estimator, done, seconds = sbi_train(theta, x, epochs, 1)
    weights = sum(each.numel() for each in estimator.parameters())
    return {"seconds": seconds, "steps": done, "parameters": weights}


def quality(data: str, train: int, epochs: int, seed: int, learning_rate: float | None) -> dict:
    """Mean held-out log-probability of sbi's flow."""
    rows = torch.from_numpy(np.fromfile(data).reshape(-1, 13)).float()
    theta, x = rows[:, :5], rows[:, 5:]
    estimator, done, seconds = sbi_train(theta[:train], x[:train], epochs, seed, learning_rate)
    with torch.no_grad():
        log_density = estimator.log_prob(theta[train:].unsqueeze(0), condition=x[train:])
    weights = sum(each.numel() for each in estimator.parameters())
    mean = log_density.double().mean().item()
    return {"log_density": mean, "steps": done, "parameters": weights, "seconds": seconds}


@functools.cache
def estimator():
    """sbi's flow for W3, as it is built."""
    x, theta = smooth(2000, 8, 5)
    return posterior_nn("nsf")(theta, x), x


def draws(observations: int, draws: int) -> dict:
    """Draws for each of some observations, until two seconds are over."""
    flow, x = estimator()
    done = 0
    with torch.no_grad():
        flow.sample((draws,), condition=x[:observations])
        start = time.perf_counter()
        while time.perf_counter() - start < 2.0:
            flow.sample((draws,), condition=x[:observations])
            done += draws * observations
    return {"seconds": time.perf_counter() - start, "steps": done}


TASKS = {"draws": draws, "steps": steps, "train": train_loop, "quality": quality}


if __name__ == "__main__":
    serve(lambda task, **request: TASKS[task](**request))
