"""Training steps per second beside PyTorch's best variant and sbi's `train()`."""

import sys

import result
from learn.engines import VARIANTS, Torch, rate
from worker import Worker, WorkerError

# Steps of one of our epochs, enough that the held-out loss at its end costs next to nothing.
EPOCH = {"W1": 1000, "W2": 50, "W3": 200}
SBI_ROWS = 10_000


def compare(ours: Worker, torch: Torch, quick: bool, missing: list[str]) -> list[dict]:
    """Every workload on one thread and on two."""
    seconds, repeats = (0.5, 3) if quick else (2.0, 7)
    rows, our_rates = [], {}
    for threads in (1, 2):
        for work, steps in EPOCH.items():
            variants = tried(work, quick, missing)
            best, worker = best_of(work, variants, threads, torch, missing)
            request = {
                "work": work,
                "threads": threads,
                "steps": steps,
                "held_out": 0.002,
                "clip": None,
            }
            theirs = {"task": "steps", "work": work, "variant": best[0], "seconds": seconds}
            mine, his = interleaved(ours, request, worker, theirs, seconds, repeats)
            labels = {"work": work, "threads": threads}
            rows.append(result.ratio_row(mine, his, **labels, peer="pytorch", variant="".join(best)))
            our_rates[work, threads] = mine
            if work == "W3":
                request |= {"steps": int(0.9 * SBI_ROWS) // 200, "held_out": 0.1, "clip": 5.0}
                theirs = {"task": "train", "rows": SBI_ROWS, "epochs": 2 if quick else 4}
                mine, his = interleaved(ours, request, worker, theirs, seconds, repeats)
                rows.append(result.ratio_row(mine, his, **labels, peer="sbi", variant="train()"))
    return rows + [
        result.threads_row(our_rates[work, 1], our_rates[work, 2], work=work) for work in EPOCH
    ]


def tried(work: str, quick: bool, missing: list[str]) -> list[str]:
    """The variants of PyTorch that are tried."""
    if quick and work == "W3":
        note = "W3, PyTorch compiled (left out by --quick: it compiles for minutes)"
        if note not in missing:
            missing.append(note)
        return [variant for variant in VARIANTS if not variant.startswith("compiled")]
    return list(VARIANTS)


def best_of(
    work: str, variants: list[str], threads: int, torch: Torch, missing: list[str]
) -> tuple[tuple[str, str], Worker]:
    """PyTorch's fastest variant and way of using threads, and the process that runs it."""
    trials = {}
    for way, worker in torch.ways(threads).items():
        for variant in variants:
            try:
                answer = worker.ask(task="steps", work=work, variant=variant, seconds=0.5)
            except WorkerError as error:
                reason = str(error).splitlines()[0]
                missing.append(f"{work}, {threads} threads, PyTorch {variant}{way}: {reason}")
                continue
            trials[variant, way] = rate(answer), worker
            print(
                f"{work}, {threads} threads, PyTorch {variant}{way}: {rate(answer):,.1f} steps/s",
                file=sys.stderr,
                flush=True,
            )
    best = max(trials, key=lambda trial: trials[trial][0])
    return best, trials[best][1]


def interleaved(
    ours: Worker, request: dict, theirs: Worker, their_request: dict, seconds: float, repeats: int
) -> tuple[list[float], list[float]]:
    """Steps per second of both sides, one after the other, `repeats` times."""
    pilot = ours.ask(task="steps", **request, epochs=2)
    epochs = max(2, round(2 * seconds / pilot["seconds"]))
    mine, his = [], []
    for _ in range(repeats):
        mine.append(rate(ours.ask(task="steps", **request, epochs=epochs)))
        his.append(rate(theirs.ask(**their_request)))
    return mine, his
