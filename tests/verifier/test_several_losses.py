"""Several losses that are descended at once, and never made one: those of samples in turns, or of nets side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

CHOIR = """
import numpy as np

draw = np.random.default_rng(5)
air = draw.normal(size=(19, 2))
tone = np.sin(air[:, 0]) - air[:, 1]
W, b, v = draw.normal(size=(3, 2, 4)), np.zeros((3, 4)), draw.normal(size=(3, 4))
for turn in range(4):
    z = np.einsum("nd,kdh->nkh", air, W) + b
    h = np.tanh(z)
    off = np.einsum("nkh,kh->kn", h, v) - tone
    voice_losses = np.mean(off**2, axis=1)
    d = 2 * off / 19
    dv = np.einsum("kn,nkh->kh", d, h)
    dz = np.einsum("kn,kh,nkh->nkh", d, v, 1 - h**2)
    dW, db = np.einsum("nd,nkh->kdh", air, dz), dz.sum(axis=0)
    W -= 0.1 * dW
    b -= 0.1 * db
    v -= 0.1 * dv
    print(SHOWN)
"""
SHOWN = {
    "voice_losses": ("the sum of voice_losses", ""),
    "np.round(voice_losses.mean(), 3)": ("the mean of voice_losses", "3 times the gradient throughout"),
}


@pytest.mark.parametrize("shown", SHOWN)
def test_the_loss_of_nets_side_by_side_is_the_sum_of_theirs(tmp_path: Path, shown: str) -> None:
    check = check_of_script(tmp_path, CHOIR.replace("SHOWN", shown))
    name, convention = SHOWN[shown]
    assert check.ok, str(check)
    assert check.entry.loss_name == name
    assert check.convention.startswith(convention)
    assert bool(check.convention) == bool(convention)


@pytest.mark.parametrize("shown", SHOWN)
def test_a_mistake_in_one_of_their_gradients_is_told(tmp_path: Path, shown: str) -> None:
    wrong = CHOIR.replace("SHOWN", shown).replace("dz.sum(axis=0)", "dz.mean(axis=0)")
    line = wrong[: wrong.index("dz.mean")].count("\n") + 1
    assert told(check_of_script(tmp_path, wrong)) == (line, "missing-batch-sum-or-mean")


BY_SAMPLES = """
import numpy as np
from types import SimpleNamespace

draw = np.random.default_rng(6)
x, y = draw.normal(size=(8, 3)), draw.normal(size=8)
net = SimpleNamespace(w=draw.normal(size=(3, 1)), b=np.zeros(1))
for turn in range(3):
    slopes, losses = SimpleNamespace(w=np.zeros((3, 1)), b=np.zeros(1)), []
    for row, aim in zip(x, y):
        off = (row @ net.w + net.b).item() - aim
        losses.append(off**2)
        slopes.w += row[:, None] * (2 * off / 8)
        slopes.b += 2 * off / 8
    for name in vars(net):
        setattr(net, name, getattr(net, name) - 0.05 * getattr(slopes, name))
    print(np.mean(losses))
"""


def test_of_samples_whose_mean_is_shown_it_is_the_mean(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, BY_SAMPLES)
    assert check.ok, str(check)
    assert not check.convention
    assert check.entry.loss_name == "the mean of losses in 8 turns"


TWO_HEADS = """import numpy as np

rng = np.random.default_rng(4)
trunk, sign, size = rng.normal(size=(3, 4)) * 0.4, rng.normal(size=4) * 0.4, rng.normal(size=4) * 0.4
seen, up, much = rng.normal(size=(10, 3)), rng.integers(0, 2, 10), rng.normal(size=10)
for e in range(25):
    h = np.tanh(seen @ trunk)
    p = 1 / (1 + np.exp(-h @ sign))
    q = h @ size
    sign_loss = -np.mean(up * np.log(p) + (1 - up) * np.log(1 - p))
    size_loss = np.mean((q - much) ** 2)
    loss = sign_loss + 0.3 * size_loss
    d_p = (p - up) / 10
    d_q = 0.3 * 2 * (q - much) / 10
    d_h = np.outer(d_p, sign) + np.outer(d_q, size)
    d_sign, d_size, d_trunk = h.T @ d_p, h.T @ d_q, seen.T @ (d_h * (1 - h**2))
    sign -= 0.1 * d_sign
    size -= 0.1 * d_size
    trunk -= 0.1 * d_trunk
    print(loss)
"""
LESS = {
    "a term": ("np.outer(d_p, sign) + np.outer(d_q, size)", "np.outer(d_p, sign)"),
    "a weight": ("d_q = 0.3 * 2 *", "d_q = 2 *"),
}


@pytest.mark.parametrize(("right", "wrong"), LESS.values(), ids=LESS)
def test_what_fits_less_than_the_sum_that_they_make_is_wrong_by_that(tmp_path: Path, right: str, wrong: str) -> None:
    check = check_of_script(tmp_path, TWO_HEADS)
    assert check.ok, str(check)
    assert check.entry.loss_name == "loss"
    check, line = edited_script(tmp_path, TWO_HEADS, right, wrong)
    assert told(check)[0] == line, str(check)


def test_what_the_loss_that_is_judged_does_not_reach_is_asked_about(tmp_path: Path) -> None:
    """Without the sum, nothing tells whether the trunk should go down the other head's loss, too."""
    apart = TWO_HEADS.replace("    loss = sign_loss + 0.3 * size_loss\n", "").replace("print(loss)", "print(e)")
    check = check_of_script(tmp_path, apart.replace(" + np.outer(d_q, size)", ""))
    assert not check.ok, str(check)
    assert check.first_wrong is not None or "size" in check.open_steps, str(check)
