"""A loss to which each turn of a loop adds a term: gradients of one term alone are no gradients of it."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told
from tinygrad_scratch.verifier.script import checks_of

LOOP = """
import numpy as np

draw = np.random.default_rng(2)
wind, power = draw.normal(size=(5, 3)), draw.normal(size=5)
keep, take = draw.normal(size=(4, 4)) * 0.4, draw.normal(size=(4, 3)) * 0.4


def cost(state, wanted):
    return (state[0] - wanted) ** 2


def slope(state, wanted):
    found = np.zeros_like(state)
    found[0] = 2 * (state[0] - wanted)
    return found


for epoch in range(6):
    states = [np.zeros(4)]
    for t in range(5):
        states.append(np.tanh(keep @ states[t] + take @ wind[t]))
    dkeep, dtake, dnext = np.zeros_like(keep), np.zeros_like(take), np.zeros(4)
    loss = 0
    for t in reversed(range(5)):
        loss += cost(states[t + 1], power[t])
        dstate = slope(states[t + 1], power[t])
        dstate += dnext
        dsum = dstate * (1 - states[t + 1] ** 2)
        dkeep += np.outer(dsum, states[t])
        dtake += np.outer(dsum, wind[t])
        dnext = keep.T @ dsum
    keep -= 0.05 * dkeep
    take -= 0.05 * dtake
    print(epoch, loss)
"""


def test_all_terms_are_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LOOP)
    assert check.ok, str(check)
    assert {step.of for step in check.steps} >= {"keep", "take"}


def test_what_is_written_over_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, LOOP, "dstate += dnext", "dstate = dnext if t < 4 else dstate")
    assert not check.ok
    assert check.first_wrong.line == line, str(check)


def test_so_it_is_of_a_named_loss(tmp_path: Path) -> None:
    text = LOOP.replace("dstate += dnext", "dstate = dstate if t == 4 else dnext")
    (tmp_path / "theirs.py").write_text(text, encoding="utf-8")
    check = checks_of(str(tmp_path / "theirs.py"), "loss")[0]
    assert not check.ok, str(check)


SAMPLES = """
import numpy as np

draw = np.random.default_rng(5)
leaves, age = draw.normal(size=(4, 3)), draw.normal(size=4)
w, b = draw.normal(size=3), np.zeros(1)

for epoch in range(6):
    loss = 0.0
    for x, y in zip(leaves, age):
        guess = np.tanh(x @ w + b)
        loss += np.sum((guess - y) ** 2)
        dsum = 2 * (guess - y) * (1 - guess**2)
        dw = dsum * x
        db = dsum
    w = w - 0.05 * dw
    b = b - 0.05 * db
    print(epoch, loss)
"""


def test_the_last_sample_alone_is_not_all(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SAMPLES)
    assert told(check)[1] in ("overwritten-accumulation", "missing-term"), str(check)
