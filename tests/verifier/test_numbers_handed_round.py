"""Numbers that a loop hands to a function and takes back: beside a bias, the others are judged, too."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, told

TIDE = """
import numpy as np
hours = np.arange(8.0) / 4
depths = 2.0 - 0.6 * hours + 0.1 * np.cos(9 * hours)

def settle(at, down, rate):
    by_b, by_fall = 0, 0
    for hour, depth in zip(hours, depths):
        miss = at + down * hour - depth
        by_b += 2 * miss / len(hours)
        by_fall += 2 * miss * hour / len(hours)
    return [at - rate * by_b, down - rate * by_fall]

def watch(first, clock):
    b, fall = first, START
    for _ in range(3):
        b, fall = settle(b, fall, 0.05)
        clock = later(clock)
    return b, fall

def later(clock):
    return clock + 0.25

watch(1.0, 6.0)
"""


def test_both_are_judged(tmp_path: Path) -> None:
    for start in ("0.5", "0"):  # a whole number, too
        check = check_of_script(tmp_path, TIDE.replace("START", start))
        assert check.ok, str(check)
        assert {final.parameter.name for final in check.finals} == {"b", "fall"}


def test_a_mistake_in_one_of_them_is_told(tmp_path: Path) -> None:
    text = TIDE.replace("START", "0.5")
    check = check_of_script(tmp_path, text.replace("2 * miss * hour / len", "2 * miss * depth / len"))
    assert told(check) == (11, "wrong-operand")
    check = check_of_script(tmp_path, text.replace("2 * miss * hour / len", "2 * miss / len"))
    assert told(check) == (11, "missing-derivative")
