"""The ten sbibm tasks: C2ST of Gnomon's posteriors, amortized and refined, beside published figures,
and the wall time beside sbi's NPE.

`bench/run sbibm [--quick] [--tasks ...] [--simulations N ...] [--seeds N]
[--only quality|time|calibration|classifiers] [--classifier gnomon|scikit-learn]`
"""

import argparse
import hashlib
import json
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

import machine
import result
from sbibm import calibration, exact, ours, published, references, timing
from sbibm.c2st import Gnomon, scikit_learn
from worker import BUILD


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run sbibm")
    parser.add_argument("--quick", action="store_true", help="one seed, two observations, 10,000")
    parser.add_argument("--tasks", nargs="+", choices=list(published.TASKS), metavar="TASK")
    parser.add_argument("--simulations", nargs="+", type=int)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--observations", type=int)
    parser.add_argument("--no-refinement", action="store_true")
    parts = ["quality", "time", "calibration", "classifiers"]
    parser.add_argument("--only", choices=parts, default="quality")
    parser.add_argument("--classifier", choices=["gnomon", "scikit-learn"], default="gnomon")
    arguments = parser.parse_args()
    quick = arguments.quick
    tasks = arguments.tasks or list(published.TASKS)
    budgets = arguments.simulations or ([10_000] if quick else [10_000, 100_000])
    seeds = range(1, 1 + (arguments.seeds or (1 if quick else 2)))
    numbers = range(1, 1 + (arguments.observations or (2 if quick else 10)))
    folder = BUILD / "sbibm"
    files = references.fetch(folder)
    gnomon = ours.built()
    own = folder / ours.fingerprint(gnomon)
    classifier = Gnomon(gnomon) if arguments.classifier == "gnomon" else scikit_learn
    if arguments.only == "time":
        timed = timing.rows(gnomon, own, files, tasks, seeds, numbers, classifier)
        print(f"\nsbibm on {machine.name()}\n\n{times(timed)}\n")
        print(json.dumps({"bench": "sbibm", "machine": machine.name(), "rows": timed}))
        return 0
    if arguments.only == "calibration":
        found = calibration.rows(gnomon, own, tasks, budgets, seeds)
        head = ["task", "simulations", "survived", "others"]
        print(f"\nclaims on {machine.name()}\n\n{result.aligned(head, calibration.table(found))}\n")
        print(json.dumps({"bench": "sbibm", "machine": machine.name(), "claims": found}))
        return 0
    # Trainings first, alone on the machine, so that their seconds mean something.
    rows = [exact_row(task, numbers) for task in tasks if task in exact.SAMPLERS]
    for task in tasks:
        for budget in budgets:
            rows.append(learned_row(gnomon, own, task, budget, seeds, numbers, arguments))
    scores = Scores(folder / f"scores-{arguments.classifier}.json", classifier)
    both = [scores]
    if arguments.only == "classifiers":
        both = [
            Scores(folder / "scores-gnomon.json", Gnomon(gnomon)),
            Scores(folder / "scores-scikit-learn.json", scikit_learn),
        ]
    with ProcessPoolExecutor() as pool:
        if arguments.only == "classifiers":
            found = [side_by_side(row, pool, both, files) for row in rows]
            print(f"\nC2ST on {machine.name()}\n\n{classifiers(found)}\n")
            print(json.dumps({"bench": "sbibm", "machine": machine.name(), "classifiers": found}))
            return 0
        for row in rows:
            score(row, pool, scores, files)
    print(f"\nsbibm on {machine.name()}\n\n{table(rows)}\n")
    told = {"machine": machine.name(), "quick": quick, "classifier": arguments.classifier}
    print(json.dumps({"bench": "sbibm", **told, "rows": rows}))
    return 0


def side_by_side(row: dict, pool: ProcessPoolExecutor, both: list["Scores"], files: Path) -> dict:
    """A row's draws scored by `gnomon c2st` and by scikit-learn."""
    ours_, theirs_ = ({**row, "draws": dict(row["draws"])} for _ in both)
    for own, scores in zip((ours_, theirs_), both, strict=True):
        score(own, pool, scores, files)
    kinds = [kind for kind in ("c2st", "refined") if kind in ours_]
    pairs = [
        pair
        for kind in kinds
        for pair in zip(ours_[f"{kind}_each"], theirs_[f"{kind}_each"], strict=True)
    ]
    differences = [a - b for a, b in pairs]
    return {
        "task": row["task"],
        "answer": str(row.get("simulations", row["answer"])),
        "pairs": len(pairs),
        "gnomon": mean([a for a, _ in pairs]),
        "scikit_learn": mean([b for _, b in pairs]),
        "difference": mean(differences),
        "sd": round(statistics.pstdev(differences), 4),
        "largest": max(differences, key=abs),
    }


def classifiers(rows: list[dict]) -> str:
    """One line a task and answer: both scores of the same draws."""
    head = ["task", "answer", "pairs", "gnomon", "scikit-learn", "difference", "sd", "largest"]
    keys = ["gnomon", "scikit_learn", "difference", "sd", "largest"]
    body = [
        [row["task"], row["answer"], str(row["pairs"])] + [format(row[key], ".4f") for key in keys]
        for row in rows
    ]
    return result.aligned(head, body)


class Scores:
    """Scores by the draws they are of: a test takes minutes, and none is done twice."""

    def __init__(self, path: Path, classifier):
        self.path, self.classifier = path, classifier
        self.known = json.loads(path.read_text()) if path.exists() else {}

    @staticmethod
    def key(task: str, number: int, draws: np.ndarray) -> str:
        return f"{task}-{number}-{hashlib.sha256(draws.tobytes()).hexdigest()[:16]}"

    def keep(self, key: str, value: float) -> None:
        self.known[key] = value
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(self.known, indent=0))
        fresh.replace(self.path)


def exact_row(task: str, numbers: range) -> dict:
    """The draws of an exact sampler."""
    _, data = ours.observations(task)
    draws = [(number, exact.draws(task, data[number - 1], number)) for number in numbers]
    return {"task": task, "answer": "exact sampler", "draws": {"c2st": draws}}


def learned_row(gnomon, folder, task, budget, seeds, numbers, arguments) -> dict:
    """Learns with each seed and asks each observation; refined with the first seed only."""
    seconds, amortized, refined, told = [], [], [], []
    for seed in seeds:
        study = ours.Study(gnomon, task, folder / f"{task}-{budget}-{seed}", seed)
        seconds.append(study.learn(budget))
        for number in numbers:
            amortized.append((number, study.ask(number, False)[0]))
            if seed == seeds[0] and not arguments.no_refinement:
                draws, answer = study.ask(number, True)
                refined.append((number, draws))
                told.append(answer["refinement"][0])
    row = {
        "task": task,
        "answer": "learned",
        "simulations": budget,
        "npe": published.npe(task, budget),
        "best": published.best(task, budget),
        "seconds": rounded(seconds, 1),
        "draws": {"c2st": amortized},
    }
    if told:
        row["draws"]["refined"] = refined
        row["exact"] = [one["standing"] for one in told].count("exact") / len(told)
        row["calls"] = statistics.median(one["calls"] for one in told)
    return row


def score(row: dict, pool: ProcessPoolExecutor, scores: Scores, files: Path) -> None:
    """Puts scores in the place of a row's draws."""
    task, waiting = row["task"], {}
    for kind, all_draws in row.pop("draws").items():
        found = []
        for number, draws in all_draws:
            key = scores.key(task, number, draws)
            found.append(key)
            if key not in scores.known and key not in waiting:
                reference = references.posterior(files, task, number)
                waiting[key] = pool.submit(scores.classifier, reference, draws)
        row[kind] = found
    names = {future: key for key, future in waiting.items()}
    for future in as_completed(names):
        scores.keep(names[future], future.result())
    for kind in ("c2st", "refined"):
        if kind in row:
            row[f"{kind}_each"] = rounded([scores.known[key] for key in row[kind]])
            row[kind] = mean(row[f"{kind}_each"])
    print(json.dumps(row), file=sys.stderr, flush=True)


def mean(scores: list[float]) -> float:
    return round(statistics.fmean(scores), 4)


def rounded(values: list[float], digits: int = 4) -> list[float]:
    return [round(value, digits) for value in values]


def table(rows: list[dict]) -> str:
    """One line a task and budget, beside what was published."""
    head = ["task", "simulations", "C2ST", "NPE", "best", "refined", "exact", "calls", "seconds"]
    shown = lambda value, form: "" if value is None else format(value, form)  # noqa: E731
    body = [
        [
            row["task"],
            shown(row.get("simulations"), ",d") or row["answer"],
            shown(row["c2st"], ".3f"),
            shown(row.get("npe"), ".3f"),
            shown(row.get("best"), ".3f"),
            shown(row.get("refined"), ".3f"),
            shown(row.get("exact"), ".0%"),
            shown(row.get("calls"), ",.0f"),
            shown(statistics.fmean(row["seconds"]) if "seconds" in row else None, ".1f"),
        ]
        for row in rows
    ]
    return result.aligned(head, body)


def times(rows: list[dict]) -> str:
    """Seconds, memory and scores of both sides."""
    head = ["task", "simulations", "seconds", "sbi", "ratio", "MB", "sbi", "C2ST", "sbi"]
    keys = ["seconds", "sbi_seconds", "ratio", "megabytes", "sbi_megabytes", "c2st", "sbi_c2st"]
    forms = [".1f", ".1f", ".1f", ".0f", ".0f", ".3f", ".3f"]
    body = [
        [row["task"], f"{row['simulations']:,d}"]
        + [format(row[key], form) for key, form in zip(keys, forms, strict=True)]
        for row in rows
    ]
    return result.aligned(head, body)


if __name__ == "__main__":
    sys.exit(main())
