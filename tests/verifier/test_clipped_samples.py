"""Gradients of single samples that are clipped before they are added up, as for privacy, are judged as before that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

SAMPLES = """import numpy as np

rng = np.random.default_rng(8)
x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
W, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
for turn in range(9):
    h = np.tanh(x @ W)
    e = h @ V - y
    loss = 0.5 * np.sum(e**2)
    d = e @ V.T * (1 - h**2)
    GRADIENTS
    W -= 0.1 * gW
    V -= 0.1 * gV
"""
BY_SAMPLE = """gWs, gVs = x[:, :, None] * d[:, None, :], h[:, :, None] * e[:, None, :]
    norm = np.sqrt(np.sum(gWs**2, axis=(1, 2)) + np.sum(gVs**2, axis=(1, 2)))
"""
WAYS = {
    "einsum": BY_SAMPLE
    + "    k = np.minimum(1, 0.5 / norm)\n"
    + '    gW, gV = np.einsum("n,nij->ij", k, gWs), np.einsum("n,nij->ij", k, gVs)',
    "divided": BY_SAMPLE
    + "    k = np.maximum(1, norm / 0.5)[:, None, None]\n"
    + "    gW, gV = (gWs / k).sum(0), (gVs / k).sum(0)",
    "in place": BY_SAMPLE
    + "    k = 1 / np.maximum(1, norm)\n    gWs *= k[:, None, None]\n    gVs *= k[:, None, None]\n"
    + "    gW, gV = gWs.sum(0), gVs.sum(0)",
    "one by one": """gW, gV = np.zeros_like(W), np.zeros_like(V)
    for i in range(6):
        one, two = np.outer(x[i], d[i]), np.outer(h[i], e[i])
        norm = np.sqrt(np.sum(one**2) + np.sum(two**2))
        k = min(1.0, 0.5 / norm)
        gW += k * one
        gV += k * two""",
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_samples_that_are_clipped_are_no_mistake_and_it_is_told(tmp_path: Path, way: str) -> None:
    check = check_of_script(tmp_path, SAMPLES.replace("GRADIENTS", way))
    assert check.ok, str(check)
    assert any("single samples are clipped" in note for note in check.notes)


@pytest.mark.parametrize("way", ["einsum", "one by one"])
def test_a_mistake_before_that_is_told(tmp_path: Path, way: str) -> None:
    check, line = edited_script(tmp_path, SAMPLES.replace("GRADIENTS", WAYS[way]), "(1 - h**2)", "(1 - h)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


def test_features_of_length_1_are_no_gradients(tmp_path: Path) -> None:
    """What the loss is made of is bounded by its norm, too, and the slope of that is due."""
    scaled = SAMPLES.replace("e = h @ V - y", "k = 1 / np.maximum(1, np.sqrt(np.sum(h**2, axis=1)))\n    e = h @ V - y")
    scaled = scaled.replace("e = h @", "e = (h * k[:, None]) @").replace("GRADIENTS", "gW, gV = x.T @ d, h.T @ e")
    check = check_of_script(tmp_path, scaled)
    assert check.first_wrong is not None, str(check)
    assert not any("clipped" in note for note in check.notes)


ENTRY_BY_ENTRY = """import numpy as np

rng = np.random.default_rng(8)
x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
W, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
r = [np.zeros(W.shape), np.zeros(V.shape)]
for turn in range(5):
    h = np.tanh(x @ W)
    e = h @ V - y
    loss = np.mean(np.sum(e**2, axis=1))
    d = 2 * e @ V.T * (1 - h**2)
    gs = [np.clip(x[:, :, None] * d[:, None, :], -1, 1), np.clip(h[:, :, None] * 2 * e[:, None, :], -1, 1)]
    for i, p in enumerate((W, V)):
        g = np.mean(gs[i], axis=0)
        r[i] = 0.9 * r[i] + 0.1 * g * g
        size = -0.01 / np.sqrt(1e-6 + r[i])
        p += size * g
"""


def test_samples_that_are_clipped_entry_by_entry_are_judged_as_before_that(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ENTRY_BY_ENTRY)
    assert check.ok, str(check)
    assert "as they were before" in str(check)
    check, line = edited_script(tmp_path, ENTRY_BY_ENTRY, "(1 - h**2)", "(1 - h)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


def test_a_rate_over_a_root_may_hold_the_minus(tmp_path: Path) -> None:
    plain = ENTRY_BY_ENTRY.replace("-1, 1)", "-1000, 1000)")
    check = check_of_script(tmp_path, plain)
    assert check.ok, str(check)
    check, _ = edited_script(tmp_path, plain, "-0.01 / np.sqrt", "0.01 / np.sqrt")
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.kind == "sign", str(check)
