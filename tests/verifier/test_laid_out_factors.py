"""Factors with less axes than what they weight, shifted rows, and which of two losses tells of a step."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited, edited_script

EXPERTS = """
import numpy as np


def forward(p, x):
    scores = x @ p["G"]
    gates = np.exp(scores - scores.max(axis=1, keepdims=True))
    gates /= gates.sum(axis=1, keepdims=True)
    outs = np.einsum("bi,kio->bko", x, p["E"])
    return gates, outs, np.einsum("bk,bko->bo", gates, outs)


def backward(p, x, gates, outs, dy):
    douts = np.einsum("bk,bo->bko", gates, dy)
    dgates = np.einsum("bko,bo->bk", outs, dy)
    dscores = gates * (dgates - np.sum(dgates * gates, axis=1, keepdims=True))
    return {"E": np.einsum("bi,bko->kio", x, douts), "G": x.T @ dscores}


def check(verify):
    rng = np.random.default_rng(2)
    p = {"G": rng.normal(size=(3, 4)), "E": rng.normal(size=(4, 3, 2))}
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    with verify(p) as check:
        gates, outs, out = forward(p, x)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        check.gradients = backward(p, x, gates, outs, out - y)
    return check
"""


def test_a_factor_with_less_axes_is_laid_out(tmp_path: Path) -> None:
    right, wrong = 'np.einsum("bk,bo->bko", gates, dy)', "np.repeat(dy[:, None, :], 4, axis=1)"
    assert edited(tmp_path / "experts_right.py", EXPERTS, right, right)[0].ok
    check, line = edited(tmp_path / "experts.py", EXPERTS, right, wrong)
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "missing-derivative"), str(check)
    assert check.first_wrong.should_be.endswith("* gates[:, :, None]"), str(check)


ROWS = """
import numpy as np

rng = np.random.default_rng(3)
x, y, W, V = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=(3, 5)), rng.normal(size=(5, 2))
for turn in range(6):
    h = np.tanh(x @ W)
    off = h @ V - y
    print(0.5 * np.sum(off**2))
    dV = np.dot(h.T, off)
    dh = np.dot(off, V.T) * (1 - h**2)
    dW = np.dot(x.T, dh)
    W -= 0.01 * dW
    V -= 0.01 * dV
"""


def test_rows_that_are_paired_with_their_neighbours(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, ROWS).ok
    check, line = edited_script(tmp_path, ROWS, "np.dot(x.T, dh)", "np.dot(x[:-1].T, dh[1:])")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "off-by-one"), str(check)
    assert "np.dot(x.T, dh)" in check.first_wrong.should_be, str(check)


CONVOLVED = """
import numpy as np

draw = np.random.default_rng(6)
rows, kernels = draw.normal(size=(4, 2, 9)), draw.normal(size=(3, 2, 4))
before, aims = draw.normal(size=(2, 2)), draw.normal(size=(4, 3, 6))


def windows(signal, width):
    return np.lib.stride_tricks.sliding_window_view(signal, width, axis=2)


for turn in range(4):
    mixed = np.einsum("bcl,cd->bdl", rows, before)
    seen = windows(mixed, 4)
    made = np.einsum("bilk,oik->bol", seen, kernels)
    loss = 0.5 * np.sum((made - aims) ** 2)
    slope = made - aims
    around = windows(np.pad(slope, ((0, 0), (0, 0), (3, 3))), 4)
    below = np.einsum("bolk,oik->bil", around, np.flip(kernels, axis=2))
    d_before = np.einsum("bcl,bdl->cd", rows, below)
    d_kernels = np.einsum("bilk,bol->oik", seen, slope)
    before -= 0.001 * d_before
    kernels -= 0.001 * d_kernels
"""


def test_a_kernel_that_is_not_turned_round_is_told(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, CONVOLVED).ok
    check, line = edited_script(tmp_path, CONVOLVED, "np.flip(kernels, axis=2)", "kernels")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "transpose"), str(check)
    assert "np.flip(kernels, axis=2)" in check.first_wrong.should_be
