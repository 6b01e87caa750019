"""Comparing numbers digit by digit."""

from typing import Final

MISSING: Final = ""
"""In a pair: a digit that was not read, or that is not there."""

Pair = tuple[str, str]
"""A digit of the label, and what it was read as."""


def align(label: str, text: str) -> list[Pair]:
    """Return what each digit of a label was read as, with as few differences as possible.

    V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals"
    (1966).
    """
    costs = [list(range(len(text) + 1))]
    for row, digit in enumerate(label, 1):
        costs.append([row])
        for column, other in enumerate(text, 1):
            changed = costs[row - 1][column - 1] + (digit != other)
            costs[row].append(min(changed, costs[row - 1][column] + 1, costs[row][column - 1] + 1))
    pairs: list[Pair] = []
    row, column = len(label), len(text)
    while row or column:
        cost = costs[row][column]
        if row and cost == costs[row - 1][column] + 1:
            row -= 1
            pairs.append((label[row], MISSING))
        elif column and cost == costs[row][column - 1] + 1:
            column -= 1
            pairs.append((MISSING, text[column]))
        else:
            row, column = row - 1, column - 1
            pairs.append((label[row], text[column]))
    return pairs[::-1]
