"""Lines that compute nothing and only give a value another name, key or place: some leave a factor or a term out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import edited, module_of
from tinygrad_scratch import verify

PAIR = """
import numpy as np

class Pair:
    def __init__(self, rng):
        self.A, self.B = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

    def forward(self, x, y):
        self.x, self.y = x, y
        self.left, self.right = np.tanh(x @ self.A), np.tanh(y @ self.A)
        self.near, self.far = self.left @ self.B, self.right @ self.B
        return self.near - self.far

    def backward(self, gap):
        dnear = gap
        dfar = -dnear
        dB = self.left.T @ dnear + self.right.T @ dfar
        dleft = dnear @ self.B.T
        dright = dfar @ self.B.T
        self.dA = self.x.T @ (dleft * (1 - self.left ** 2)) + self.y.T @ (dright * (1 - self.right ** 2))
        self.dB = dB

def check(verify):
    rng = np.random.default_rng(0)
    net, x, y = Pair(rng), rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    with verify(net) as check:
        gap = net.forward(x, y)
        check.loss = 0.5 * np.sum(gap ** 2)
        net.backward(gap)
        check.gradients = {"A": net.dA, "B": net.dB}
    return check
"""

GATED = """
import numpy as np

class Gated:
    def __init__(self, rng):
        self.keep, self.add = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
        self.out = rng.normal(size=(4, 2))

    def forward(self, xs):
        self.seen, state = [], np.zeros((5, 4))
        for x in xs:
            gate, new = 1 / (1 + np.exp(-x @ self.keep)), np.tanh(x @ self.add)
            self.seen.append((x, state, gate, new))
            state = gate * state + new
        self.last = state
        return state @ self.out

    def backward(self, given):
        grads = {name: np.zeros_like(getattr(self, name)) for name in ("keep", "add")}
        grads["out"] = self.last.T @ given
        dstate = given @ self.out.T
        for x, before, gate, new in reversed(self.seen):
            grads["keep"] += x.T @ (dstate * before * gate * (1 - gate))
            grads["add"] += x.T @ (dstate * (1 - new ** 2))
            dbefore = dstate * gate
            dstate = dbefore
        return grads

def check(verify):
    rng = np.random.default_rng(1)
    net, xs, goal = Gated(rng), rng.normal(size=(3, 5, 3)), rng.normal(size=(5, 2))
    with verify(net) as check:
        out = net.forward(xs)
        check.loss = 0.5 * np.sum((out - goal) ** 2)
        check.gradients = net.backward(out - goal)
    return check
"""

HANDED = """
import numpy as np

def probabilities(scores):
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)

def slope(given, wanted):
    return given - wanted

def layer(x, w, b, dout):
    dw, db = x.T @ dout, dout.sum(axis=0)
    dx = dout @ w.T
    return dx, [dw, db]

def backward(net, hidden, x, given, wanted):
    rows = len(x)
    dscores = slope(given, wanted)
    dhidden, upper = layer(hidden, net["w2"], net["b2"], dscores)
    dpre = dhidden * (1 - hidden ** 2)
    dw1 = x.T @ dpre
    dw1 = dw1 / rows
    db1 = dpre.sum(axis=0) / rows
    dw2, db2 = upper[0] / rows, upper[1] / rows
    return {"w1": dw1, "b1": db1, "w2": dw2, "b2": db2}

def check(verify):
    rng = np.random.default_rng(2)
    net = {"w1": rng.normal(size=(3, 4)), "b1": rng.normal(size=4),
           "w2": rng.normal(size=(4, 5)), "b2": rng.normal(size=5)}
    x, wanted = rng.normal(size=(7, 3)), np.eye(5)[rng.integers(0, 5, 7)]
    with verify(net) as check:
        hidden = np.tanh(x @ net["w1"] + net["b1"])
        given = probabilities(hidden @ net["w2"] + net["b2"])
        check.loss = -np.sum(wanted * np.log(given)) / len(x)
        check.gradients = backward(net, hidden, x, given, wanted)
    return check
"""

PROGRAMS = {"pair": PAIR, "gated": GATED, "handed": HANDED}

EDITS = [
    ("pair", "dfar = -dnear", "dfar = dnear", {"sign"}),
    ("pair", "self.dB = dB", "self.dB = self.B", {"wrong-operand", "missing-term"}),
    ("gated", "dbefore = dstate * gate", "dbefore = dstate", {"missing-term", "missing-derivative"}),
    ("handed", "return given - wanted", "return given", {"missing-term"}),
    ("handed", "dw1 = dw1 / rows", "dw1 = dw1", {"missing-batch-sum-or-mean", "scale-factor"}),
    ("handed", 'return {"w1": dw1, "b1": db1,', 'return {"w1": dw2, "b1": db1,', {"wrong-operand"}),
    ("handed", '"w2": dw2, "b2": db2}', '"w2": dw2, "b2": db1}', {"wrong-operand"}),
    ("handed", "return dx, [dw, db]", "return dx, [dw, dw]", {"wrong-operand"}),
    ("handed", "dpre = dhidden * (1 - hidden ** 2)", "dpre = dhidden", {"missing-derivative"}),
]


@pytest.mark.parametrize("name", PROGRAMS)
def test_right(tmp_path: Path, name: str) -> None:
    check = module_of(tmp_path / f"renamed_{name}.py", PROGRAMS[name]).check(verify)
    assert check.ok, str(check)


@pytest.mark.parametrize(("name", "right", "wrong", "kinds"), EDITS, ids=[edit[2] for edit in EDITS])
def test_the_line_and_the_kind(tmp_path: Path, name: str, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited(tmp_path / f"renamed_{name}.py", PROGRAMS[name], right, wrong)
    assert check.first_wrong is not None
    assert check.first_wrong.line == line, str(check)
    assert check.first_wrong.kind in kinds, str(check)
    assert len(check.causes) == 1, str(check)


def test_the_part_that_was_given_the_name_is_marked(tmp_path: Path) -> None:
    right, wrong = '"w2": dw2, "b2": db2}', '"w2": dw2, "b2": db1}'
    check, _ = edited(tmp_path / "renamed_marked.py", HANDED, right, wrong)
    (mistake,) = check.findings.mistakes
    assert mistake.written.part == "db1"
    assert mistake.written.text[: mistake.written.start].endswith('"b2": ')
    assert mistake.right is not None
    assert mistake.right.text == 'return {"w1": dw1, "b1": db1, "w2": dw2, "b2": db2}'


ALIASES = """
import numpy as np

class Sums:
    def __init__(self, rng):
        self.w, self.v = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))

    def forward(self, x):
        self.x = x
        held = self.w
        same = held
        return np.tanh(x @ same) + x @ self.v

    def backward(self, given):
        dout = given
        inner = dout * (1 - np.tanh(self.x @ self.w) ** 2)
        dw = self.x.T @ inner
        total = dw
        total += 2 * self.w
        self.dw = total
        self.seen = self.dw is total
        dv = self.x.T @ dout
        kept = [dv]
        kept[0] += 4 * self.v
        grads = dict(w=self.dw, v=dv)
        for name in grads:
            grads[name] = grads[name]
        return grads

def check(verify):
    rng = np.random.default_rng(3)
    net, x, goal = Sums(rng), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    with verify(net) as check:
        out = net.forward(x)
        check.loss = 0.5 * np.sum((out - goal) ** 2) + np.sum(net.w ** 2) + 2 * np.sum(net.v ** 2)
        check.gradients = net.backward(out - goal)
    return check
"""


def test_what_is_written_through_one_name_is_seen_through_all(tmp_path: Path) -> None:
    check = module_of(tmp_path / "renamed_aliases.py", ALIASES).check(verify)
    assert check.ok, str(check)


def test_a_mistake_in_what_is_written_through_another_name(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "renamed_aliases.py", ALIASES, "total += 2 * self.w", "total += 3 * self.w")
    assert check.first_wrong is not None
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "regularisation"), str(check)


def test_harmless_renames_have_no_rows(tmp_path: Path) -> None:
    def rows(check: Any) -> list[tuple[str, int]]:
        return [(step.name, step.where.line) for step in check.steps if step.verdict != "used"]

    plain = module_of(tmp_path / "renamed_plain.py", GATED).check(verify)
    text = GATED.replace("            dstate = dbefore\n", "            carried = dbefore; dstate = carried\n")
    assert rows(module_of(tmp_path / "renamed_more.py", text).check(verify)) == rows(plain)


def test_arrays_from_outside_stay_what_they_are() -> None:
    w = np.array([1.0, 2.0])
    with verify(w=w) as check:
        other = w
        assert other is w
        check.loss = np.sum(other**2)
        check.gradients = {"w": 2 * w}
    assert check.ok


def test_what_is_wrong_elsewhere_leaves_renames_without_rows(tmp_path: Path) -> None:
    right, wrong = "dpre = dhidden * (1 - hidden ** 2)", "dpre = dhidden * (1 - hidden)"
    text = HANDED.replace('    return {"w1"', '    dw2 = dw2\n    grads = {}\n    grads["b"] = db2\n    return {"w1"')
    check, line = edited(tmp_path / "renamed_elsewhere.py", text, right, wrong)
    assert check.first_wrong is not None
    assert check.first_wrong.line == line
    rows = [(step.name, step.where.line) for step in check.steps]
    assert [name for name, _ in rows].count("dw2") == 1
    assert not any(name.startswith(("grads", "backward()")) for name, _ in rows), rows
