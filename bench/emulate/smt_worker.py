"""SMT: all models that its page recommends for these sizes, each fitted to the bank as its documentation
does; the comparison keeps the one with the least error on the fresh points, a choice that no user has."""

import contextlib
import time
import warnings

import numpy as np
from smt.surrogate_models import IDW, KPLS, KRG, LS, QP, RBF

from worker import serve

QUIET = {"print_global": False}


def models(inputs: int, outputs: int) -> dict:
    """Name -> how it is made."""
    width = 1.0
    found = {
        "LS": lambda: LS(**QUIET),
        "QP": lambda: QP(**QUIET),
        "IDW": lambda: IDW(**QUIET),
        "RBF": lambda: RBF(d0=width, poly_degree=1, **QUIET),
    }
    for kernel in ("squar_exp", "matern52"):
        for trend in ("constant", "linear"):
            found[f"KRG {kernel} {trend}"] = lambda k=kernel, t=trend: KRG(corr=k, poly=t, **QUIET)
    if inputs > 3:
        found["KPLS 3"] = lambda: KPLS(n_comp=3, **QUIET)
    return found


def run(file: str, **_) -> dict:
    data = np.load(file)
    x, y, fresh, truth = (data[name] for name in ("x", "y", "fresh", "truth"))
    low, high = x.min(0), x.max(0)
    x, fresh = (x - low) / (high - low), (fresh - low) / (high - low)
    sd = y.std(0)
    kept = sd > 1e-12 * np.abs(y).max(0)
    tried, seconds, cpu = {}, 0.0, 0.0
    for name, make in models(x.shape[1], y.shape[1]).items():
        start, busy = time.perf_counter(), time.process_time()
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = make()
            model.set_training_values(x, y)
            model.train()
            spent = time.perf_counter() - start
            seconds += spent
            cpu += time.process_time() - busy
            wrong = (model.predict_values(fresh) - truth)[:, kept] / sd[kept]
            tried[name] = (float(np.sqrt(np.mean(wrong**2))), spent)
    best = min(tried, key=lambda name: tried[name][0])
    return {
        "error_over_sd": tried[best][0],
        "seconds": seconds,
        "cpu_seconds": cpu,
        "best": best,
        "tried": tried,
    }


if __name__ == "__main__":
    serve(run)
