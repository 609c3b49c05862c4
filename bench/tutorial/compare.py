"""The setting of the tutorial of Dudley et al. 2025 (arXiv 2507.08977): 100,000 series simulated, beside
NumPy; the networks trained; forecasts of 1,000 fresh series, beside the last value.

`bench/run tutorial [--quick] [--series N]`
"""

import argparse
import csv
import json
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import machine
import result
from tutorial import epidemics
from worker import BUILD

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "studies" / "sgnn-tutorial"
FRESH, SEED = 1000, 99
HORIZON = range(65, 79)
# What Dudley et al. published for their network, on their own 1,000 series.
PUBLISHED = {"mae": 184.7, "rmse": 373.9}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run tutorial")
    parser.add_argument("--quick", action="store_true", help="3 repeats, and 20,000 series to train on")
    parser.add_argument("--series", type=int, default=100_000)
    arguments = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "-p", "gnomon"], cwd=ROOT, check=True)
    gnomon = ROOT / "target" / "release" / "gnomon"
    folder = BUILD / "tutorial"
    shutil.rmtree(folder, ignore_errors=True)
    rows = simulating(gnomon, folder, arguments.series, repeats=3 if arguments.quick else 7)
    training = 20_000 if arguments.quick else 99_000
    forecasts = forecasting(gnomon, folder, training)
    told = {"bench": "tutorial", "machine": machine.name(), "rows": rows, "forecasts": forecasts}
    print(f"\ntutorial on {machine.name()}\n\n{table(rows, forecasts)}\n")
    print(json.dumps(told))
    return 0


def simulating(gnomon: Path, folder: Path, series: int, repeats: int) -> list[dict]:
    """Series a second; ours with everything, from the study's file to Parquet on disk."""
    ours: dict[int, list[float]] = {1: [], 2: []}
    theirs = []
    for repeat in range(repeats + 1):
        for threads, rates in ours.items():
            study = fresh_copy(folder / f"simulate-{threads}")
            began = time.perf_counter()
            run(gnomon, "simulate", study, "--simulations", series, "--threads", threads)
            rates.append(series / (time.perf_counter() - began))
        began = time.perf_counter()
        epidemics.simulate(series, repeat)
        theirs.append(series / (time.perf_counter() - began))
    # The first of each warms up.
    one, two, numpy = ours[1][1:], ours[2][1:], theirs[1:]
    labels = {"work": f"{series:,} series", "peer": "NumPy"}
    return [
        result.ratio_row(one, numpy, **labels, threads=1),
        result.ratio_row(two, numpy, **labels, threads=2),
    ]


def forecasting(gnomon: Path, folder: Path, training: int) -> dict:
    """Trains, and forecasts fresh series."""
    study, fresh = fresh_copy(folder / "learned"), fresh_copy(folder / "fresh")
    before, began = children(), time.perf_counter()
    run(gnomon, "learn", study, "--simulations", training)
    wall, cpu = time.perf_counter() - began, children() - before
    run(gnomon, "simulate", fresh, "--simulations", FRESH, "--seed", SEED)
    file = folder / "fresh.csv"
    run(gnomon, "bank", "export", fresh, file, "--seed", SEED)
    run(gnomon, "ask", study, "--each", file, "--draws", 1, "--output", folder)
    truths, answers = read(file), read(folder / "answers.csv")
    few = folder / "52.csv"
    few.write_text(long(truths[:52], 64))
    asked = []
    for _ in range(6):
        began = time.perf_counter()
        run(gnomon, "ask", study, "--series", few, "--output", folder / "few", "--no-alarms")
        asked.append(time.perf_counter() - began)
    return {
        "trained_on": training,
        "seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "ask_52_milliseconds": round(1000 * statistics.median(asked[1:]), 1),
        **scores(truths, answers),
        "backtest": backtest(gnomon, folder, study, truths),
    }


def backtest(gnomon: Path, folder: Path, study: Path, truths: list[dict]) -> list[dict]:
    """The same forecasts beside statistical ones, from day 64 of every series."""
    whole = folder / "whole.csv"
    whole.write_text(long(truths, HORIZON[-1]))
    run(gnomon, "backtest", study, whole, "--origins", "64..64", "--output", folder / "backtest", "--no-alarms")
    found = json.loads((folder / "backtest" / "backtest.json").read_text())
    first = found["groups"][0]
    assert tuple(first["horizons"]) == (1, len(HORIZON))
    keys = ("name", "mae", "relative_mae", "mean_of_ratios", "wis", "relative_wis")
    return [{key: model[key] for key in keys} for model in first["models"]]


def scores(truths: list[dict], answers: list[dict]) -> dict:
    """Errors of the median, those of the last value on the same series, and coverage."""
    errors, last, shares = [], [], []
    levels = {"50": ("25", "75"), "80": ("10", "90"), "95": ("025", "975")}
    inside = dict.fromkeys(levels, 0)
    for truth, answer in zip(truths, answers, strict=True):
        own, naive = [], []
        for day in HORIZON:
            y = float(truth[f"cases_{day}"])
            own.append(abs(y - float(answer[f"cases_{day}_q50"])))
            naive.append(abs(y - float(truth["cases_64"])))
            for name, (low, high) in levels.items():
                ends = [float(answer[f"cases_{day}_q{level}"]) for level in (low, high)]
                inside[name] += ends[0] <= y <= ends[1]
        errors += own
        last += naive
        if sum(naive) > 0:
            shares.append(sum(own) / sum(naive))
    mae, naive = statistics.fmean(errors), statistics.fmean(last)
    return {
        "mae": round(mae, 1),
        "rmse": round(statistics.fmean(e * e for e in errors) ** 0.5, 1),
        "last_value_mae": round(naive, 1),
        "ratio_pooled": round(mae / naive, 3),
        "ratio_mean": round(statistics.fmean(shares), 3),
        "coverage": {name: round(count / len(errors), 3) for name, count in inside.items()},
        "published": PUBLISHED,
    }


def long(rows: list[dict], days: int) -> str:
    """Series as a table of names, days and cases."""
    lines = [f"{k},{day},{row[f'cases_{day}']}" for k, row in enumerate(rows) for day in range(1, days + 1)]
    return "\n".join(["series,day,cases", *lines]) + "\n"


def fresh_copy(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return Path(shutil.copytree(STUDY, folder, ignore=shutil.ignore_patterns("results")))


def run(gnomon: Path, *arguments) -> None:
    subprocess.run([gnomon, *map(str, arguments), "--quiet"], check=True)


def children() -> float:
    """CPU seconds of processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read(path: Path) -> list[dict]:
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table(rows: list[dict], found: dict) -> str:
    head = ["work", "threads", "ours, series/s", "NumPy, series/s", "ratio"]
    body = [
        [row["work"], str(row["threads"])]
        + [f"{row[key]:,.0f}" for key in ("ours_per_second", "theirs_per_second")]
        + [f"{row['ratio']:.1f}"]
        for row in rows
    ]
    lines = [
        result.aligned(head, body),
        "",
        f"trained on {found['trained_on']:,} series in {found['seconds']} s ({found['cpu_seconds']} s of CPU)",
        f"52 series forecast in {found['ask_52_milliseconds']} ms, the program's start and files included",
        f"{FRESH:,} fresh series: MAE {found['mae']} (published {PUBLISHED['mae']}), RMSE {found['rmse']} "
        f"(published {PUBLISHED['rmse']}), last value {found['last_value_mae']}; ratio pooled "
        f"{found['ratio_pooled']}, mean {found['ratio_mean']}; coverage {found['coverage']}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
