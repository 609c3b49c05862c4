"""A fire on a grid of trees, as a worker: a request a line on standard input, an answer a line back."""

import json
import random
import sys

SIZE = 100
STEPS = 45
AHEAD = ((1, 0), (-1, 0), (0, 1), (0, -1))


def fire(draw, density, spread, wind):
    """Burning trees after every third step, and burnt ones in the west, middle and east third.

    The middle cell burns first. A burning tree lights each of its four neighbours with probability
    `spread`, to the east more, to the west less by the share `wind`, and is burnt a step later.
    """
    trees = {(x, y) for x in range(SIZE) for y in range(SIZE) if draw.random() < density}
    middle = (SIZE // 2, SIZE // 2)
    trees.discard(middle)
    burning, burnt, counts = [middle], [], []
    for _ in range(STEPS):
        lit = []
        for x, y in burning:
            for east, north in AHEAD:
                neighbour = (x + east, y + north)
                if neighbour in trees and draw.random() < spread * (1 + wind * east):
                    trees.remove(neighbour)
                    lit.append(neighbour)
        burnt += burning
        burning = lit
        counts.append(len(burning))
    thirds = [0, 0, 0]
    for x, _ in burnt:
        thirds[3 * x // SIZE] += 1
    if len(burnt) < 20:
        raise ValueError("the fire went out at once: nobody would have mapped it")
    return counts[2::3], thirds


for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    try:
        counts, thirds = fire(random.Random(request["seed"]), **request["parameters"])
        answer["observed"] = {"burning": counts, "burnt": thirds}
    except ValueError as error:
        answer["error"] = str(error)
    print(json.dumps(answer), flush=True)
