"""The M/G/1 queue, as a worker: a request a line on standard input, an answer a line back."""

import json
import random
import sys

CUSTOMERS = 50


def gaps_between_departures(draw, theta1, d, theta3):
    """One server, first come, first served, an empty queue at time 0."""
    arrival = departure = 0.0
    gaps = []
    for _ in range(CUSTOMERS):
        arrival += draw.expovariate(theta3)
        service = theta1 + d * draw.random()
        before, departure = departure, max(arrival, departure) + service
        gaps.append(departure - before)
    return gaps


def quartiles(values):
    """Minimum, quartiles and maximum, by linear interpolation (type 7 of Hyndman & Fan 1996)."""
    values = sorted(values)
    result = []
    for quarter in range(5):
        whole, part = divmod(quarter * (len(values) - 1), 4)
        above = values[min(whole + 1, len(values) - 1)]
        result.append(values[whole] + part / 4 * (above - values[whole]))
    return result


for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    try:
        draw = random.Random(request["seed"])
        gaps = gaps_between_departures(draw, **request["parameters"])
        answer["observed"] = {"gap": quartiles(gaps)}
    except (ArithmeticError, ValueError) as error:
        answer["error"] = repr(error)
    print(json.dumps(answer), flush=True)
