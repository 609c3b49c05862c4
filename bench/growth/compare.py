"""Which mechanism made a series: errors of Gnomon's networks beside AIC, AICc and BIC of
maximum-likelihood fits, without and with the noise of the environment in the likelihood, and beside
exact evidence, on held-out series: at three levels of noise in the environment, and two harder ones.

`bench/run growth [--series N] [--exact N] [--simulations N] [--levels NAME ...] [--learned]`
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
import result
from command_line import Gnomon
from worker import BUILD

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "studies" / "which-growth"
MECHANISMS = ("logistic", "gompertz", "theta_logistic", "allee")
# Noise of the environment in a year, and of the measurement, in logarithms; and the seed of the series.
LEVELS = {
    "calm": ((0.03, 0.03), 1000),
    "middling": ((0.06, 0.03), 1010),
    "rough": ((0.1, 0.03), 1011),
    "rough, and so are counts": ((0.1, 0.1), 1001),
    "beyond": ((0.3, 0.3), 1002),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run growth")
    parser.add_argument("--quick", action="store_true", help="200 series, 20 with the noise, 40,000 simulations")
    parser.add_argument("--series", type=int)
    parser.add_argument("--exact", type=int, help="series of each level also answered by exact evidence and by fits with the noise")
    parser.add_argument("--simulations", type=int)
    parser.add_argument("--levels", nargs="+", choices=LEVELS, default=list(LEVELS))
    parser.add_argument("--learned", action="store_true", help="asks the networks that an earlier run learned")
    arguments = parser.parse_args()
    quick = arguments.quick
    series = arguments.series or (200 if quick else 2000)
    exact = arguments.exact if arguments.exact is not None else (20 if quick else 200)
    simulations = arguments.simulations or (40_000 if quick else 200_000)
    subprocess.run(["cargo", "build", "--release", "-p", "gnomon"], cwd=ROOT, check=True)
    gnomon = Gnomon(ROOT / "target" / "release" / "gnomon")
    folder = BUILD / "growth" / str(simulations)
    study = copy(STUDY, folder / "study")
    if not arguments.learned:
        gnomon("learn", study, "--simulations", str(simulations))
    rows = []
    for level in arguments.levels:
        noise, seed = LEVELS[level]
        test = folder / level
        truths, data = held_out(gnomon, test, noise, series, seed)
        found = {
            "network": networks(gnomon, study, data, test),
            **fits(gnomon, data, test),
        }
        rows.append({"level": level, "noise": noise, **compared(truths, found), "capacity": capacity(test)})
        if exact:
            count = min(exact, series)
            same = {name: values[:count] for name, values in found.items()}
            noisy = with_noise(gnomon, study, first_of(data, count, test / "with-noise"))
            told = compared(truths[:count], {**same, **noisy})
            rows.append({"level": f"{level}, first {count}", "noise": noise, **told})
    print(f"\nwhich-growth on {machine.name()}\n\n{table(rows)}\n")
    for row in rows:
        if "capacity" in row:
            print(f"carrying capacity, {row['level']}: {row['capacity']}")
    print(json.dumps({"bench": "growth", "machine": machine.name(), "rows": rows}))
    return 0


def copy(study: Path, folder: Path) -> Path:
    shutil.copytree(study, folder, ignore=shutil.ignore_patterns("results"), dirs_exist_ok=True)
    return folder


def held_out(gnomon, folder: Path, noise, series: int, seed: int) -> tuple[list[str], Path]:
    """Series of all mechanisms at one noise level, from a seed that nothing was trained on: the true
    mechanism of each, and the file."""
    study = copy(STUDY, folder / "study")
    for path in study.glob("*.toml"):
        text = path.read_text()
        for name, value in zip(("sigma", "tau"), noise, strict=True):
            text = "\n".join(
                f"{name} = {value}" if line.split("=")[0].strip() == name else line
                for line in text.splitlines()
            )
        if path.name != "study.toml":
            path.write_text(text + "\n")
    gnomon("simulate", study, "--simulations", series, "--seed", seed)
    file = folder / "series.csv"
    banks = list((study / "results" / "banks").iterdir())
    gnomon("bank", "export", banks[0], file)
    return [row["mechanism"] for row in rows_of(file)], file


def networks(gnomon, study: Path, data: Path, folder: Path) -> list[str]:
    """The most probable mechanism of each series by the trained networks."""
    gnomon("ask", study, "--each", data, "--draws", 200, "--output", folder)
    return largest(folder / "answers.csv", "probability_{}", 1)


def fits(gnomon, data: Path, folder: Path) -> dict[str, list[str]]:
    """The best mechanism of each series by criteria of fits that know measurement noise alone."""
    study = copy(STUDY / "measured", folder / "measured")
    gnomon("fit", study, "--each", data, "--output", folder)
    return {
        name: largest(folder / "fits.csv", f"{{}}_{name.lower()}", -1) for name in ("AIC", "AICc", "BIC")
    }


def largest(file: Path, column: str, sign: int) -> list[str]:
    """The mechanism with the largest number (times `sign`) in each row."""
    rows = rows_of(file)

    def number(row, mechanism):
        text = row[column.format(mechanism)]
        return sign * float(text) if text else -math.inf

    return [max(MECHANISMS, key=lambda mechanism: number(row, mechanism)) for row in rows]


def capacity(folder: Path) -> dict:
    """How far the carrying capacity is off, as ln K: root mean squares and medians, by the networks' median over
    all mechanisms and by the fit that AIC takes; and the share of the networks' 90 % intervals that hold it."""
    truths, answers, fitted = (rows_of(folder / name) for name in ("series.csv", "answers.csv", "fits.csv"))
    best = largest(folder / "fits.csv", "{}_aic", -1)
    true = [float(row["K"]) for row in truths]
    own = [math.log(float(row["K_q50"]) / k) for row, k in zip(answers, true, strict=True)]
    theirs = [math.log(float(row[f"{name}_K"]) / k) for row, name, k in zip(fitted, best, true, strict=True)]
    inside = [float(row["K_q05"]) <= k <= float(row["K_q95"]) for row, k in zip(answers, true, strict=True)]
    return {"network": mean_square(own), "fit": mean_square(theirs), "in_90": round(statistics.fmean(inside), 4)}


def mean_square(errors: list[float]) -> dict:
    squares = [error * error for error in errors]
    return {
        "root_mean_square": round(math.sqrt(statistics.fmean(squares)), 4),
        "median": round(statistics.median(map(abs, errors)), 4),
    }


def rows_of(file: Path) -> list[dict]:
    with open(file, encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def first_of(data: Path, count: int, folder: Path) -> Path:
    """A file of the first data sets, in a folder of its own."""
    folder.mkdir(exist_ok=True)
    lines = data.read_text().splitlines()
    file = folder / "series.csv"
    file.write_text("\n".join(lines[: count + 1]) + "\n")
    return file


def with_noise(gnomon, study: Path, data: Path) -> dict[str, list[str]]:
    """The best mechanism of each series by likelihoods that know the noise of the environment, too: by exact
    evidence, and by criteria of fits."""
    folder = data.parent
    gnomon("ask", study, "--each", data, "--draws", 1, "--refine", "--output", folder)
    gnomon("fit", study, "--each", data, "--output", folder)
    found = {
        f"{name}, noise": largest(folder / "fits.csv", f"{{}}_{name.lower()}", -1) for name in ("AIC", "AICc", "BIC")
    }
    found["evidence"] = largest(folder / "answers.csv", "probability_by_evidence_{}", 1)
    return found


def compared(truths: list[str], found: dict[str, list[str]]) -> dict:
    """The share of wrong answers of each method with its 95 % interval (Wilson 1927), and of the
    networks' over each other's, with an interval by the delta method on paired series."""
    wrong = {
        name: [a != b for a, b in zip(answers, truths, strict=True)] for name, answers in found.items()
    }
    errors = {name: {"error": round(statistics.fmean(w), 4), "interval": wilson(sum(w), len(w))} for name, w in wrong.items()}
    ratios = {
        name: ratio(wrong["network"], w) for name, w in wrong.items() if name != "network"
    }
    return {"series": len(truths), "errors": errors, "ratios": ratios}


def wilson(successes: int, trials: int, z: float = 1.96) -> list[float]:
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    return [round(centre - half, 4), round(centre + half, 4)]


def ratio(ours: list[bool], theirs: list[bool]) -> dict:
    """Ours over theirs and its 95 % interval; the difference in points and its standard error."""
    n, a, b = len(ours), statistics.fmean(ours), statistics.fmean(theirs)
    differences = [x - y for x, y in zip(ours, theirs, strict=True)]
    points = {
        "difference": round(statistics.fmean(differences), 4),
        "standard_error": round(statistics.pstdev(differences) / math.sqrt(n), 4),
    }
    if a == 0 or b == 0:
        return points
    both = statistics.fmean([x and y for x, y in zip(ours, theirs, strict=True)])
    variance = ((1 - a) / a + (1 - b) / b - 2 * (both / (a * b) - 1)) / n
    spread = math.exp(1.96 * math.sqrt(max(variance, 0)))
    return {"ratio": round(a / b, 3), "interval": [round(a / b / spread, 3), round(a / b * spread, 3)], **points}


def table(rows: list[dict]) -> str:
    """One line a level and method."""
    head = ["noise", "series", "method", "wrong", "95 % interval", "network / it", "interval"]
    body = []
    for row in rows:
        for name, told in row["errors"].items():
            against = row["ratios"].get(name, {})
            low, high = told["interval"]
            between = against.get("interval")
            body.append(
                [
                    row["level"],
                    f"{row['series']:,d}",
                    name,
                    f"{told['error']:.1%}",
                    f"{low:.1%} to {high:.1%}",
                    f"{against['ratio']:.2f}" if "ratio" in against else "",
                    f"{between[0]:.2f} to {between[1]:.2f}" if between else "",
                ]
            )
    return result.aligned(head, body)


if __name__ == "__main__":
    sys.exit(main())
