"""Wall time and memory to a posterior beside sbi's NPE: the same simulations, each side's defaults,
one run. Ours counts the whole of `gnomon learn`, simulations included; sbi's seconds are those of
`train()` alone, its memory that of its process until then."""

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import fmean, median

from sbibm import ours, references, theirs

TASKS = ("two_moons", "sir", "slcp")
SIMULATIONS = 10_000


def rows(gnomon, folder: Path, files: Path, tasks: list[str], seeds, numbers, classifier):
    """One row a task: seconds, memory and C2ST of both sides."""
    # sbi leaves its logs where it runs.
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    timed = [task for task in TASKS if task in tasks]
    return [row(gnomon, folder, files, task, seeds, numbers, classifier) for task in timed]


def row(gnomon, folder, files, task, seeds, numbers, classifier) -> dict:
    names, data = ours.observations(task)
    costs, answers = {"ours": [], "sbi": []}, {"ours": [], "sbi": []}
    for seed in seeds:
        study = ours.Study(gnomon, task, folder / f"timed-{task}-{seed}", seed)
        costs["ours"].append(study.cost(SIMULATIONS))
        bank = study.folder / "bank.npz"
        study.run("bank", "export", study.folder, bank)
        asked = [data[number - 1] for number in numbers]
        npe = theirs.npe(task, *theirs.simulations(bank, names), asked, seed)
        costs["sbi"].append(npe)
        answers["ours"] += [(number, study.ask(number, False)[0]) for number in numbers]
        answers["sbi"] += list(zip(numbers, npe["draws"], strict=True))
    with ProcessPoolExecutor() as pool:
        scores = {
            side: list(
                pool.map(
                    classifier,
                    [references.posterior(files, task, number) for number, _ in given],
                    [draws for _, draws in given],
                )
            )
            for side, given in answers.items()
        }
    seconds = {side: [cost["seconds"] for cost in all_] for side, all_ in costs.items()}
    ratios = [b / a for a, b in zip(seconds["ours"], seconds["sbi"], strict=True)]
    megabytes = {side: max(c["memory"] for c in all_) / 1e6 for side, all_ in costs.items()}
    return {
        "task": task,
        "simulations": SIMULATIONS,
        "seconds": round(fmean(seconds["ours"]), 2),
        "sbi_seconds": round(fmean(seconds["sbi"]), 2),
        "ratio": round(median(ratios), 2),
        "megabytes": round(megabytes["ours"], 1),
        "sbi_megabytes": round(megabytes["sbi"], 1),
        "c2st": round(fmean(scores["ours"]), 4),
        "sbi_c2st": round(fmean(scores["sbi"]), 4),
    }
