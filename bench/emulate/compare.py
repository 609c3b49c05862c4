"""Emulators from equal banks: error at 2,000 fresh points and seconds from table to fitted model, beside
autoemulate and SMT.

`bench/run emulate [--quick] [--problems NAME ...] [--rows N ...] [--peers NAME ...] [--threads N]`
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
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
            rows += compared(name, PROBLEMS[name], rows_of_bank, arguments.threads, workers)
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


def compared(
    name: str, problem: Problem, rows: int, threads: int, workers: dict[str, Worker]
) -> list[dict]:
    """One row for each system."""
    request = files(name, problem, rows)
    found = []
    for system, worker in workers.items():
        try:
            answer = worker.ask(**request, threads=threads)
        except WorkerError as error:
            answer = {"failed": str(error)}
        print(f"{name} {rows} {system}: {json.dumps(answer)}", file=sys.stderr)
        found.append({"problem": name, "bank": rows, "system": system, **answer})
    return found


def files(name: str, problem: Problem, rows: int) -> dict:
    """The bank and the fresh points, in a file for Python and as plain numbers for us."""
    folder = BUILD / "emulate"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-{rows}.npz"
    if not file.exists():
        x, y = problem.bank(rows)
        fresh, truth = problem.fresh()
        np.savez(file, x=x, y=y, fresh=fresh, truth=truth)
    request = {"file": str(file)}
    for part, values in np.load(file).items():
        plain = folder / f"{name}-{rows}-{part}.f64"
        values.astype("<f8").tofile(plain)
        request[part] = {"file": str(plain), "columns": values.shape[1]}
    return request


def table(rows: list[dict]) -> str:
    """Error over sd and seconds, system by system."""
    head = ["problem", "bank", "system", "error / sd", "seconds", "of processors", "model"]
    body = []
    for row in rows:
        lead = [row["problem"], str(row["bank"]), row["system"]]
        if "failed" in row:
            body.append([*lead, "", "", "", row["failed"][:60]])
        else:
            times = [f"{row[key]:.2f}" for key in ("seconds", "cpu_seconds")]
            body.append([*lead, f"{row['error_over_sd']:.2e}", *times, row["best"]])
    return result.aligned(head, body)


if __name__ == "__main__":
    sys.exit(main())
