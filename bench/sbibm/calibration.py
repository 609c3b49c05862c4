"""Whether the claims about the networks survive: SBC, coverage and TARP on fresh simulations."""

import json
from collections import Counter

from sbibm import ours


def rows(gnomon, folder, tasks: list[str], budgets: list[int], seeds: range) -> list[dict]:
    """One row a task and budget, with the first seed: verdicts counted, and the claims that failed."""
    return [row(gnomon, folder, task, budget, seeds[0]) for task in tasks for budget in budgets]


def row(gnomon, folder, task: str, budget: int, seed: int) -> dict:
    study = ours.Study(gnomon, task, folder / f"{task}-{budget}-{seed}", seed)
    study.learn(budget)
    study.run("run", study.folder, "--simulations", str(budget))
    with open(study.folder / "results" / "claims.json", encoding="utf-8") as file:
        claims = json.load(file)["claims"]
    verdicts = Counter(claim["verdict"] for claim in claims)
    others = [f"{c['name']}: {c['verdict']}" for c in claims if c["verdict"] != "survived"]
    return {"task": task, "simulations": budget, "verdicts": dict(verdicts), "others": others}


def table(found: list[dict]) -> list[list[str]]:
    """Task, budget, claims that survived of how many, and the others by name."""
    return [
        [
            row["task"],
            f"{row['simulations']:,d}",
            f"{row['verdicts'].get('survived', 0)} of {sum(row['verdicts'].values())}",
            "; ".join(row["others"]),
        ]
        for row in found
    ]
