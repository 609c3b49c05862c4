"""What answers are worth when the simulator is wrong: error, coverage and alarms under five mismatches of
growing size, with and without robust training.

`bench/run wrong [--quick] [--series N] [--simulations N] [--noise SHARE ...]`
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import machine
import numpy as np
import result
from command_line import Gnomon
from worker import BUILD

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "studies" / "wrong-simulator"
SIZES = {
    "noise": (0.1, 0.2, 0.4, 0.8),
    "compartment": (0.1, 0.2, 0.4, 0.6),
    "reporting": (0.1, 0.3, 0.5, 0.8),
    "population": (0.1, 0.3, 0.5, 0.8),
    "regime": (0.1, 0.3, 0.5, 0.7),
}
QUANTITIES = ("R0", "reporting")
# An alarm is raised from this p-value on: the probability of a false one.
ALARM = 0.01
SEED = 4000


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run wrong")
    parser.add_argument("--quick", action="store_true", help="60 series, 20,000 simulations, no robust training")
    parser.add_argument("--series", type=int)
    parser.add_argument("--simulations", type=int)
    parser.add_argument("--noise", type=float, nargs="+", help="`[learn] noise` of further networks")
    arguments = parser.parse_args()
    quick = arguments.quick
    series = arguments.series or (60 if quick else 200)
    simulations = arguments.simulations or (20_000 if quick else 200_000)
    noises = [0.0, *(arguments.noise or ([] if quick else [0.3]))]
    subprocess.run(["cargo", "build", "--release", "-p", "gnomon"], cwd=ROOT, check=True)
    gnomon = Gnomon(ROOT / "target" / "release" / "gnomon")
    rows = []
    for noise in noises:
        folder = BUILD / "wrong" / f"{simulations}-{noise}"
        rows += judged(gnomon, folder, series, simulations, noise)
    print(f"\nwrong simulators on {machine.name()}\n\n{table(rows)}\n")
    print(json.dumps({"bench": "wrong", "machine": machine.name(), "series": series, "rows": rows}))
    return 0


def judged(gnomon, folder: Path, series: int, simulations: int, noise: float) -> list[dict]:
    """Networks trained with some noise, asked about series of every truth."""
    ignore = shutil.ignore_patterns("results")
    study = Path(shutil.copytree(STUDY, folder / "study", ignore=ignore, dirs_exist_ok=True))
    if noise:
        path = study / "study.toml"
        path.write_text(f"{path.read_text()}\n[learn]\nnoise = {noise}\n")
    gnomon("learn", study, "--simulations", simulations)
    truths = [("right", 0.0, study / "seir.toml")]
    truths += [(kind, size, study / "wrong" / f"{kind}.toml") for kind, sizes in SIZES.items() for size in sizes]
    rows = []
    for number, (kind, size, mechanism) in enumerate(truths):
        test = folder / f"{kind}-{size}"
        file = simulated(gnomon, mechanism, size, series, SEED + number, test)
        gnomon("ask", study, "--each", file, "--draws", 1000, "--alarms", "--output", test)
        together = gnomon("mismatch", study, "--each", file)
        answers, truth = read(test / "answers.csv"), read(file)
        alarms = np.array([float(row["alarm_p"]) <= ALARM for row in answers])
        told = {"noise": noise, "truth": kind, "size": size}
        told["alarms"] = round(float(alarms.mean()), 3)
        told["total_variation_at_least"] = round(together["total_variation_at_least"], 2)
        for name in QUANTITIES:
            true = column(truth, name)
            low, high = (column(answers, f"{name}_{end}") for end in ("q05", "q95"))
            inside = (low <= true) & (true <= high)
            told[f"{name}_error"] = round(float(np.sqrt(np.mean((column(answers, f"{name}_mean") - true) ** 2))), 3)
            told[f"{name}_covered"] = round(float(inside.mean()), 3)
            quiet = inside[~alarms]
            told[f"{name}_covered_quiet"] = round(float(quiet.mean()), 3) if len(quiet) else None
        rows.append(told)
        print(json.dumps(told), file=sys.stderr, flush=True)
    return rows


def simulated(gnomon, mechanism: Path, size: float, series: int, seed: int, folder: Path) -> Path:
    """Series of one truth, with what made them."""
    study = folder / "study"
    study.mkdir(parents=True, exist_ok=True)
    lines = mechanism.read_text().splitlines()
    text = "\n".join(f"size = {size}" if line.startswith("size =") else line for line in lines)
    (study / "truth.toml").write_text(text + "\n")
    (study / "study.toml").write_text('title = "The truth"\nmechanisms = ["truth.toml"]\n')
    gnomon("simulate", study, "--simulations", series, "--seed", seed)
    file = folder / "series.csv"
    gnomon("bank", "export", study, file, "--seed", seed)
    return file


def column(rows: list[dict], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])


def read(path: Path) -> list[dict]:
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table(rows: list[dict]) -> str:
    """One line a truth and training."""
    head = ["noise", "truth", "size", "alarms", "TV at least"]
    keys = ["noise", "truth", "size", "alarms", "total_variation_at_least"]
    for name in QUANTITIES:
        head += [f"{name} error", "in 90 %", "if quiet"]
        keys += [f"{name}_error", f"{name}_covered", f"{name}_covered_quiet"]
    shown = lambda value: "" if value is None else str(value)  # noqa: E731
    return result.aligned(head, [[shown(row[key]) for key in keys] for row in rows])


if __name__ == "__main__":
    sys.exit(main())
