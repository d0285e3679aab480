"""What is handed over under the name of a parameter is its gradient in any shape, though nobody pointed at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import changed, edited, module_of, told
from tinygrad_scratch import verify

HANDED_OVER = """
import numpy as np


def back(params, x, h, d):
    e = d @ params["w2"].T * (1 - h**2)
    db1 = e.sum(axis=0)
    return {"dw1": x.T @ e, "db1": db1, "dw2": h.T @ d}


def check(verify):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    params = {"w1": rng.normal(size=(3, 4)), "b1": rng.normal(size=4), "w2": rng.normal(size=(4, 2))}
    with verify() as check:
        h = np.tanh(x @ params["w1"] + params["b1"])
        out = h @ params["w2"]
        check.loss = 0.5 * np.sum((out - y) ** 2)
        check.gradients = back(params, x, h, out - y)
    return check
"""
AS_A_TUPLE = changed(HANDED_OVER, '{"dw1": x.T @ e, "db1": db1, "dw2": h.T @ d}', "x.T @ e, db1, h.T @ d")
ON_LAYERS = """
import numpy as np


class Layer:
    def __init__(self, rng, size):
        self.w, self.b = rng.normal(size=(3, size)), rng.normal(size=size)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, d):
        self.dw = self.x.T @ d
        self.db = d.sum(axis=0)
        return d @ self.w.T


def check(verify):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    layers = [Layer(rng, 3), Layer(rng, 2)]
    with verify() as check:
        out = x
        for layer in layers:
            out = layer.forward(out)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        d = out - y
        for layer in layers[::-1]:
            d = layer.backward(d)
    return check
"""


@pytest.mark.parametrize("program", [HANDED_OVER, AS_A_TUPLE, ON_LAYERS])
def test_a_right_one_is_right(tmp_path: Path, program: str) -> None:
    check = module_of(tmp_path / "named.py", program).check(verify)
    assert check.ok, str(check)


@pytest.mark.parametrize("program", [HANDED_OVER, AS_A_TUPLE])
@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ("db1 = e.sum()", "broadcasting-shape"),
        ("db1 = e.sum(axis=1)", "broadcasting-shape"),
        ("db1 = e", "missing-batch-sum-or-mean"),
    ],
)
def test_one_of_another_shape_is_wrong(tmp_path: Path, program: str, wrong: str, kind: str) -> None:
    check, line = edited(tmp_path / "named.py", program, "db1 = e.sum(axis=0)", wrong)
    assert told(check) == (line, kind), str(check)


@pytest.mark.parametrize(
    ("wrong", "kind"), [("d.sum()", "broadcasting-shape"), ("d + 0.0", "missing-batch-sum-or-mean")]
)
def test_one_that_a_layer_keeps_is_wrong_by_its_shape(tmp_path: Path, wrong: str, kind: str) -> None:
    check, line = edited(tmp_path / "kept.py", ON_LAYERS, "d.sum(axis=0)", wrong)
    assert told(check) == (line, kind), str(check)


def test_numbers_that_count_otherwise_are_no_names(tmp_path: Path) -> None:
    counted = changed(HANDED_OVER, '{"dw1": x.T @ e, "db1": db1, "dw2": h.T @ d}', '{"dw2": x.T @ e, "dw3": h.T @ d}')
    check = module_of(tmp_path / "counted.py", counted).check(verify)
    assert check.first_wrong is None, str(check)


@pytest.mark.parametrize("lost", ["e.sum()", "e * 1.0"])
def test_what_goes_with_nothing_while_a_parameter_has_none_is_asked_about(tmp_path: Path, lost: str) -> None:
    unnamed = changed(HANDED_OVER, '"db1": db1', f'"shift": {lost}')
    check = module_of(tmp_path / "lost.py", unnamed).check(verify)
    assert not check.ok, str(check)
    assert check.first_wrong is None, str(check)
    assert "Where is the gradient of params['b1'] (4,)?" in " ".join(str(check).split())


def test_what_is_on_the_way_is_known_by_its_name(tmp_path: Path) -> None:
    on_the_way = changed(HANDED_OVER, '"db1": db1', '"dpre": e')
    on_the_way = changed(
        on_the_way,
        'h = np.tanh(x @ params["w1"] + params["b1"])',
        'pre = x @ params["w1"] + params["b1"]\n        h = np.tanh(pre)',
    )
    check = module_of(tmp_path / "frozen.py", on_the_way).check(verify)
    assert check.ok, str(check)


ATTENDS = """
import numpy as np


class Pair:
    def __init__(self, rng):
        self.left, self.right = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))

    def forward(self, one, other):
        self.one, self.other = one, other
        self.u, self.v = one @ self.left, other @ self.right
        return self.u * self.v

    def backward(self, d):
        du = d * self.v
        dv = d * self.u
        self.grads = {"left": self.one.T @ du, "right": self.other.T @ dv}
        self.grad_one = du @ self.left.T
        self.grad_other = dv @ self.right.T
        if self.one is self.other:
            return self.grad_one + self.grad_other
        return self.grad_one, self.grad_other


def check(verify):
    rng = np.random.default_rng(0)
    pair, one, y = Pair(rng), rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    with verify(pair) as check:
        out = pair.forward(one, one)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        pair.backward(out - y)
    return check
"""


def test_a_part_that_is_kept_is_judged_with_the_others_of_its_sum(tmp_path: Path) -> None:
    check = module_of(tmp_path / "attends.py", ATTENDS).check(verify)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("dv = d * self.u", "dv = d * self.v", "wrong-operand"),
        ("self.grad_one + self.grad_other", "self.grad_one - self.grad_other", "sign"),
        ("return self.grad_one + self.grad_other", "return self.grad_one", "missing-term"),
        ("du @ self.left.T", "du @ self.right.T", "wrong-operand"),
    ],
)
def test_a_part_that_is_wrong_or_all_that_there_is_is_told(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited(tmp_path / "attends.py", ATTENDS, right, wrong)
    first = check.first_wrong
    assert first is not None, str(check)
    assert first.kind == kind, str(check)
    if kind != "missing-term":  # which is told where the part is made
        assert first.line == line, str(check)
    assert len(check.causes) == 1, str(check)
