"""The engines under comparison, behind one door: a setting -> simulations per second."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from simulate.problems import Problem, Simulated
from worker import BUILD, Worker

FOLDER = Path(__file__).resolve().parent


def built_worker() -> list[str]:
    """Builds the Rust side and returns its command."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", BUILD / "target"))
    manifest = FOLDER / "Cargo.toml"
    command = ["cargo", "build", "--release", "--quiet", "--manifest-path", manifest]
    subprocess.run(command, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    return [str(target / "release" / "gnomon-bench-simulate")]


@dataclass
class Engine:
    """A simulator of many draws. Libraries with threads of their own get one process; Python ones
    get one single-threaded process a thread, each with its own draws."""

    peer: str
    variant: str
    name: str  # what its worker calls it
    command: list[str]
    own_threads: bool
    batch: int  # simulations come in multiples of this
    workers: dict[int, list[Worker]] = field(default_factory=dict)

    def team(self, threads: int) -> list[Worker]:
        """The processes that run on `threads` threads."""
        if threads not in self.workers:
            size = 1 if self.own_threads else threads
            each = threads if self.own_threads else 1
            self.workers[threads] = [Worker(self.command, each) for _ in range(size)]
        return self.workers[threads]

    def states(self, problem: Simulated, draws: Path, count: int, setting: "Setting") -> np.ndarray:
        """The states of the first `count` draws: count x times x states."""
        output = draws.with_suffix(".out")
        whole = -(-count // self.batch) * self.batch
        self.team(1)[0].ask(
            **self.request(problem, draws, whole, setting, 1), output=str(output)
        )
        found = np.fromfile(output)
        output.unlink()
        return found.reshape(whole, len(problem.times), len(problem.initial))[:count]

    def rate(
        self, problem: Simulated, draws: Path, count: int, setting: "Setting", threads: int
    ) -> float:
        """Simulations per second of `count` simulations on each process."""
        team = self.team(threads)
        for place, worker in enumerate(team):
            request = self.request(problem, draws, count, setting, threads)
            worker.send(**request, first=place * count)
        seconds = max(worker.receive()["seconds"] for worker in team)
        return len(team) * count / seconds

    def request(self, problem, draws, count, setting, threads) -> dict:
        return {
            "engine": self.name,
            "work": problem.name,
            "draws": str(draws),
            "count": count,
            "relative": setting.relative,
            "absolute": setting.absolute,
            "threads": threads,
        }

    def close(self) -> None:
        for team in self.workers.values():
            for worker in team:
                worker.close()
        self.workers.clear()


@dataclass(frozen=True)
class Setting:
    """Tolerances, and the error that they were seen to give."""

    relative: float
    absolute: float
    error: float


def jump_engines() -> list[Engine]:
    """Ours first, then rebop's two forms."""
    rust = built_worker()
    return [
        Engine("gnomon", "", "gnomon", rust, True, 1),
        Engine("rebop", "macro", "rebop macro", rust, True, 1),
        Engine("rebop", "function", "rebop function", rust, True, 1),
    ]


def ode_engines(problem: Problem) -> list[Engine]:
    """Ours first, then every peer that runs the problem."""
    rust = built_worker()
    python = [sys.executable, "-m"]
    own = "BDF" if problem.stiff else "Tsit45"
    found = [
        Engine("gnomon", "", "gnomon", rust, True, 1),
        Engine("diffsol", own, "diffsol", rust, True, 1),
        Engine(
            "diffrax",
            "Kvaerno5" if problem.stiff else "Tsit5",
            "diffrax",
            [*python, "simulate.diffrax_worker"],
            False,
            1000,
        ),
        Engine("scipy", "LSODA", "LSODA", [*python, "simulate.scipy_worker"], False, 1),
    ]
    if not problem.stiff:
        found.append(
            Engine("scipy", "DOP853", "DOP853", [*python, "simulate.scipy_worker"], False, 1)
        )
    return found
