"""autoemulate: its default models, tuned and chosen by its own cross-validation."""

import time
import warnings

import numpy as np
import torch

from worker import serve

warnings.simplefilter("ignore")
from autoemulate import AutoEmulate  # noqa: E402


def run(file: str, threads: int = 1, **_) -> dict:
    torch.set_num_threads(threads)
    data = np.load(file)
    x, y, fresh, truth = (data[name] for name in ("x", "y", "fresh", "truth"))
    sd = y.std(0)
    kept = sd > 1e-12 * np.abs(y).max(0)
    start, busy = time.perf_counter(), time.process_time()
    chosen = AutoEmulate(
        x.astype(np.float32), y.astype(np.float32), show_progress_bar=False, random_seed=1
    )
    best = chosen.best_result()
    seconds, cpu = time.perf_counter() - start, time.process_time() - busy
    errors = {}
    for result in chosen.results:
        answer = result.model.predict_mean(torch.tensor(fresh, dtype=torch.float32))
        wrong = (answer.detach().numpy().reshape(truth.shape) - truth)[:, kept] / sd[kept]
        errors[result.model_name] = float(np.sqrt(np.mean(wrong**2)))
    return {
        "error_over_sd": errors[best.model_name],
        "seconds": seconds,
        "cpu_seconds": cpu,
        "best": best.model_name,
        "tried": errors,
    }


if __name__ == "__main__":
    serve(run)
