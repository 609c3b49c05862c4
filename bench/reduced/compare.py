"""Reduced bases by pyMOR beside our learned map, its refined answers and our solver, on Burgers' and the
Allen-Cahn equation: error against a fine solution, and processor time a query, on one thread.

`bench/run reduced [--quick] [--only burgers|allen-cahn] [--queries N] [--binary FILE]`
"""

import argparse
import csv
import importlib.metadata
import importlib.util
import json
import math
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import machine
import numpy as np
import result
from command_line import Gnomon
from reduced.equations import CELLS, EQUATIONS, Equation
from worker import BUILD

ROOT = Path(__file__).resolve().parents[2]
SEED = 20
# Times at which pyMOR's bank holds each solution, the start included.
DENSE = 51
# Rows of our bank that pyMOR's is made of.
BANK = 100
# Modes of the solution, and of its nonlinear part.
BASES = [(5, 8), (10, 15), (15, 25), (20, 30), (30, 45), (40, 60)]
METHODS = ("odeint", "LSODA", "BDF", "Radau")
TOLERANCES = (1e-4, 1e-6, 1e-8)
# Queries that speeds are told by; the fastest of so many passes counts.
TIMED, PASSES = 10, 3
# The same of ours.
MANY = 2_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run reduced")
    parser.add_argument("--quick", action="store_true", help="40 queries, three bases")
    parser.add_argument("--only", choices=EQUATIONS)
    parser.add_argument("--queries", type=int)
    parser.add_argument("--binary", type=Path, help="a gnomon that is built already")
    arguments = parser.parse_args()
    queries = arguments.queries or (40 if arguments.quick else 200)
    binary = arguments.binary
    if binary is None:
        subprocess.run(["cargo", "build", "--release", "-p", "gnomon"], cwd=ROOT, check=True)
        binary = ROOT / "target" / "release" / "gnomon"
    gnomon = Gnomon(binary.resolve())
    rows, missing = [], []
    if importlib.util.find_spec("pymor") is None:
        missing.append("pymor is not installed (bench/README.md says how)")
    for name in [arguments.only] if arguments.only else EQUATIONS:
        equation = EQUATIONS[name]()
        ours, bank, asked, fine = gnomons(gnomon, equation, queries)
        spread = float(fine.std())
        rows += ours(spread)
        if not missing:
            bases = BASES[1:4] if arguments.quick else BASES
            rows += pymors(equation, bank, asked, fine, spread, bases)
    print(f"\nreduced on {machine.name()}, one thread\n\n{table(rows)}\n")
    for reason in missing:
        print(f"not measured: {reason}")
    if machine.load() > 1.5:
        print(f"the machine is busy ({machine.load():.1f} processes a core): expect noise")
    print(json.dumps({"bench": "reduced", "machine": machine.name(), "rows": rows, "missing": missing}))
    return 0


def gnomons(gnomon: Gnomon, equation: Equation, queries: int):
    """Our rows (once the spread is known), our bank's parameters, fresh queries and their fine solutions."""
    folder = BUILD / "reduced"
    study = folder / equation.study
    source = ROOT / "studies" / "emulators" / equation.study
    study.mkdir(parents=True, exist_ok=True)
    for file in source.glob("*.toml"):
        shutil.copy(file, study)
    gnomon("emulate", study, "--threads", "1")
    gnomon("bank", "export", study, folder / f"{equation.study}-bank.csv")
    bank = columns(folder / f"{equation.study}-bank.csv", equation.parameters)
    asked = fresh(bank, queries)
    file = folder / f"{equation.study}-queries.csv"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([equation.parameters, *asked.tolist()])
    began = time.perf_counter()
    fine = np.array([equation.solve(row, equation.times, 1e-10) for row in asked])
    print(f"{equation.study}: fine solutions in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    # Speeds are told by more of the same queries, less what a single one takes.
    files = {}
    for count in (1, MANY):
        files[count] = folder / f"{equation.study}-{count}.csv"
        rows_of = np.tile(asked, (-(-count // queries), 1))[:count]
        with files[count].open("w", newline="") as out:
            csv.writer(out).writerows([equation.parameters, *rows_of.tolist()])
    names = [f"u_{cell}_{k + 1}" for k in range(len(equation.times)) for cell in range(1, CELLS + 1)]
    answers, seconds = {}, {}
    for name, options in (("learned map, else solver", []), ("refined", ["--refine"])):
        output = folder / f"{equation.study}-{len(options)}"
        both = ["--output", output, "--threads", "1", *options]
        one, many = (
            min(processor_seconds(gnomon, "ask", study, "--at", files[count], *both) for _ in range(PASSES))
            for count in (1, MANY)
        )
        seconds[name] = (many - one) / (MANY - 1)
        gnomon("ask", study, "--at", file, *both)
        answer = columns(output / "answers.csv", names)
        answers[name] = answer.reshape(queries, len(equation.times), CELLS)
    # The solver: simulations for a bank, less those of a small one.
    small, large = (
        min(processor_seconds(gnomon, "simulate", copy(study, count), "--threads", "1") for _ in range(1))
        for count in (10, MANY)
    )
    seconds["solver"] = (large - small) / (MANY - 10)
    file = folder / f"{equation.study}-10.csv"
    gnomon("bank", "export", copied(study, 10), file)
    exact = np.array([equation.solve(row, equation.times, 1e-10) for row in columns(file, equation.parameters)])
    solved = columns(file, names).reshape(exact.shape)

    def rows(spread: float) -> list[dict]:
        told = {name: errors(answer, fine, spread) for name, answer in answers.items()}
        return [
            row(equation, "our solver", errors(solved, exact, spread), seconds["solver"]),
            *(row(equation, f"our {name}", told[name], seconds[name]) for name in answers),
        ]

    return rows, bank[:BANK], asked, fine


def copied(study: Path, simulations: int) -> Path:
    """Where a copy of a study with so many simulations lies."""
    return study.with_name(f"{study.name}-simulate-{simulations}")


def copy(study: Path, simulations: int) -> Path:
    """A copy of a study without its results, with another bank."""
    to = copied(study, simulations)
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    for file in study.glob("*.toml"):
        text = file.read_text().replace("simulations = 500", f"simulations = {simulations}")
        (to / file.name).write_text(text)
    return to


def fresh(bank: np.ndarray, count: int) -> np.ndarray:
    """Queries between the bank's smallest and largest values: uniform in them, or in their logarithms where
    all are positive and span a factor of three or more."""
    generator = np.random.default_rng(SEED)
    drawn = []
    for values in bank.T:
        low, high = values.min(), values.max()
        if low > 0 and high > 3 * low:
            drawn.append(np.exp(generator.uniform(math.log(low), math.log(high), count)))
        else:
            drawn.append(generator.uniform(low, high, count))
    return np.stack(drawn, axis=1)


def pymors(equation, bank, asked, fine, spread, bases) -> list[dict]:
    """The rows of pyMOR: for each basis its own stepper, and the fastest of SciPy's solvers at each accuracy."""
    from reduced.models import reduce

    version = importlib.metadata.version("pymor")
    dense = np.linspace(0.0, equation.times[-1], DENSE)
    began = time.perf_counter()
    solutions = np.array([equation.solve(row, dense, 1e-8) for row in bank])
    print(f"{equation.study}: pyMOR's bank in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    found = []
    for modes, points in bases:
        model = reduce(equation, bank, solutions, modes, points)
        ways = {
            f"{method} {tolerance:.0e}": lambda p, m=method, t=tolerance: model.by_arrays(p, m, t)
            for method in METHODS
            for tolerance in TOLERANCES
        }
        if (modes, points) == bases[len(bases) // 2]:
            ways["implicit Euler, 200 steps"] = lambda p: model.by_pymor(p, 200)
            ways["its operator in odeint 1e-06"] = lambda p: model.by_operator(p, "odeint", 1e-6)
        own = []
        for way, solve in ways.items():
            is_slow = way.startswith("implicit")
            rows = asked[:TIMED] if is_slow else asked
            answers = np.array([solve(row) for row in rows])
            seconds = min(
                timed(solve, asked[: 2 if is_slow else TIMED]) for _ in range(1 if is_slow else PASSES)
            )
            told = errors(answers, fine[: len(rows)], spread)
            who = f"pyMOR {version}, {modes} modes, {points} points: {way}"
            own.append(row(equation, who, told, seconds))
            print(json.dumps(own[-1]), file=sys.stderr)
        found += own
    return best(found)


def best(rows: list[dict]) -> list[dict]:
    """Rows that no other beats in both error and time, and those that are not SciPy's on plain arrays."""

    def is_beaten(one: dict) -> bool:
        return any(other["most"] <= one["most"] and other["seconds"] < one["seconds"] for other in rows)

    own = [one for one in rows if "implicit" in one["who"] or "operator" in one["who"]]
    return [one for one in rows if one in own or not is_beaten(one)]


def timed(solve, rows) -> float:
    began = time.process_time()
    for one in rows:
        solve(one)
    return (time.process_time() - began) / len(rows)


def processor_seconds(gnomon: Gnomon, *arguments) -> float:
    """Processor time of one command."""

    def children() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = children()
    gnomon(*arguments)
    return children() - before


def errors(answers: np.ndarray, fine: np.ndarray, spread: float) -> dict:
    """The largest error of each query over the field's standard deviation: median and largest."""
    each = np.abs(answers - fine).reshape(len(fine), -1).max(axis=1) / spread
    return {"median": float(np.median(each)), "most": float(each.max())}


def row(equation: Equation, who: str, told: dict, seconds: float) -> dict:
    return {"equation": equation.study, "who": who, **told, "seconds": seconds}


def columns(file: Path, names) -> np.ndarray:
    """Some columns of a CSV file, one row a line."""
    with file.open(newline="") as lines:
        reader = csv.reader(lines)
        head = next(reader)
        places = [head.index(name) for name in names]
        return np.array([[float(line[place]) for place in places] for line in reader])


def table(rows: list[dict]) -> str:
    head = ["equation", "who", "error: median", "largest", "processor time a query"]
    body = [
        [
            one["equation"],
            one["who"],
            f"{one['median']:.1e}",
            "" if math.isnan(one["most"]) else f"{one['most']:.1e}",
            f"{1e3 * one['seconds']:.3g} ms",
        ]
        for one in rows
    ]
    return result.aligned(head, body)


if __name__ == "__main__":
    sys.exit(main())
