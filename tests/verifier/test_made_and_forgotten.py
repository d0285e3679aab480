"""What was made for a line, and is read nowhere, is what that line lacks."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import edited, edited_script, told

SPREAD = """
import numpy as np


def affinities(points):
    apart = points[:, None] - points[None]
    kernel = 1 / (1 + np.sum(apart**2, axis=2))
    np.fill_diagonal(kernel, 0.0)
    return kernel / np.sum(kernel), kernel


def slopes(wanted, shares, points, kernel):
    gap = wanted - shares
    wide = gap[:, :, None]
    apart = points[:, None] - points[None]
    weight = kernel[:, :, None]
    pull = apart * weight
    return 4.0 * np.sum(wide * pull, axis=1)


def check(verify):
    rng = np.random.default_rng(3)
    points, goal = rng.normal(size=(6, 2)), rng.random((6, 6))
    np.fill_diagonal(goal, 0.0)
    wanted = (goal + goal.T) / np.sum(goal + goal.T)
    with verify({"points": points}) as check:
        shares, kernel = affinities(points)
        check.loss = -np.sum(wanted * np.log(np.maximum(shares, 1e-12)))
        check.gradients = {"points": slopes(wanted, shares, points, kernel)}
    return check
"""


def test_a_weight_that_was_laid_out_and_is_read_nowhere_is_missing_where_it_was_made_for(tmp_path: Path) -> None:
    check, _ = edited(tmp_path / "right.py", SPREAD, "pull = apart * weight", "pull = weight * apart")
    assert check.ok, str(check)
    check, line = edited(tmp_path / "spread.py", SPREAD, "pull = apart * weight", "pull = apart")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "missing-derivative"), str(check)
    assert check.first_wrong.should_be in ("apart * weight", "pull = apart * weight"), str(check)


GATED = """
import numpy as np


def squash(a):
    return 1 / (1 + np.exp(-a))


rng = np.random.default_rng(5)
size, turns = 4, 5
in_z, in_r, in_c = (rng.normal(size=(size, 3)) * 0.5 for _ in range(3))
back_z, back_r, back_c = (rng.normal(size=(size, size)) * 0.5 for _ in range(3))
out = rng.normal(size=(2, size))
xs, wanted = rng.normal(size=(turns, 3)), rng.normal(size=(turns, 2))


def loss_and_slopes(xs, wanted):
    h, z, r, c, y = {-1: np.zeros(size)}, {}, {}, {}, {}
    loss = 0.0
    for t in range(len(xs)):
        z[t] = squash(np.dot(in_z, xs[t]) + np.dot(back_z, h[t - 1]))
        r[t] = squash(np.dot(in_r, xs[t]) + np.dot(back_r, h[t - 1]))
        c[t] = np.tanh(np.dot(in_c, xs[t]) + np.dot(back_c, r[t] * h[t - 1]))
        h[t] = np.multiply(1 - z[t], c[t]) + np.multiply(z[t], h[t - 1])
        y[t] = np.dot(out, h[t])
        loss += 0.5 * np.sum((y[t] - wanted[t]) ** 2)
    d_in_z, d_in_r, d_in_c = (np.zeros_like(w) for w in (in_z, in_r, in_c))
    d_back_z, d_back_r, d_back_c = (np.zeros_like(w) for w in (back_z, back_r, back_c))
    d_out = np.zeros_like(out)
    later = np.zeros(size)
    for t in reversed(range(len(xs))):
        dy = y[t] - wanted[t]
        d_out += np.outer(dy, h[t])
        dh = np.dot(out.T, dy) + later
        dc = np.multiply(dh, 1 - z[t]) * (1 - c[t] ** 2)
        d_in_c += np.outer(dc, xs[t])
        d_back_c += np.outer(dc, r[t] * h[t - 1])
        d_kept = np.dot(back_c.T, dc)
        dr = np.multiply(d_kept, h[t - 1]) * r[t] * (1 - r[t])
        d_in_r += np.outer(dr, xs[t])
        d_back_r += np.outer(dr, h[t - 1])
        dz = np.multiply(dh, h[t - 1] - c[t]) * z[t] * (1 - z[t])
        d_in_z += np.outer(dz, xs[t])
        d_back_z += np.outer(dz, h[t - 1])
        by_update = np.dot(back_z.T, dz)
        by_copy = np.multiply(dh, z[t])
        by_state = np.multiply(d_kept, r[t])
        by_reset = np.dot(back_r.T, dr)
        later = by_update + by_copy + by_state + by_reset
    return loss, d_in_z, d_in_r, d_in_c, d_back_z, d_back_r, d_back_c, d_out


for step in range(3):
    loss, *slopes = loss_and_slopes(xs, wanted)
    for weight, slope in zip((in_z, in_r, in_c, back_z, back_r, back_c, out), slopes):
        weight -= 0.01 * slope
"""


def test_a_term_that_got_a_name_is_missing_where_others_that_did_are_summed_up(tmp_path: Path) -> None:
    written = "later = by_update + by_copy + by_state + by_reset"
    check, _ = edited_script(tmp_path, GATED, written, "later = by_copy + (by_update + by_state) + by_reset")
    assert check.ok, str(check)
    check, line = edited_script(tmp_path, GATED, written, "later = by_update + by_state + by_reset")
    assert told(check) == (line, "missing-term"), str(check)
