"""Wall time to a posterior beside sbi's NPE: the same simulations, each side's defaults, one run."""

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from sbibm import ours, references, theirs
from sbibm.c2st import c2st

TASKS = ("two_moons", "sir", "slcp")
SIMULATIONS = 10_000


def rows(gnomon: Path, folder: Path, files: Path, tasks: list[str], seeds: range, numbers: range):
    """One row a task: seconds of training and C2ST of both sides, seed by seed."""
    # sbi leaves its logs where it runs.
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    timed = [task for task in TASKS if task in tasks]
    return [row(gnomon, folder, files, task, seeds, numbers) for task in timed]


def row(gnomon, folder, files, task, seeds, numbers) -> dict:
    names, data = ours.observations(task)
    seconds, answers = {"ours": [], "sbi": []}, {"ours": [], "sbi": []}
    for seed in seeds:
        study = ours.Study(gnomon, task, folder / f"timed-{task}-{seed}", seed)
        seconds["ours"].append(study.learn(SIMULATIONS))
        bank = study.folder / "bank.npz"
        study.run("bank", "export", study.folder, bank)
        npe = theirs.Npe(task, *theirs.simulations(bank, names), seed)
        seconds["sbi"].append(npe.seconds)
        for number in numbers:
            answers["ours"].append((number, study.ask(number, False)[0]))
            answers["sbi"].append((number, npe.ask(data[number - 1])))
    with ProcessPoolExecutor() as pool:
        scores = {
            side: list(
                pool.map(
                    c2st,
                    [references.posterior(files, task, number) for number, _ in given],
                    [draws for _, draws in given],
                )
            )
            for side, given in answers.items()
        }
    mean = lambda values: round(sum(values) / len(values), 4)  # noqa: E731
    ratios = sorted(b / a for a, b in zip(seconds["ours"], seconds["sbi"], strict=True))
    return {
        "task": task,
        "simulations": SIMULATIONS,
        "seconds": mean(seconds["ours"]),
        "sbi_seconds": mean(seconds["sbi"]),
        "ratio": round(ratios[len(ratios) // 2], 2),
        "c2st": mean(scores["ours"]),
        "sbi_c2st": mean(scores["sbi"]),
    }
