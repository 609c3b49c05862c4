"""The benchmark's ten observations a task and their reference posteriors, from the package `sbibm`."""

import bz2
import csv
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

VERSION = "1.1.0"
# Tasks that share the posteriors of another.
PARENT = {"slcp_distractors": "slcp", "bernoulli_glm_raw": "bernoulli_glm"}


def fetch(folder: Path) -> Path:
    """The folder of the tasks' files; the package is downloaded there, unpacked, not installed."""
    tasks = folder / "sbibm" / "tasks"
    if not tasks.exists():
        folder.mkdir(parents=True, exist_ok=True)
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*download, f"sbibm=={VERSION}", "--dest", folder], check=True)
        wheel = next(folder.glob("sbibm-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    return tasks


def posterior(tasks: Path, task: str, observation: int) -> np.ndarray:
    """10,000 draws of the reference posterior of an observation (from 1): rows x parameters."""
    folder = tasks / PARENT.get(task, task) / "files" / f"num_observation_{observation}"
    with bz2.open(folder / "reference_posterior_samples.csv.bz2", "rt") as file:
        rows = csv.reader(file)
        next(rows)
        return np.array([[float(cell) for cell in row] for row in rows])
