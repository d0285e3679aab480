"""Gradients that are clipped are judged as they were before, and that is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import module_of, told
from tinygrad_scratch import verify

NET = """
import numpy as np

rng = np.random.default_rng(0)
x, y = 3 * rng.normal(size=(7, 3)), 3 * rng.normal(size=(7, 2))
net = {"w": rng.normal(size=(3, 4)), "v": rng.normal(size=(4, 2))}


def backward(h, error):
    dv = h.T @ error
    dw = x.T @ (error @ net["v"].T * (1 - h**2))
    CLIP
    return {"w": dw, "v": dv}


def check(verify):
    with verify(net) as check:
        h = np.tanh(x @ net["w"])
        error = h @ net["v"] - y
        check.loss = 0.5 * np.sum(error**2)
        check.gradients = backward(h, error)
    return check
"""
WAYS = {
    "in place": "for d in (dw, dv): np.clip(d, -1, 1, out=d)",
    "by name": "dw, dv = np.clip(dw, -1, 1), dv.clip(-1, 1)",
    "by two bounds": "dw, dv = np.maximum(np.minimum(dw, 1), -1), np.minimum(np.maximum(dv, -1), 1)",
    "by each norm": "dw = dw / max(1, np.linalg.norm(dw)); dv = dv / max(1, np.linalg.norm(dv))",
    "by the norm of all": "n = np.sqrt(np.sum(dw**2) + np.sum(dv**2)); dw, dv = dw / n, dv * (1 / n)",
}


def check_with(folder: Path, clip: str, right: str = "", wrong: str = "") -> Any:
    return module_of(folder / "net.py", NET.replace("CLIP", clip).replace(right, wrong)).check(verify)


@pytest.mark.parametrize("way", WAYS)
def test_clipped_gradients_are_no_mistake_and_it_is_told(tmp_path: Path, way: str) -> None:
    check = check_with(tmp_path, WAYS[way])
    assert check.ok is True
    assert "clipped: they are judged as they were before that" in " ".join(str(check).split())


@pytest.mark.parametrize("way", WAYS)
def test_a_mistake_before_it_is_found(tmp_path: Path, way: str) -> None:
    check = check_with(tmp_path, WAYS[way], "(1 - h**2)", "(1 - h)")
    line = NET[: NET.index("dw = x.T")].count("\n") + 1
    assert told(check) == (line, "derivative-at-wrong-point")


def test_what_is_within_the_bounds_is_as_it_was(tmp_path: Path) -> None:
    check = check_with(tmp_path, "dw, dv = np.clip(dw, -1e6, 1e6), np.clip(dv, -1e6, 1e6)")
    assert check.ok is True
    assert "clipped" not in str(check)


def test_half_a_clip_is_none(tmp_path: Path) -> None:
    assert check_with(tmp_path, "dw = np.minimum(dw, 1)").ok is False


def test_what_is_made_of_clipped_gradients_is_judged(tmp_path: Path) -> None:
    check = check_with(tmp_path, "dw, dv = 2 * np.clip(dw, -1, 1), np.clip(dv, -1, 1)")
    assert check.ok is False


@pytest.mark.parametrize("way", WAYS)
def test_the_run_stays_what_it_was(tmp_path: Path, way: str) -> None:
    tape = check_with(tmp_path, WAYS[way]).tape
    for node, value in tape.replay().items():
        assert np.array_equal(value, tape.nodes[node].value)
