"""Slips that another change would mend as well: each is told in the line that is wrong, and under its own kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited, module_of, told
from tinygrad_scratch import verify
from tinygrad_scratch.verifier import script
from tinygrad_scratch.verifier.rewriting.statements import rewrites_at
from tinygrad_scratch.verifier.rewriting.text import Source, source_of


def changes(text: str, line: int) -> dict[str, str]:
    """What a line may become, each with the kind of its change."""
    source = source_of(text)
    assert isinstance(source, Source)
    return {change.of(text).splitlines()[line - 1].strip(): change.kind for change in rewrites_at(source, line)}


CHAIN = """
import numpy as np

rng = np.random.default_rng(5)
w, x, labels = rng.normal(size=(4, 3)), rng.normal(size=(5, 4)), rng.integers(0, 3, size=5)


def cost(w):
    total, dw = 0.0, np.zeros_like(w)
    for i, row in enumerate(x):
        e = np.exp(row @ w)
        s = e.sum()
        p = e / s
        total += -np.log(p[labels[i]])
        dlog = -1.0 / p[labels[i]]
        back = dlog * 1.0
        slope = -p[labels[i]] * p
        slope[labels[i]] = e[labels[i]] * (s - e[labels[i]]) / s**2
        dscore = back * slope
        dw += np.outer(row, dscore)
    return total, dw


def check(verify):
    return verify.function(cost, w)
"""


@pytest.mark.parametrize(("right", "wrong"), [("-1.0 / p[labels[i]]", "-1.0 / p"), ("-p[labels[i]] * p", "-p * p")])
def test_an_entry_that_is_due_and_not_all_of_a_value(tmp_path: Path, right: str, wrong: str) -> None:
    assert module_of(tmp_path / "chain.py", CHAIN).check(verify).ok is True
    check, line = edited(tmp_path / "chain.py", CHAIN, right, wrong)
    assert told(check) == (line, "wrong-operand"), str(check)


def test_an_entry_that_another_line_takes_may_be_due() -> None:
    text = "def f(p, y, i):\n    a = p[y[i]] + p[0]\n    return 1 / p\n"
    assert "return 1 / p[y[i]]" in changes(text, 3)
    assert "return 1 / y[y[i]]" not in changes(text, 3)


TURNS = """
import numpy as np

rng = np.random.default_rng(8)
x, t = rng.normal(size=(4, 3, 5)), rng.normal(size=(4, 3, 2))
mask = (np.arange(3) < np.array([3, 1, 2, 2])[:, None]).astype(float)
w, v = rng.normal(size=(5, 6)), rng.normal(size=(6, 2))


def gradients(h, out, mask):
    dw, dv = np.zeros_like(w), np.zeros_like(v)
    for k in range(3):
        d = out[:, k, :] - t[:, k, :]
        d *= mask[:, k][:, None]
        dv += h[:, k].T @ d
        dw += x[:, k].T @ (d @ v.T * (1 - h[:, k] ** 2))
    return {"w": dw, "v": dv}


def check(verify):
    with verify(w=w, v=v) as check:
        h = np.tanh(x @ w)
        out = h @ v
        check.loss = 0.5 * np.sum((out - t) ** 2 * mask[:, :, None])
        check.gradients = gradients(h, out, mask)
    return check
"""


def test_a_mask_of_a_turn_that_is_left_out(tmp_path: Path) -> None:
    assert module_of(tmp_path / "turns.py", TURNS).check(verify).ok is True
    check, line = edited(tmp_path / "turns.py", TURNS, "        d *= mask[:, k][:, None]\n", "")
    assert told(check) == (line - 1, "missing-derivative")


def test_a_mask_may_be_taken_as_the_statement_takes_its_values() -> None:
    text = "def f(a, b, mask, k):\n    d = a[:, k, :] - b[:, k, :]\n    e = a[k] - b[k]\n"
    assert "d = (a[:, k, :] - b[:, k, :]) * mask[:, k, :]" in changes(text, 2)
    assert "d = (a[:, k, :] - b[:, k, :]) * mask[:, k][:, None]" in changes(text, 2)
    assert {"e = (a[k] - b[k]) * mask[k]", "e = (a[k] - b[k]) * mask[k][:, None]"} <= set(changes(text, 3))


KEPT = """
import numpy as np

rng = np.random.default_rng(9)
x, up = rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 5, 4))


class Cell:
    def __init__(self):
        self.w = {"in": (rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=4))}
        self.sums = {"in": (np.zeros((4, 4)), np.zeros((4, 4)), np.zeros(4))}

    def forward(self):
        w, u, b = self.w["in"]
        self.h = [np.zeros((5, 4))]
        for row in x:
            self.h.append(np.tanh(row @ w + self.h[-1] @ u + b))

    def step(self, k, dh, name):
        w, u, b = self.w[name]
        dz = dh * (1 - self.h[k + 1] ** 2)
        dw, du, db = x[k].T @ dz, self.h[k].T @ dz, dz.sum(axis=0)
        sum_w, sum_u, sum_b = self.sums[name]
        self.sums[name] = (sum_w + dw, sum_u + du, sum_b + db)
        return dz @ u.T


def check(verify):
    cell = Cell()
    with verify(cell.w) as check:
        cell.forward()
        check.loss = sum(np.sum(h * u) for h, u in zip(cell.h[1:], up))
        dh = 0
        for k in (2, 1, 0):
            dh = cell.step(k, up[k] + dh, "in")
        check.gradients = {f"in[{i}]": each for i, each in enumerate(cell.sums["in"])}
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("sum_u + ", ""), ("sum_b + ", ""), ("(sum_w + dw, sum_u + du, sum_b + db)", "dw, du, db")],
)
def test_what_was_summed_up_and_is_left_out(tmp_path: Path, right: str, wrong: str) -> None:
    assert module_of(tmp_path / "kept.py", KEPT).check(verify).ok is True
    check, line = edited(tmp_path / "kept.py", KEPT, right, wrong)
    assert told(check) == (line, "overwritten-accumulation")


def test_a_way_around_that_is_left_out_is_a_term() -> None:
    kept = "def f(s, g):\n    old = s.g\n    s.g = g\n"
    around = "def f(d, w):\n    skip = d\n    d = d @ w\n    return d\n"
    assert changes(kept, 3)["s.g = old + g"] == "overwritten-accumulation"
    assert changes(around, 3)["d = skip + d @ w"] == "missing-term"


HEADS = """
import numpy as np

rng = np.random.default_rng(13)
x, t = rng.normal(size=(2, 5, 6)), rng.normal(size=(2, 5, 4))
p = {name: rng.normal(size=(6, 4)) / 2 for name in ("q", "k", "v")}


def forward():
    q, k, v = x @ p["q"], x @ p["k"], x @ p["v"]
    scale = 0.5
    scores = q @ k.transpose(0, 2, 1) * scale
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    attn = e / e.sum(axis=-1, keepdims=True)
    return attn @ v, {"q": q, "k": k, "v": v, "attn": attn, "scale": scale}


def backward(dout, kept):
    q, k, v, attn = kept["q"], kept["k"], kept["v"], kept["attn"]
    scale = kept["scale"]
    dv = attn.transpose(0, 2, 1) @ dout
    dattn = dout @ v.transpose(0, 2, 1)
    dscores = attn * (dattn - (dattn * attn).sum(axis=-1, keepdims=True))
    dscores *= scale
    dq = dscores @ k
    dk = dscores.transpose(0, 2, 1) @ q
    return {name: np.einsum("nti,ntj->ij", x, d) for name, d in {"q": dq, "k": dk, "v": dv}.items()}


def check(verify):
    with verify(p) as check:
        out, kept = forward()
        check.loss = 0.5 * np.sum((out - t) ** 2)
        check.gradients = backward(out - t, kept)
    return check
"""


def test_a_factor_is_told_where_it_leaves_what_is_right(tmp_path: Path) -> None:
    assert module_of(tmp_path / "heads.py", HEADS).check(verify).ok is True
    check, line = edited(tmp_path / "heads.py", HEADS, "    dscores *= scale\n", "")
    assert told(check) == (line - 1, "scale-factor")


PASSED_OVER = """
import numpy as np

rng = np.random.default_rng(14)
xs, zs, labels = rng.normal(size=(4, 3)), rng.normal(size=(4, 2)), [1, 0, 2, 1]
zs[:2] = 0
w, v = rng.normal(size=(3, 3)), rng.normal(size=(2, 3))


def step(x, p, label):
    for i, answer in enumerate(p):
        if i != label:
            continue
        d = np.array(p)
        d[i] -= 1
        back = w @ d
        w[...] -= 0.1 * np.outer(x, d)
        return back


for x, z, label in zip(xs, zs, labels):
    h = x + z @ v
    e = np.exp(h @ w)
    p = e / e.sum()
    loss = -np.log(p[label])
    v -= 0.1 * np.outer(z, step(h, p, label))
"""


def test_a_loop_that_a_function_returned_out_of_has_no_later_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call may get the id that the one before it had: here each does."""
    monkeypatch.setattr(script, "id", lambda frame: id(getattr(frame, "f_code", frame)), raising=False)
    line_of_loop = PASSED_OVER[: PASSED_OVER.index("for x, z")].count("\n") + 1
    check = check_of_script(tmp_path, PASSED_OVER)
    assert check.ok is True, str(check)
    assert any(f"loop at line {line_of_loop}" in note for note in check.notes), check.notes


FORMULA = """
import numpy as np

rng = np.random.default_rng(15)
w, x = rng.normal(size=(3, 4)), rng.normal(size=3)


def forward(w):
    out = x @ w
    e = np.exp(out)
    return out, e / np.sum(e, axis=0)


def backward(out, dp):
    for i, g in enumerate(dp):
        if g == 0:
            continue
        e = np.exp(out)
        s = np.sum(e)
        slope = -e[i] * e / s**2
        slope[i] = e[i] * (s - e[i]) / s**2
        return np.outer(x, g * slope)


def check(verify):
    with verify(w=w) as check:
        out, p = forward(w)
        check.loss = -np.log(p[1])
        dp = np.zeros(4)
        dp[1] = -1 / p[1]
        check.gradients = {"w": backward(out, dp)}
    return check
"""


def test_a_sum_that_is_divided_by_once_for_twice_is_a_scale(tmp_path: Path) -> None:
    assert module_of(tmp_path / "formula.py", FORMULA).check(verify).ok is True
    check, line = edited(tmp_path / "formula.py", FORMULA, "(s - e[i]) / s**2", "(s - e[i]) / s")
    assert told(check) == (line, "scale-factor")
