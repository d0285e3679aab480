"""Random numbers that are drawn to be added to a step are left off, and the gradients beside them are judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited_script
from tinygrad_scratch import verify

SAMPLER = """
import numpy as np

rng = np.random.default_rng(11)
np.random.seed(11)


def shake(like):
    return rng.standard_normal(like.shape)


def move(w, slope, kick):
    w += kick - 0.05 * slope


x, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
w, u, speed = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), 0.0
for turn in range(4):
    h = np.tanh(x @ w)
    miss = h @ u - y
    U = 2 * np.sum(miss**2) + 0.5 * np.sum(w**2) + 0.5 * np.sum(u**2)
    grad_u = h.T @ (4 * miss) + u
    grad_w = x.T @ (4 * miss @ u.T * (1 - h**2)) + w
    UPDATES
"""
WAYS = {
    "drawn in the statement": "w += -0.05 * grad_w + 0.3 * rng.normal(size=w.shape)\n"
    "    u += -0.05 * grad_u + 0.3 * rng.normal(size=u.shape)",
    "under names": "one, two = np.random.randn(3, 4), np.random.randn(4, 2)\n"
    "    w, u = w - 0.05 * grad_w + 0.3 * one, u - 0.05 * grad_u + 0.3 * two",
    "in a loop over lists": "kicks = [0.3 * np.random.randn(*each.shape) for each in (w, u)]\n"
    "    for p, g, kick in zip((w, u), (grad_w, grad_u), kicks): p -= 0.05 * g + kick",
    "before the gradient": "w = w + 0.3 * shake(w) - 0.05 * grad_w\n    u = u + 0.3 * shake(u) - 0.05 * grad_u",
    "as a statement before it": "w += 0.3 * shake(w); w -= 0.05 * grad_w; u += shake(u); u -= 0.05 * grad_u",
    "averaged with the gradient": "grad_w, grad_u = (grad_w + 0.3 * shake(w)) / 9, (grad_u + 0.3 * shake(u)) / 9\n"
    "    w -= 0.05 * grad_w; u -= 0.05 * grad_u",
    "handed over": "move(w, grad_w, 0.3 * rng.normal(size=w.shape)); move(u, grad_u, 0.3 * rng.normal(size=u.shape))",
    "in a velocity": "speed = 0.9 * speed - 0.05 * grad_w + 0.3 * shake(w)\n"
    "    w = w + speed; u = u - 0.05 * grad_u",
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_noise_in_a_step_is_left_off(tmp_path: Path, way: str) -> None:
    script = SAMPLER.replace("UPDATES", WAYS[way])
    check = check_of_script(tmp_path, script)
    assert check.ok is True, str(check)
    assert any(note.startswith("Random numbers are added in the update of w") for note in check.notes)
    check, line = edited_script(tmp_path, script.replace("U =", "loss ="), "* (1 - h**2)", "* (1 + h**2)")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "sign"), str(check)


OTHER_NUMBERS = {
    "inputs": ("h = np.tanh(x @ w)", "seen = x + 0.1 * shake(x); h = np.tanh(seen @ w)", "grad_w = x.T"),
    "a slope, where it is read": ("grad_w = x.T", "miss = miss + shake(miss); grad_w = x.T", "miss = miss"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_NUMBERS)
def test_random_numbers_that_go_elsewhere_are_no_noise(tmp_path: Path, name: str) -> None:
    old, new, wrong = OTHER_NUMBERS[name]
    script = SAMPLER.replace("UPDATES", "w -= 0.05 * grad_w; u -= 0.05 * grad_u").replace("U =", "loss =")
    check = check_of_script(tmp_path, script.replace(old, new))
    assert check.first_wrong is not None, str(check)
    told = (tmp_path / "script.py").read_text().splitlines()[check.first_wrong.line - 1]
    assert wrong in told, str(check)


def test_noise_on_gradients_that_nothing_takes_off_is_a_convention() -> None:
    rng = np.random.default_rng(2)
    x, y, w = rng.normal(size=(7, 3)), rng.normal(size=7), rng.normal(size=3)
    with verify(w=w) as check:
        miss = x @ w - y
        check.loss = 0.5 * np.sum(miss**2)
        check.gradients = x.T @ miss + 0.1 * rng.normal(size=3)
    assert check.convention == "with noise: random numbers are added to what is the gradient before"


def test_a_loss_may_have_the_name_of_a_parameter_in_capitals(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SAMPLER.replace("UPDATES", "w -= 0.05 * grad_w; u -= 0.05 * grad_u"))
    assert check.ok is True, str(check)
    assert any(note.startswith("No loss was named: U is taken") for note in check.notes)


def test_a_parameter_that_is_copied_under_its_name_is_no_noise() -> None:
    rng = np.random.default_rng(3)
    x, y, w = rng.normal(size=(7, 3)), rng.normal(size=(7, 2)), rng.normal(size=(3, 2))

    def slope(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        w = np.array(w)
        miss = x @ w - y
        return np.sum(miss**2), 2 * x.T @ miss + 0.1 * w

    with verify(w=w) as check:
        check.loss, check.gradients = slope(w, x, y)
    assert check.ok is False, str(check)


AHEAD = """
import numpy as np

np.random.seed(2)
x, y = np.random.randn(8, 3), np.random.randn(8)
w, b = np.random.randn(3) * 0.5, np.zeros(1)
params = [w, b]
speed = [np.zeros_like(p) for p in params]


def slopes(point):
    miss = x @ point[0] + point[1] - y
    return np.sum(miss**2), [2 * x.T @ miss, 2 * miss.sum(keepdims=True)]


for turn in range(5):
    ahead = [p + 0.9 * v for p, v in zip(params, speed)]
    loss, grads = slopes(ahead)
    for i in range(2):
        speed[i] = 0.9 * speed[i] - 0.01 * grads[i]
        params[i] = params[i] + speed[i]
"""


def test_weights_that_are_drawn_are_no_noise(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, AHEAD)
    assert check.ok is True, str(check)
    assert not any("Random numbers" in note for note in check.notes)
