"""How long a comparison takes: repeats, the length of a timed run, what is left out."""

import sys
from pathlib import Path

from simulate.engines import Engine, Setting
from simulate.problems import Problem, Simulated


def say(text: str) -> None:
    """Tells the person who waits."""
    print(text, file=sys.stderr, flush=True)


class Effort:
    """The effort of a full run or of a quick one."""

    def __init__(self, quick: bool):
        self.quick = quick
        self.repeats = 3 if quick else 7
        self.seconds = 0.15 if quick else 0.4  # of one timed run
        self.least = 100 if quick else 300  # simulations of one timed run

    def thread_counts(self, engine: Engine) -> tuple[int, ...]:
        """A quick run starts no second process of a Python peer."""
        return (1,) if self.quick and not engine.own_threads else (1, 2)

    def skips(self, problem: Problem, engine: Engine) -> bool:
        """A quick run leaves out peers that have no bar to reach and take minutes."""
        slow = engine.variant == "DOP853" or (engine.peer == "diffrax" and problem.stiff)
        return self.quick and slow

    def run_length(
        self, problem: Simulated, engine: Engine, draws: Path, setting: Setting
    ) -> int:
        """How many simulations make a timed run long enough, for each process."""
        most = draws.stat().st_size // problem.draw_bytes // 2
        count = max(engine.batch, 100)
        for _ in range(3):
            wanted = engine.rate(problem, draws, count, setting, 1) * self.seconds
            longer = -(-int(max(wanted, self.least)) // engine.batch) * engine.batch
            longer = min(longer, most)
            if longer < 4 * count:
                return longer
            count = longer
        return count

    def interleaved(
        self,
        problem: Simulated,
        engines: list[Engine],
        settings: dict[str, Setting],
        draws: Path,
    ) -> dict[tuple[str, int], list[float]]:
        """Simulations per second by engine and threads, one number a repeat; every repeat runs
        every engine, so that what slows the machine slows all of them."""
        rates: dict[tuple[str, int], list[float]] = {}
        runs = [
            (engine, self.run_length(problem, engine, draws, settings[engine.name]), threads)
            for engine in engines
            for threads in self.thread_counts(engine)
        ]
        for repeat in range(self.repeats + 1):
            for engine, count, threads in runs:
                rate = engine.rate(problem, draws, count, settings[engine.name], threads)
                if repeat:  # the first starts processes and warms caches
                    rates.setdefault((engine.name, threads), []).append(rate)
        return rates
