"""The processes that train: ours, and PyTorch's for each way of using threads."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from worker import BUILD, Worker

FOLDER = Path(__file__).resolve().parent
VARIANTS = ("eager, foreach Adam", "eager, fused Adam", "compiled, fused Adam")


def our_worker() -> Worker:
    """Builds our side and starts it."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", BUILD / "target"))
    command = ["cargo", "build", "--release", "--quiet"]
    command += ["--manifest-path", FOLDER / "Cargo.toml"]
    subprocess.run(command, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    return Worker([str(target / "release" / "gnomon-bench-learn")])


@dataclass
class Torch:
    """PyTorch processes by how they wait for threads; two threads may also be left unused."""

    one: Worker
    two: Worker
    two_patient: Worker

    @classmethod
    def start(cls) -> "Torch":
        command = [sys.executable, "-m", "learn.torch_worker"]
        return cls(Worker(command), Worker(command, 2), Worker(command, 2, patient=True))

    def ways(self, threads: int) -> dict[str, Worker]:
        """What PyTorch may do with `threads` threads."""
        if threads == 1:
            return {"": self.one}
        return {"": self.two, ", patient threads": self.two_patient, ", one thread": self.one}

    def close(self) -> None:
        for worker in (self.one, self.two, self.two_patient):
            worker.close()


def rate(answer: dict) -> float:
    """Steps per second."""
    return answer["steps"] / answer["seconds"]
