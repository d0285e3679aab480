"""What all gradients may carry: a size of what the loss is made of, a minus whose way nobody knows; and updates."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.verifier.files import module_of
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.meant.conventions import left_out
from tinygrad_scratch.verifier.reading.places import Place

SEQUENCE = """
import numpy as np
rng = np.random.default_rng(8)
net = {"inner": rng.normal(size=(3, 3)) * 0.4, "enter": rng.normal(size=(3, 2)), "leave": rng.normal(size=(2, 3))}
steps, wanted = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))


def read(net):
    states, outs, total = [np.zeros(3)], [], 0.0
    for step, aim in zip(steps, wanted):
        states.append(np.tanh(net["enter"] @ step + net["inner"] @ states[-1]))
        outs.append(net["leave"] @ states[-1])
        total += 0.5 * np.sum((outs[-1] - aim) ** 2)
    return total, states, outs


def turn_back(net, states, outs):
    found = {name: np.zeros(part.shape) for name, part in net.items()}
    later = np.zeros(3)
    for t in range(4, -1, -1):
        miss = outs[t] - wanted[t]
        found["leave"] += np.outer(miss, states[t + 1])
        inside = (net["leave"].T @ miss + later) * (1 - states[t + 1] ** 2)
        found["enter"] += np.outer(inside, steps[t])
        found["inner"] += np.outer(inside, states[t])
        later = net["inner"].T @ inside
    return {name: part / 1 for name, part in found.items()}


def check(verify):
    with verify(net) as check:
        check.loss, states, outs = read(net)
        check.gradients = turn_back(net, states, outs)
    return check
"""


@pytest.mark.parametrize("factor", ["5", "10", "(5 * 2)", "2"])
def test_a_mean_over_what_the_loss_sums_is_a_convention(tmp_path: Path, factor: str) -> None:
    check = module_of(tmp_path / "sequence.py", SEQUENCE.replace("part / 1", f"part / {factor}")).check(verify)
    assert check.ok, str(check)
    assert check.convention


@pytest.mark.parametrize(
    "changes",
    [
        [("part / 1", "part / 7")],
        [("part / 1", "part / (5 if name == 'leave' else 1)")],
        [("np.outer(inside, states[t])", "np.outer(inside, states[t]) / 5")],
    ],
)
def test_another_factor_or_one_in_a_part_is_none(tmp_path: Path, changes: list[tuple[str, str]]) -> None:
    text = SEQUENCE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    assert not module_of(tmp_path / "sequence.py", text).check(verify).ok


NORMALISED = """
import numpy as np
rng = np.random.default_rng(6)
net = {"w": rng.normal(size=(4, 5)), "b": rng.normal(size=5), "v": rng.normal(size=(5, 2))}
x, aim = rng.normal(size=(9, 4)), rng.normal(size=(9, 2))


def check(verify):
    with verify(net) as check:
        pre = x @ net["w"] + net["b"]
        spread = np.sqrt(pre.var(axis=0) + 1e-6)
        even = (pre - pre.mean(axis=0)) / spread
        miss = even @ net["v"] - aim
        check.loss = np.mean(np.sum(miss**2, axis=1)) / 2
        back = miss @ net["v"].T
        back = (back - back.mean(axis=0) - even * (back * even).mean(axis=0)) / spread
        check.gradients = {"w": x.T @ back, "b": back.sum(axis=0), "v": even.T @ miss}
    return check
"""


def test_a_gradient_of_nothing_carries_any_factor(tmp_path: Path) -> None:
    check = module_of(tmp_path / "normalised.py", NORMALISED).check(verify)
    assert check.ok, str(check)
    assert "9 times" in check.convention


UPDATE = """
def train(net, rate):
    for name, g in turn_back(net, *read(net)[1:]).items():
        net[name] {} rate * g
"""


def test_minus_the_gradient_is_judged_by_the_updates_in_sight(tmp_path: Path) -> None:
    """Nobody knows which way it goes where none is in sight, and the report says so."""
    turned = SEQUENCE.replace("part / 1", "-part")
    unknown = module_of(tmp_path / "unknown.py", turned).check(verify)
    assert unknown.ok
    assert "a wrong sign if it is taken off" in " ".join(str(unknown).split())
    down = module_of(tmp_path / "down.py", turned + UPDATE.format("-=")).check(verify)
    assert down.first_wrong is not None
    called = turned.replace("return {", "grads = {").replace("found.items()}\n", "found.items()}\n    return grads\n")
    assert module_of(tmp_path / "called.py", called).check(verify).first_wrong is not None


TURN = """
import numpy as np
rng = np.random.default_rng(3)
x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
w, v, c = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=2)
speed = {}


def train(parts, rate=0.1, keep=0.9):
    w, v, c = parts
    h = np.tanh(x @ w)
    miss = (h @ v + c - y) / len(x)
    loss = 0.5 * np.sum((h @ v + c - y) ** 2) / len(x)
    grads = [x.T @ (miss @ v.T * (1 - h**2)), h.T @ miss, miss.sum(axis=0)]
    for i, (part, grad) in enumerate(zip(parts, grads)):
        speed[i] = keep * speed.get(i, 0.0) + grad
        part -= rate * speed[i]
    return loss


def check(verify):
    with verify([w, v, c]) as check:
        check.loss = train([w, v, c])
    return check
"""


def turned(tmp_path: Path, old: str, new: str) -> Any:
    assert old in TURN
    return module_of(tmp_path / "turn.py", TURN.replace(old, new)).check(verify)


def test_an_update_of_multiples_of_the_gradients_says_nothing(tmp_path: Path) -> None:
    check = turned(tmp_path, "rate * speed[i]", "rate * speed[i]")
    assert check.ok
    assert not [note for note in check.notes if "update" in note]


@pytest.mark.parametrize(
    "wrong", ["rate * speed[i] / (len(x) if i == 1 else 1)", "rate * speed[i] * (-1 if i == 1 else 1)"]
)
def test_an_update_that_is_averaged_or_goes_another_way_than_the_others_is_wrong(tmp_path: Path, wrong: str) -> None:
    assert turned(tmp_path, "rate * speed[i]", wrong).first_wrong is not None


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("rate * speed[i] * (0.5 if i == 1 else 1)", "different multiples"),
        ("rate * speed[i] + 0.01 * part", "more than multiples"),
        ("rate * grad / (np.sqrt(grad**2) + 1e-8)", "more than multiples"),
    ],
)
def test_what_of_an_update_is_not_judged_is_said(tmp_path: Path, new: str, said: str) -> None:
    check = turned(tmp_path, "rate * speed[i]", new)
    assert check.first_wrong is None
    assert said in " ".join(str(check).split())


@pytest.mark.parametrize("also", ["+ 0.01 * part", "+ (0.01 if i else 0) * part"])
def test_a_decay_that_makes_what_it_is_of_larger_is_wrong(tmp_path: Path, also: str) -> None:
    assert turned(tmp_path, "rate * speed[i]", f"rate * speed[i] {also}").ok
    grown = turned(tmp_path, "rate * speed[i]", f"rate * speed[i] {also.replace('+', '-')}").first_wrong
    assert grown is not None
    assert grown.kind in ("sign", "regularisation")


def test_a_parameter_without_an_update_is_not_passed_as_right(tmp_path: Path) -> None:
    assert not turned(tmp_path, "rate * speed[i]", "(rate * speed[i] if i else 0)").ok


def test_a_part_of_the_loss_that_only_an_update_has_is_no_decay(tmp_path: Path) -> None:
    text = (
        TURN.replace("(part, grad)", "(part, move)")
        .replace("zip(parts, grads)", "zip(parts, moves)")
        .replace("grads =", "moves =")
    )
    text = text.replace("+ grad\n", "+ move\n").replace("miss.sum(axis=0)]", "miss.sum(axis=0) + 0.1 * v.sum(axis=0)]")
    assert not module_of(tmp_path / "moves.py", text).check(verify).ok


def test_a_small_number_in_a_loop_is_one_number() -> None:
    here, there = (Place("net.py", line, "loss", 0) for line in (3, 5))
    steps = [SimpleNamespace(place=place) for place in (here, here, there)]
    case: Any = SimpleNamespace(tape=SimpleNamespace(steps=steps))
    assert [sorted(each) for each in left_out(case, {0: "a", 1: "b", 2: "c"})] == [[0, 1, 2], [0, 1], [2]]
    assert [sorted(each) for each in left_out(case, {0: "a", 1: "b"})] == [[0, 1]]
