"""Training engines: steps per second beside PyTorch and sbi, then held-out log-probability.

`bench/run learn [--quick] [--only steps|quality]`
"""

import argparse
import sys

import result
from learn import quality, steps
from learn.engines import Torch, our_worker
from worker import BUILD


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run learn")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=["steps", "quality"])
    arguments = parser.parse_args()
    folder = BUILD / "learn"
    folder.mkdir(parents=True, exist_ok=True)
    ours, torch = our_worker(), Torch.start()
    rows, missing = [], []
    if arguments.only != "quality":
        rows += steps.compare(ours, torch, arguments.quick, missing)
    if arguments.only != "steps":
        # One thread: sbi's small network gains nothing from a second.
        rows += quality.compare(ours, torch.one, folder, arguments.quick, missing)
    ours.close()
    torch.close()
    result.finish("learn", rows, arguments.quick, missing)
    return 0


if __name__ == "__main__":
    sys.exit(main())
