"""Searches for resonances at equal solves, all folds of Duffing's oscillator, and certificates over
random placements.

`bench/run holes [--quick] [--only peaks|folds|calibration]`
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import machine
import numpy as np
import result
from holes.peers import PEERS
from holes.problems import Problem, breit_wigner, duffing_folds, fabry_perot, oscillator
from worker import BUILD, Worker

FOLDER = Path(__file__).resolve().parent
SCAN = {"budget": 400, "checks": 60, "error_rate": 0.05, "seed": 1}
OSCILLATORS = [(0.1, 0.05, 0.3), (0.05, 0.05, 0.2), (0.02, 0.01, 0.1), (0.1, -0.02, 0.15), (0.5, 0.05, 0.1)]


def our_worker() -> Worker:
    """Builds our side and starts it."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", BUILD / "target"))
    command = ["cargo", "build", "--release", "--quiet"]
    command += ["--manifest-path", FOLDER / "Cargo.toml"]
    subprocess.run(command, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    return Worker([str(target / "release" / "gnomon-bench-holes")])


def score(problem: Problem, found: np.ndarray) -> tuple[float, int]:
    """The share of peaks found (position within .1 widths, |y| within 1 %), and how many candidates are
    within half a width of none."""
    recalled, known = 0, np.zeros(len(found), dtype=bool)
    for at, width, height in problem.peaks:
        off = np.abs(found[:, 0] - at)
        recalled += bool(np.any((off < 0.1 * width) & (np.abs(found[:, 1] / height - 1) < 0.01)))
        known |= off < 0.5 * width
    return recalled / len(problem.peaks), int(np.sum(~known))


def peaks(ours: Worker, quick: bool) -> list[dict]:
    """Recall, false candidates and solves on each problem; the Breit-Wigner sum for several seeds."""
    problems = [oscillator(1e2), oscillator(1e4), fabry_perot()]
    problems += [breit_wigner(seed) for seed in range(3 if quick else 20)]
    rows: dict[tuple[str, str], list] = {}
    for number, problem in enumerate(problems):
        scan = {**SCAN, "range": problem.range, "tolerance": problem.tolerance}
        answer = ours.ask(task="find", problem=problem.request, scan=scan)
        table = [[*(p["peak"] if len(problem.peaks) == 1 else (p["position"], p["height"]))] for p in answer["poles"]]
        found = np.array(table).reshape(-1, 2)
        certified = any(c["grade"] == "structural" for c in answer["certificates"])
        solves = answer["solves"]
        kept = rows.setdefault((problem.name, "gnomon"), [])
        kept.append((*score(problem, found), solves, certified))
        for name, (sample, candidates) in PEERS.items():
            # A Gaussian process takes minutes a problem: one of the Breit-Wigner sums.
            if name == "GP + EI" and number > 3:
                continue
            found = candidates(problem, sample(problem, solves, number))
            kept = rows.setdefault((problem.name, name), [])
            kept.append((*score(problem, found), solves, None))
    return [
        {
            "work": work,
            "peer": peer,
            "recall": result.significant(float(np.mean([k[0] for k in kept]))),
            "least_recall": min(k[0] for k in kept),
            "false": int(sum(k[1] for k in kept)),
            "solves": max(k[2] for k in kept),
            "certified": None if kept[0][3] is None else sum(k[3] for k in kept),
            "problems": len(kept),
        }
        for (work, peer), kept in rows.items()
    ]


def folds(ours: Worker) -> dict:
    """How many folds are found of those at which the discriminant vanishes, and how many besides."""
    found, exact, false, solves = 0, 0, 0, 0
    for damping, cubic, force in OSCILLATORS:
        request = {"damping": damping, "cubic": cubic, "force": force, "range": [0.5, 3.0]}
        answer = ours.ask(task="folds", **request)
        truth = duffing_folds(damping, cubic, force, 0.5, 3.0)
        near = [[abs(f - t) < 1e-4 for t in truth] for f in answer["folds"]]
        found += sum(any(column) for column in zip(*near, strict=True))
        false += sum(not any(row) for row in near)
        exact += len(truth)
        solves += answer["solves"]
    return {"found": found, "exact": exact, "false": false, "solves": solves}


def calibration(ours: Worker, quick: bool) -> dict:
    """A pole hidden at random, and a Gaussian of width 1e-4, in solves with relative noise of 1e-11."""
    request = {"placements": 100 if quick else 1000, "noise": 1e-11}
    scan = {**SCAN, "range": [0.0, 1.0], "tolerance": 1e-8}
    few = {**scan, "budget": 150, "checks": 40}
    many = {**scan, "budget": 1500, "checks": 1200}
    return {
        "pole": ours.ask(task="calibrate", gaussian=False, scan=scan, **request),
        "pole, 150 solves": ours.ask(task="calibrate", gaussian=False, scan=few, **request),
        "Gaussian": ours.ask(task="calibrate", gaussian=True, scan=scan, **request),
        "Gaussian, 1200 checks": ours.ask(
            task="calibrate", gaussian=True, scan=many, **{**request, "placements": 20}
        ),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run holes")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=["peaks", "folds", "calibration"])
    arguments = parser.parse_args()
    ours, answer = our_worker(), {"bench": "holes", "machine": machine.name()}
    if arguments.only in (None, "peaks"):
        answer["peaks"] = peaks(ours, arguments.quick)
        head = list(answer["peaks"][0])
        body = [["" if row[k] is None else str(row[k]) for k in head] for row in answer["peaks"]]
        print(result.aligned(head, body), "\n")
    if arguments.only in (None, "folds"):
        answer["folds"] = folds(ours)
        print("Duffing's folds:", answer["folds"], "\n")
    if arguments.only in (None, "calibration"):
        answer["calibration"] = calibration(ours, arguments.quick)
        for name, counts in answer["calibration"].items():
            print(f"{name}: {counts}")
    ours.close()
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
