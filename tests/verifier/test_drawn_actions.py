"""Policies that learn from what they drew: each step is the gradient of the logarithm of its chance, times a reward."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

WALK = """
import numpy as np

noise = np.random.default_rng(4)


class Field:
    def begin(self):
        self.at, self.time = noise.normal(size=5), 0
        return self.at

    def go(self, way):
        self.time += 1
        self.at = 0.8 * self.at + 0.4 * noise.normal(size=5) * (1 + way)
        return self.at, 2.0 + self.at[0] - 0.1 * way, self.time >= 6


def chances(seen, table):
    odds = np.exp(seen @ table)
    return odds / odds.sum()


def walk(field, table, walks, rate):
    for number in range(walks):
        steps, gains, seen, ended = [], [], field.begin(), False
        while not ended:
            p = chances(seen, table)
            way = noise.choice(3, p=p)
            then, gain, ended = field.go(way)
            push = -p
            push[way] += 1
            steps.append(np.outer(seen, push))
            gains.append(gain)
            seen = then
        for t in range(len(steps)):
            table += rate * steps[t] * sum(gains[t:])
        print(number, sum(gains))


walk(Field(), 0.3 * noise.normal(size=(5, 3)), 2, 0.02)
"""


@pytest.mark.parametrize("reward", ["gains", "costs"])
def test_steps_by_what_was_drawn_are_right(tmp_path: Path, reward: str) -> None:
    text = WALK if reward == "gains" else WALK.replace("gain", "cost").replace("table +=", "table -=")
    check = check_of_script(tmp_path, text)
    assert check.first_wrong is None, str(check)
    assert check.ok is (reward == "gains"), str(check)  # which way is down nobody says of the others


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("table += rate", "table -= rate", "sign"),
        ("np.outer(seen, push)", "np.outer(then, push)", "wrong-operand"),
    ],
)
def test_a_mistake_in_such_steps(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, WALK, right, wrong)
    assert told(check) == (line, kind), str(check)


def test_a_score_of_another_kind_is_not_accused(tmp_path: Path) -> None:
    text = WALK.replace("np.outer(seen, push)", "np.outer(seen / (0.1 + seen @ seen), push * np.sqrt(p))")
    check = check_of_script(tmp_path, text)
    assert check.first_wrong is None, str(check)
    assert not check.ok
