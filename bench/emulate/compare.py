"""Emulators from equal banks: error at 2,000 fresh points and seconds from table to fitted model, beside
autoemulate and SMT.

`bench/run emulate [--quick] [--problems NAME ...] [--rows N ...] [--banks N] [--peers NAME ...] [--threads N]`
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

import machine
import numpy as np
import result
from emulate.problems import PROBLEMS, Problem
from worker import BUILD, Worker, WorkerError

FOLDER = Path(__file__).resolve().parent
PEERS = ("autoemulate", "smt")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run emulate")
    parser.add_argument("--quick", action="store_true", help="banks of 50 and 200 rows")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--rows", nargs="+", type=int)
    parser.add_argument("--banks", type=int, default=1, help="banks of each size, of which medians are told")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    arguments = parser.parse_args()
    missing = [peer for peer in arguments.peers if importlib.util.find_spec(peer) is None]
    arguments.peers = [peer for peer in arguments.peers if peer not in missing]
    workers = {"gnomon": our_worker(arguments.threads)}
    for peer in arguments.peers:
        workers[peer] = Worker([sys.executable, "-m", f"emulate.{peer}_worker"], arguments.threads)
    rows = []
    for rows_of_bank in arguments.rows or ((50, 200) if arguments.quick else (50, 200, 1000)):
        for name in arguments.problems:
            for number in range(arguments.banks):
                rows += compared(name, (rows_of_bank, number), arguments.threads, workers)
    for worker in workers.values():
        worker.close()
    versions = {peer: importlib.metadata.version(peer) for peer in arguments.peers}
    print(f"\nemulate on {machine.name()}, {arguments.threads} threads; {versions}\n\n{table(rows)}\n")
    for peer in missing:
        print(f"not measured: {peer} is not installed (bench/README.md says how)")
    found = {"versions": versions, "rows": rows, "missing": missing}
    print(json.dumps({"bench": "emulate", "machine": machine.name(), **found}))
    return 0


def our_worker(threads: int) -> Worker:
    """Builds our side and starts it."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", BUILD / "target"))
    command = ["cargo", "build", "--release", "--quiet", "--manifest-path", FOLDER / "Cargo.toml"]
    subprocess.run(command, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    return Worker([str(target / "release" / "gnomon-bench-emulate")], threads)


def compared(name: str, bank: tuple[int, int], threads: int, workers: dict[str, Worker]) -> list[dict]:
    """One row for each system, of a bank of so many rows and with this number."""
    rows, number = bank
    request = files(name, PROBLEMS[name], rows, number)
    found = []
    for system, worker in workers.items():
        try:
            answer = worker.ask(**request, threads=threads)
        except WorkerError as error:
            answer = {"failed": str(error)}
        print(f"{name} {rows} {system}: {json.dumps(answer)}", file=sys.stderr)
        found.append({"problem": name, "bank": rows, "number": number, "system": system, **answer})
    return found


def medians(rows: list[dict]) -> list[dict]:
    """Of all banks of a problem and size: each system's median error and seconds, how often it took which model,
    and the median of our error over its, bank by bank."""
    keys = list(dict.fromkeys((row["problem"], row["bank"], row["system"]) for row in rows))
    ours = {(row["problem"], row["bank"], row["number"]): row for row in rows if row["system"] == "gnomon"}
    told = []
    for problem, bank, system in keys:
        own = [row for row in rows if (row["problem"], row["bank"], row["system"]) == (problem, bank, system)]
        done = [row for row in own if "failed" not in row]
        if not done:
            told.append(own[0])
            continue
        middle = {
            key: statistics.median(row[key] for row in done) for key in ("error_over_sd", "seconds", "cpu_seconds")
        }
        best, times = Counter(row["best"] for row in done).most_common(1)[0]
        beside = [(ours[problem, bank, row["number"]], row) for row in done]
        ratios = [a["error_over_sd"] / b["error_over_sd"] for a, b in beside if "failed" not in a]
        ratio = statistics.median(ratios) if ratios else None
        model = best if len(own) == 1 else f"{best} ({times} of {len(own)})"
        told.append({"problem": problem, "bank": bank, "system": system, **middle, "ratio": ratio, "best": model})
    return told


def files(name: str, problem: Problem, rows: int, number: int) -> dict:
    """The bank and the fresh points, in a file for Python and as plain numbers for us."""
    folder = BUILD / "emulate"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name}-{rows}-{number}"
    file = folder / f"{stem}.npz"
    if not file.exists():
        x, y = problem.bank(rows, number)
        fresh, truth = problem.fresh()
        np.savez(file, x=x, y=y, fresh=fresh, truth=truth)
    request = {"file": str(file)}
    for part, values in np.load(file).items():
        plain = folder / f"{stem}-{part}.f64"
        values.astype("<f8").tofile(plain)
        request[part] = {"file": str(plain), "columns": values.shape[1]}
    return request


def table(rows: list[dict]) -> str:
    """Error over sd and seconds, system by system."""
    head = ["problem", "bank", "system", "error / sd", "ours over it", "seconds", "of processors", "model"]
    body = []
    for row in medians(rows):
        lead = [row["problem"], str(row["bank"]), row["system"]]
        if "failed" in row:
            body.append([*lead, "", "", "", "", row["failed"][:60]])
        else:
            times = [f"{row[key]:.2f}" for key in ("seconds", "cpu_seconds")]
            ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
            body.append([*lead, f"{row['error_over_sd']:.2e}", ratio, *times, row["best"]])
    return result.aligned(head, body)


if __name__ == "__main__":
    sys.exit(main())
