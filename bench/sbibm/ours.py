"""Gnomon's side: a study copied, learned with a budget, and asked each of its ten observations."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
STUDIES = ROOT / "studies" / "sbibm"


def built() -> Path:
    """The release build of `gnomon`."""
    subprocess.run(["cargo", "build", "--release", "-p", "gnomon"], cwd=ROOT, check=True)
    return ROOT / "target" / "release" / "gnomon"


def fingerprint(gnomon: Path) -> str:
    """What tells this build and these studies from others: answers of one are not another's."""
    digest = hashlib.sha256(gnomon.read_bytes())
    for path in sorted(STUDIES.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def observations(task: str) -> tuple[list[str], np.ndarray]:
    """The observed columns' names, and the ten observations, one a row."""
    with open(STUDIES / task / "observations.csv", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return rows[0], np.array(rows[1:], dtype=float)


class Study:
    """A copy of a task's study in a folder of its own."""

    def __init__(self, gnomon: Path, task: str, folder: Path, seed: int):
        self.gnomon, self.task, self.folder, self.seed = gnomon, task, folder, seed
        ignore = shutil.ignore_patterns("bank", "results")
        shutil.copytree(STUDIES / task, folder, ignore=ignore, dirs_exist_ok=True)

    def run(self, *arguments: str) -> int:
        """Runs `gnomon`; the most memory it took, in bytes."""
        peak = [sys.executable, "-S", ROOT / "bench" / "peak.py"]
        command = [*peak, self.gnomon, *arguments, "--seed", str(self.seed), "--quiet"]
        # A study's own program finds the packages of this environment.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        told = subprocess.run(
            list(map(str, command)),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PATH": path},
        )
        return int(told.stdout)

    def learn(self, simulations: int) -> float:
        """Simulates and trains, unless that was done before; the seconds it took."""
        return self.cost(simulations)["seconds"]

    def cost(self, simulations: int) -> dict:
        """Simulates and trains, unless that was done before; seconds and peak memory in bytes."""
        kept = self.folder / "cost.json"
        if kept.exists():
            return json.loads(kept.read_text())
        began = time.perf_counter()
        memory = self.run("learn", self.folder, "--simulations", str(simulations))
        cost = {"seconds": time.perf_counter() - began, "memory": memory}
        kept.write_text(json.dumps(cost))
        return cost

    def ask(self, observation: int, refine: bool) -> tuple[np.ndarray, dict]:
        """10,000 draws (rows x parameters) given an observation (from 1), and the whole answer."""
        names, rows = observations(self.task)
        data = self.folder / f"observation-{observation}.csv"
        write_series(data, names, rows[observation - 1])
        output = self.folder / f"answer-{observation}-{'refined' if refine else 'amortized'}"
        if not (output / "draws.csv").exists():
            asking = ["ask", self.folder, "--observed", data, "--draws", "10000"]
            self.run(*asking, "--output", output, *(["--refine"] if refine else []))
        with open(output / "answer.json", encoding="utf-8") as file:
            answer = json.load(file)
        return read_draws(output / "draws.csv"), answer


def write_series(path: Path, names: list[str], values: np.ndarray) -> None:
    """One column a series: `x_1`, `x_2`, ... are the entries of `x`."""
    series: dict[str, list[float]] = {}
    for name, value in zip(names, values, strict=True):
        stem, _, entry = name.rpartition("_")
        series.setdefault(stem if entry.isdigit() else name, []).append(value)
    longest = max(map(len, series.values()))
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(series)
        for row in range(longest):
            writer.writerow([repr(float(v[row])) if row < len(v) else "" for v in series.values()])


def read_draws(path: Path) -> np.ndarray:
    """The parameters' columns of a file of draws."""
    with open(path, encoding="utf-8") as file:
        rows = csv.reader(file)
        names = next(rows)
        kept = [k for k, name in enumerate(names) if name not in NOT_PARAMETERS]
        return np.array([[float(row[k]) for k in kept] for row in rows])


NOT_PARAMETERS = {"mechanism", "log_density"}
