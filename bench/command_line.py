"""Gnomon's command line, as benchmarks call it."""

import json
import subprocess
from pathlib import Path


class Gnomon:
    """A binary; a call runs one command, and gives what it prints as JSON."""

    def __init__(self, binary: Path):
        self.binary = binary

    def __call__(self, *arguments) -> dict:
        command = [self.binary, *map(str, arguments), "--json"]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(run.stdout)
