"""What each setting of the training recipe is worth: `[learn]` with one setting changed at a time, on the
mechanisms of `bench/learn/tasks`, none of which is a test problem of a published benchmark.

`bench/run recipe [--simulations N] [--seeds N] [--settings WORDS ...]`

Prints the nats that the first network of the ensemble gains on its held-out simulations over the default:
means over seeds, each of which has its own simulations, starting weights and order, and the standard
error of these differences over all tasks.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path

import machine
from command_line import Gnomon
from worker import BUILD

ROOT = Path(__file__).resolve().parents[2]
TASKS = sorted((ROOT / "bench" / "learn" / "tasks").glob("*.toml"))
# What is changed, as a reader would say it, and as the study says it.
SETTINGS = {
    "learning rate .001": "learning_rate = 0.001",
    "learning rate .006": "learning_rate = 0.006",
    "learning rate .01": "learning_rate = 0.01",
    "learning rate .02": "learning_rate = 0.02",
    "schedule: constant": "final_rate = 1",
    "schedule: down to .2": "final_rate = 0.2",
    "schedule: down to 0": "final_rate = 0",
    "warm-up: none": "warm_up = 0",
    "batch 50": "batch = 50",
    "batch 1,000": "batch = 1000",
    "width 25": "width = 25",
    "width 100": "width = 100",
    "features 16": "features = 16",
    "early stopping after 5 passes": "patience = 5",
    "weight averaging: none": "averaging = 0",
    "weight averaging over 1/5": "averaging = 0.2",
    "schedule: constant, averaging over 1/5": "final_rate = 1\naveraging = 0.2",
    "weight decay .01": "weight_decay = 0.01",
    "initialisation x .5": "initial_scale = 0.5",
    "initialisation x 1.73 (LeCun)": "initial_scale = 1.7320508",
    "initialisation x 2.45 (He)": "initial_scale = 2.4494897",
    "data order: one for all passes": "shuffle = false",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run recipe")
    parser.add_argument("--quick", action="store_true", help="one seed")
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--settings", nargs="*", default=[""], help="only those with one of these words in their name")
    arguments = parser.parse_args()
    seeds = arguments.seeds or (1 if arguments.quick else 2)
    subprocess.run(["cargo", "build", "--release", "-p", "gnomon"], cwd=ROOT, check=True)
    gnomon = Gnomon(ROOT / "target" / "release" / "gnomon")
    settings = {name: text for name, text in SETTINGS.items() if any(word in name for word in arguments.settings)}
    gains = {name: {} for name in settings}
    for task in TASKS:
        runs = [
            losses(gnomon, task, seed, arguments.simulations, settings) for seed in range(1, seeds + 1)
        ]
        for name in settings:
            gains[name][task.stem] = [run[""] - run[name] for run in runs]
            print(f"{task.stem}, {name}: {gains[name][task.stem]}", file=sys.stderr, flush=True)
    print(f"\n{arguments.simulations} simulations, {seeds} seeds, on {machine.name()}\n\n{table(gains)}\n")
    found = {"bench": "recipe", "simulations": arguments.simulations, "seeds": seeds, "gains": gains}
    print(json.dumps(found | {"machine": machine.name()}))
    return 0


def losses(gnomon: Gnomon, task: Path, seed: int, simulations: int, settings: dict[str, str]) -> dict[str, float]:
    """Held-out loss of the first network by the default (under the name "") and by each setting."""
    folder = BUILD / "recipe" / f"{task.stem}-{simulations}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task.toml").write_text(task.read_text())
    found = {}
    for name, text in {"": "", **settings}.items():
        (folder / "study.toml").write_text(
            f'title = "What is a setting worth?"\nmechanisms = ["task.toml"]\n'
            f"[simulate]\nsimulations = {simulations}\nseed = {seed}\n[learn]\n{text}\n"
        )
        found[name] = gnomon("learn", folder, "--quiet", "--threads", 1)["networks"][0]["held_out_loss"]
    return found


def table(gains: dict[str, dict[str, list[float]]]) -> str:
    """Means by task; over tasks, the mean and the standard error of the differences between seeds."""
    tasks = [task.stem for task in TASKS]
    lines = ["| | " + " | ".join([*tasks, "mean"]) + " |", "|---" * (len(tasks) + 2) + "|"]
    for name, by_task in gains.items():
        cells = [f"{statistics.mean(by_task[task]):+.3f}" for task in tasks]
        means = [statistics.mean(seed) for seed in zip(*(by_task[task] for task in tasks), strict=True)]
        mean = f"{statistics.mean(means):+.3f}"
        if len(means) > 1:
            mean += f" ± {statistics.stdev(means) / math.sqrt(len(means)):.3f}"
        lines.append(f"| {name} | " + " | ".join([*cells, mean]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
