"""Simulations per second: differential equations at equal achieved error, then exact jumps.

`bench/run simulate [--quick] [--work NAME ...]`
"""

import argparse
import sys

import result
from simulate import jumps, odes
from simulate.effort import Effort
from simulate.problems import JUMPS, PROBLEMS
from worker import BUILD


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run simulate")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--work", nargs="+", choices=[*PROBLEMS, JUMPS.name])
    arguments = parser.parse_args()
    effort = Effort(arguments.quick)
    folder = BUILD / "simulate"
    folder.mkdir(parents=True, exist_ok=True)
    rows, missing = [], []
    for name in arguments.work or [*PROBLEMS, JUMPS.name]:
        if name == JUMPS.name:
            rows += jumps.compare(folder, effort)
        else:
            rows += odes.compare(PROBLEMS[name], folder, effort, missing)
    result.finish("simulate", rows, arguments.quick, missing)
    return 0


if __name__ == "__main__":
    sys.exit(main())
