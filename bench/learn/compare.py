"""Training engines: steps per second beside PyTorch and sbi, draws per second, then held-out
log-probability.

`bench/run learn [--quick] [--only steps|draws|quality]`
"""

import argparse
import sys

import result
from learn import draws, quality, steps
from learn.engines import Torch, our_worker
from worker import BUILD


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run learn")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=["steps", "draws", "quality"])
    arguments = parser.parse_args()
    folder = BUILD / "learn"
    folder.mkdir(parents=True, exist_ok=True)
    ours, torch = our_worker(), Torch.start()
    rows, missing = [], []
    if arguments.only in (None, "steps"):
        rows += steps.compare(ours, torch, arguments.quick, missing)
    if arguments.only in (None, "draws"):
        rows += draws.compare(ours, torch, arguments.quick)
    if arguments.only in (None, "quality"):
        # One thread: sbi's small network gains nothing from a second.
        rows += quality.compare(ours, torch.one, folder, arguments.quick, missing)
    ours.close()
    torch.close()
    result.finish("learn", rows, arguments.quick, missing)
    return 0


if __name__ == "__main__":
    sys.exit(main())
