"""The loosest tolerance with which an engine achieves an error, found by a secant search."""

import math
from collections.abc import Callable

MOST_RUNS = 9
# A found error between this share of the target and the target ends the search.
CLOSE = 0.85
LOOSEST, TIGHTEST = 1e-1, 1e-13


def search(error_at: Callable[[float], float], target: float) -> tuple[float, float] | None:
    """The tolerance and the error that it gave, at most `target`; None if there is none.

    The error is taken to follow a power of the tolerance, the last two runs giving its exponent;
    where that leaves the bracket of a tolerance that did and one that did not, the bracket is
    halved.
    """
    best = previous = None
    failed = math.inf
    tolerance = target
    for _ in range(MOST_RUNS):
        error = error_at(tolerance)
        if error > target:
            failed = min(failed, tolerance)
        elif best is None or tolerance > best[0]:
            best = tolerance, error
        if CLOSE * target <= error <= target:
            break
        following = tolerance * factor(tolerance, error, previous, target)
        previous = tolerance, error
        if best and failed < math.inf and not best[0] < following < failed:
            following = math.sqrt(best[0] * failed)
        following = min(max(following, TIGHTEST), LOOSEST)
        if abs(math.log(following / tolerance)) < 0.02:
            break
        tolerance = following
    return best


def factor(tolerance, error, previous, target) -> float:
    """By how much to change the tolerance."""
    if not math.isfinite(error):
        return 0.1
    if error == 0.0:
        return 10.0
    slope = 1.0
    if previous and math.isfinite(previous[1]) and previous[1] > 0.0:
        slope = math.log(error / previous[1]) / math.log(tolerance / previous[0])
    step = (0.94 * target / error) ** (1 / min(max(slope, 0.5), 2.0))
    return min(max(step, 1e-2), 1e2)
