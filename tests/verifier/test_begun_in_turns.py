"""Sums that begin anew in each turn of a loop, and begin once where somebody put their first line before it."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, told
from tinygrad_scratch.verifier.rewriting.statements import rewrites_at
from tinygrad_scratch.verifier.rewriting.text import Source

PLAIN_LOOPS = """
import numpy as np

rng = np.random.default_rng(5)
low, high = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
day, goal = rng.normal(size=3), rng.normal(size=2)
for turn in range(2):
    warm = np.tanh(day @ low)
    guess = warm @ high
    loss = 0.5 * np.sum((guess - goal) ** 2)
    lack = guess - goal
    under = np.zeros(4)
    for j in range(4):
        share = 0.0
        for k in range(2):
            share += lack[k] * high[j, k]
        under[j] = share * (1 - warm[j] ** 2)
    high -= 0.1 * np.outer(warm, lack)
    low -= 0.1 * np.outer(day, under)
"""
IN_TURNS = "    for j in range(4):\n        share = 0.0\n"
ONCE = "    share = 0.0\n    for j in range(4):\n"


def test_a_sum_that_goes_on_from_the_turn_before_is_told_where_it_begins(tmp_path: Path) -> None:
    wrong = PLAIN_LOOPS.replace(IN_TURNS, ONCE)
    check = check_of_script(tmp_path, wrong)
    assert told(check) == (wrong[: wrong.index("share = 0.0")].count("\n") + 1, "overwritten-accumulation"), str(check)


def test_only_what_a_loop_adds_to_and_reads_may_begin_in_its_turns() -> None:
    text = "s = 0\nt = 0\nu = 0\nfor i in a:\n    s += i\n    t += i\n    print(t, u)\n"
    moved = [
        (line, each.text) for line in (1, 2, 3) for each in rewrites_at(Source(text), line) if "turns" in each.sentence
    ]
    assert moved == [(2, "u = 0\nfor i in a:\n    t = 0\n")]
