"""Mistakes of no usual form: what is right is composed of what has a name where they are, and of what is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited, module_of
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.reading.source import bare
from tinygrad_scratch.verifier.trying import composed
from tinygrad_scratch.verifier.trying.composed import filled

SURVIVAL = """
import numpy as np

def lasting(w, bend, days, seen, x):
    shape = np.exp(bend)
    scaled = np.log(days) - x @ w
    risk = np.exp(shape * scaled)
    cost = np.mean(risk - seen * (bend + shape * scaled))
    d_scaled = shape * (risk - seen) / len(days)
    d_shape = np.mean(scaled * (risk - seen))
    d_bend = d_shape * shape - np.sum(seen) / len(days)
    d_w = -x.T @ d_scaled
    return cost, d_w, d_bend

def check(verify):
    rng = np.random.default_rng(4)
    x, days = rng.normal(size=(9, 3)), rng.uniform(0.5, 2, 9)
    seen, w, bend = (rng.uniform(size=9) < 0.6) * 1.0, 0.3 * rng.normal(size=3), np.array([0.2])
    with verify(w=w, bend=bend) as check:
        check.loss, d_w, d_bend = lasting(w, bend, days, seen, x)
        check.gradients = {"w": d_w, "bend": d_bend}
    return check
"""

WINDOWS = """
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view as windows

def forward(x, kernel):
    return np.einsum("nchwij,ocij->nohw", windows(x, (2, 3), axis=(2, 3)), kernel)

def backward(d_out, x, kernel):
    d_kernel = np.einsum("nchwij,nohw->ocij", windows(x, (2, 3), axis=(2, 3)), d_out)
    wide = np.pad(d_out, ((0, 0), (0, 0), (1, 1), (2, 2)))
    d_x = np.einsum("nohwij,ocij->nchw", windows(wide, (2, 3), axis=(2, 3)), kernel[:, :, ::-1, ::-1])
    return d_kernel, d_x

def check(verify):
    rng = np.random.default_rng(1)
    x, kernel, first = rng.normal(size=(2, 2, 5, 6)), rng.normal(size=(3, 2, 2, 3)), rng.normal(size=(2, 2, 5, 6))
    with verify(kernel=kernel, first=first) as check:
        given = x * first
        out = forward(given, kernel)
        check.loss = np.sum(out ** 3) / 3
        d_kernel, d_given = backward(out ** 2, given, kernel)
        check.gradients = {"kernel": d_kernel, "first": d_given * x}
    return check
"""

CLASSES = """
import numpy as np

def gap(out, goal):
    away = out - goal
    return np.mean(np.log(np.cosh(away))), np.tanh(away) / away.size

def check(verify):
    rng = np.random.default_rng(6)
    x, goal, A = rng.normal(size=(7, 3)), rng.normal(size=(7, 2)), rng.normal(size=(3, 2))
    with verify(A=A) as check:
        check.loss, d_out = gap(x @ A, goal)
        check.gradients = {"A": x.T @ d_out}
    return check
"""

PICKED = """
import numpy as np

def steps(theta, x, gain, old):
    mean = x @ theta
    ratio = np.exp(-(mean - old) ** 2)
    plain, cut = ratio * gain, np.clip(ratio, 0.8, 0.95) * gain
    loss = -np.sum(np.minimum(plain, cut))
    kept = plain <= cut
    d_ratio = np.where(kept, -gain, 0)
    d_mean = d_ratio * ratio * -2 * (mean - old)
    return loss, x.T @ d_mean

def check(verify):
    rng = np.random.default_rng(2)
    x, gain, old, theta = rng.normal(size=(12, 3)), rng.normal(size=12), rng.normal(size=12), rng.normal(size=3)
    with verify(theta=theta) as check:
        check.loss, d_theta = steps(theta, x, gain, old)
        check.gradients = {"theta": d_theta}
    return check
"""

SECONDS = composed.SECONDS
PROGRAMS = {"survival": SURVIVAL, "windows": WINDOWS, "classes": CLASSES, "picked": PICKED}

MISTAKES = [
    ("survival", "- np.sum(seen) / len(days)", "- 1", {"wrong-operand", "missing-term", "scale-factor"}),
    ("windows", "kernel[:, :, ::-1, ::-1]", "kernel", {"transpose"}),
    ("classes", "np.tanh(away) / away.size", "away / away.size", {"missing-derivative", "wrong-operand"}),
    ("picked", "kept = plain <= cut", "kept = ratio <= 0.95", {"wrong-operand", "derivative-at-wrong-point"}),
]  # fmt: skip


@pytest.fixture(autouse=True)
def as_people_wait(patience: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else composes what is right: other tests wait for less."""
    monkeypatch.setattr(composed, "SECONDS", SECONDS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_right(tmp_path: Path, name: str) -> None:
    check = module_of(tmp_path / f"composed_{name}.py", PROGRAMS[name]).check(verify)
    assert check.ok, str(check)


@pytest.mark.parametrize(("name", "right", "wrong", "kinds"), MISTAKES)
def test_what_is_right_is_composed(tmp_path: Path, name: str, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited(tmp_path / f"composed_{name}.py", PROGRAMS[name], right, wrong)
    first = check.first_wrong
    assert first is not None, str(check)
    assert first.certainty != "unexplained", str(check)
    assert first.kind in kinds, str(check)
    assert first.line == line, str(check)


def test_a_form_is_put_in_brackets_where_it_needs_them() -> None:
    assert [filled("1 - {}", "a"), filled("np.exp({})", "(a - b)"), filled("{}.T", "a")] == [
        "(1 - a)",
        "np.exp(a - b)",
        "a.T",
    ]
    assert [bare("(a - b)"), bare("(a) * (b)")] == ["a - b", "(a) * (b)"]
