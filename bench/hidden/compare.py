"""What nobody sees of an epidemic, from its reported cases: errors of Gnomon's answers beside maximum
likelihood and growth rates, early and late in an outbreak.

`bench/run hidden [--quick] [--series N] [--simulations N]`
"""

import argparse
import csv
import json
import math
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import machine
import numpy as np
import result
from command_line import Gnomon
from worker import BUILD

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "studies" / "hidden-quantities"
DAYS = {"early": 25, "late": 100}
PARAMETERS = ("R0", "reporting")
# Medians of the priors, for who knows no better.
LATENT, INFECTIOUS, REPORTING, POPULATION = 3.0, 5.0, 0.5, 100_000
SEED = 77


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run hidden")
    parser.add_argument("--quick", action="store_true", help="100 series, 20,000 simulations")
    parser.add_argument("--series", type=int)
    parser.add_argument("--simulations", type=int)
    arguments = parser.parse_args()
    series = arguments.series or (100 if arguments.quick else 500)
    simulations = arguments.simulations or (20_000 if arguments.quick else 200_000)
    subprocess.run(["cargo", "build", "--release", "-p", "gnomon"], cwd=ROOT, check=True)
    gnomon = Gnomon(ROOT / "target" / "release" / "gnomon")
    folder = BUILD / "hidden" / str(simulations)
    study = Path(shutil.copytree(STUDY, folder / "study", ignore=shutil.ignore_patterns("results"), dirs_exist_ok=True))
    gnomon("simulate", study / "late", "--simulations", series, "--seed", SEED)
    file = folder / "series.csv"
    gnomon("bank", "export", study / "late", file, "--seed", SEED)
    truths = read(file)
    rows = []
    for part, days in DAYS.items():
        gnomon("learn", study / part, "--simulations", simulations)
        rows += compared(gnomon, study / part, file, truths, part, days, folder / part)
    print(f"\nhidden quantities on {machine.name()}\n\n{table(rows)}\n")
    print(json.dumps({"bench": "hidden", "machine": machine.name(), "series": series, "rows": rows}))
    return 0


def compared(gnomon, study, file, truths, part, days, folder) -> list[dict]:
    """Errors of every method about every quantity."""
    gnomon("ask", study, "--each", file, "--draws", 1000, "--output", folder)
    gnomon("fit", study, "--each", file, "--output", folder)
    answers, fits = read(folder / "answers.csv"), read(folder / "fits.csv")
    infected = f"infected_{days}"
    rows = []
    for name in (*PARAMETERS, "infected"):
        truth = column(truths, infected if name == "infected" else name)
        if name == "infected":
            own = [column(answers, f"{infected}_q{level}") for level in ("50", "05", "95")]
        else:
            own = [column(answers, f"{name}_{what}") for what in ("mean", "q05", "q95")]
        inside = float(np.mean((own[1] <= truth) & (truth <= own[2])))
        rows.append({**error(part, name, "network", own[0], truth), "coverage_90": round(inside, 3)})
        for method, estimate in others(name, truths, fits, days).items():
            rows.append(error(part, name, method, estimate, truth))
    return rows


def others(name: str, truths: list[dict], fits: list[dict], days: int) -> dict[str, np.ndarray]:
    """What is done without simulations to learn from."""
    cases = np.array([[float(row[f"cases_{day}"]) for day in range(1, days + 1)] for row in truths])
    likeliest = {key: column(fits, f"seir_{key}") for key in PARAMETERS}
    prior = {"R0": 2.5 * math.exp(0.35**2 / 2), "reporting": REPORTING}
    if name == "R0":
        return {"maximum likelihood": likeliest[name], "growth rate": by_growth(cases), "prior": np.full(len(cases), prior[name])}
    if name == "reporting":
        return {"maximum likelihood": likeliest[name], "prior": np.full(len(cases), prior[name])}
    reported = cases.sum(axis=1)
    return {
        "reported / likeliest share": np.minimum(reported / likeliest["reporting"], POPULATION),
        "reported / prior share": np.minimum(reported / REPORTING, POPULATION),
    }


def by_growth(cases: np.ndarray) -> np.ndarray:
    """R0 = (1 + r latent) (1 + r infectious) (Wallinga & Lipsitch 2007), with the rate r of a straight line
    through the logarithms of counts before the peak, by least squares."""
    found = []
    for series in cases:
        end = max(int(np.argmax(np.convolve(series, np.ones(5) / 5, "same"))) * 7 // 10, 10)
        days = np.arange(min(end, len(series)))
        rate = np.polyfit(days, np.log(series[: len(days)] + 0.5), 1)[0]
        found.append((1 + rate * LATENT) * (1 + rate * INFECTIOUS))
    return np.array(found)


def error(part: str, quantity: str, method: str, estimate: np.ndarray, truth: np.ndarray) -> dict:
    """Mean squared and median absolute error; of the infected in logarithms."""
    if quantity == "infected":
        estimate, truth = np.log(np.maximum(estimate, 1)), np.log(truth)
    off = estimate - truth
    squares = off**2
    return {
        "part": part,
        "quantity": quantity,
        "method": method,
        "mse": result.significant(float(np.mean(squares)), 3),
        "standard_error": result.significant(statistics.stdev(squares) / math.sqrt(len(off)), 2),
        "median_error": result.significant(float(np.median(np.abs(off))), 3),
    }


def column(rows: list[dict], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])


def read(path: Path) -> list[dict]:
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table(rows: list[dict]) -> str:
    """One line a quantity and method."""
    head = ["part", "quantity", "method", "mean squared error", "s.e.", "median error", "in 90 %"]
    body = [
        [row["part"], row["quantity"], row["method"]]
        + [str(row[key]) for key in ("mse", "standard_error", "median_error")]
        + [str(row.get("coverage_90", ""))]
        for row in rows
    ]
    return result.aligned(head, body)


if __name__ == "__main__":
    sys.exit(main())
