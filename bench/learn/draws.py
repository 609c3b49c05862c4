"""Posterior draws per second from W3's network beside sbi's estimator."""

import result
from learn.engines import Torch, rate
from worker import Worker

# Observations, and draws for each: one data set asked about at length, and many asked about briefly.
ASKED = {"one observation": (1, 20_000), "100 observations": (100, 200)}


def compare(ours: Worker, torch: Torch, quick: bool) -> list[dict]:
    """On one thread and on two."""
    repeats = 3 if quick else 7
    rows = []
    for threads in (1, 2):
        for variant, (observations, draws) in ASKED.items():
            request = {"observations": observations, "draws": draws}
            mine, his = [], []
            for _ in range(repeats):
                mine.append(rate(ours.ask(task="draws", threads=threads, **request)))
                peer = torch.one if threads == 1 else torch.two
                his.append(rate(peer.ask(task="draws", **request)))
            labels = {"work": "W3 draws", "threads": threads, "variant": variant}
            rows.append(result.ratio_row(mine, his, **labels, peer="sbi"))
    return rows
