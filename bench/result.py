"""Rows of a comparison -> a table for people and one line of JSON for programs."""

import json
import statistics

import machine


def ratio_row(ours: list[float], theirs: list[float], **labels) -> dict:
    """A row of a speed: `ours` and `theirs` are rates, one an interleaved repeat."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        **labels,
        "ratio": significant(statistics.median(ratios)),
        "lowest": significant(min(ratios)),
        "highest": significant(max(ratios)),
        "ours_per_second": significant(statistics.median(ours)),
        "theirs_per_second": significant(statistics.median(theirs)),
    }


def threads_row(alone: list[float], both: list[float], **labels) -> dict:
    """What a second thread gives us."""
    names = {"peer": "gnomon", "variant": "on one thread", "threads": 2}
    return ratio_row(both, alone, **labels, **names)


def significant(number: float, digits: int = 4) -> float:
    """Rounded to significant digits."""
    return float(f"{number:.{digits}g}")


def table(rows: list[dict]) -> str:
    """Speeds, then quality figures, in aligned columns."""
    speeds = [row for row in rows if "ratio" in row]
    figures = [row for row in rows if "metric" in row]
    parts = []
    if speeds:
        head = ["work", "threads", "error", "peer", "ours /s", "theirs /s", "ratio", "range"]
        body = [
            [
                row["work"],
                str(row["threads"]),
                f"{row['error']:.0e}" if "error" in row else "",
                " ".join(filter(None, (row["peer"], row.get("variant")))),
                f"{row['ours_per_second']:,.6g}",
                f"{row['theirs_per_second']:,.6g}",
                f"{row['ratio']:.2f}",
                f"{row['lowest']:.2f} .. {row['highest']:.2f}",
            ]
            for row in speeds
        ]
        parts.append(aligned(head, body))
    if figures:
        head = ["work", "metric", "peer", "ours", "theirs", "better", "difference"]
        body = [
            [
                row["work"],
                row["metric"],
                " ".join(filter(None, (row["peer"], row.get("variant")))),
                f"{row['ours']:.4f}",
                f"{row['theirs']:.4f}",
                row["better"],
                f"{row['difference']:+.4f} +- {row['standard_error']:.4f}",
            ]
            for row in figures
        ]
        parts.append(aligned(head, body))
    return "\n\n".join(parts)


def aligned(head: list[str], body: list[list[str]]) -> str:
    """Columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    rule = ["-" * width for width in widths]
    lines = [head, rule, *body]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def finish(bench: str, rows: list[dict], quick: bool, missing: list[str]) -> None:
    """Prints the table and, last, the line of JSON; `missing` says what could not be measured."""
    print(f"\n{bench} on {machine.name()}\n\n{table(rows)}\n")
    for reason in missing:
        print(f"not measured: {reason}")
    busy = machine.load()
    if busy > 1.5:
        print(f"the machine is busy ({busy:.1f} processes a core): expect noise")
    print(
        json.dumps(
            {
                "bench": bench,
                "machine": machine.name(),
                "quick": quick,
                "rows": rows,
                "missing": missing,
            }
        )
    )
