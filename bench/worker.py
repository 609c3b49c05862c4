"""A worker is a process that times one engine: it reads a JSON request a line, runs it, and answers
a JSON line. It lives as long as the comparison, so that nobody's start-up or compilation is timed.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

# Where workers run, and leave whatever they leave: ignored by git.
BUILD = Path(__file__).resolve().parent / ".build"


class WorkerError(Exception):
    """A worker died or answered an error."""


def pinned(threads: int, patient: bool) -> dict[str, str]:
    """An environment in which numerical libraries use `threads` threads. Patient threads sleep
    while they wait for each other: slower on an idle machine, many times faster on a busy one."""
    names = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "RAYON")
    eigen = "true" if threads > 1 else "false"
    return {
        **os.environ,
        **{f"{name}_NUM_THREADS": str(threads) for name in names},
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={eigen} "
        f"intra_op_parallelism_threads={threads}",
        **({"OMP_WAIT_POLICY": "PASSIVE"} if patient else {}),
        "NPROC": str(threads),
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
    }


class Worker:
    """One process, spoken to in JSON lines."""

    def __init__(self, command: list[str], threads: int = 1, patient: bool = False):
        self.command = [str(part) for part in command]
        BUILD.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            self.command,
            cwd=BUILD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=pinned(threads, patient),
            text=True,
        )

    def send(self, **request) -> None:
        """Hands over a request without waiting."""
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise WorkerError(f"{self.command[-1]} died") from error

    def receive(self) -> dict:
        """Waits for the answer."""
        line = self.process.stdout.readline()
        if not line:
            raise WorkerError(f"{' '.join(self.command)} died (status {self.process.wait()})")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def ask(self, **request) -> dict:
        """Hands over a request and waits for its answer."""
        self.send(**request)
        return self.receive()

    def close(self) -> None:
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait()


def serve(run: Callable[..., dict]) -> None:
    """The worker's side: answers `run(**request)` for every request on standard input."""
    # What a library prints must not end up between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        try:
            answer = run(**json.loads(line))
        except Exception as error:  # a comparison reports a peer's failure, whatever it is
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
