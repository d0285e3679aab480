"""Mistakes that no recorded call shows: the smallest change of the source that makes all gradients right is found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import edited, module_of
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.rewriting.statements import rewrites_at
from tinygrad_scratch.verifier.rewriting.text import Source, effort, is_near
from tinygrad_scratch.verifier.running.again import Script
from tinygrad_scratch.verifier.trying.left import goals_of, spots_in

VECTORS = """
import numpy as np


def pairs(words, reach):
    for place, word in enumerate(words):
        for other in range(max(0, place - reach), min(len(words), place + reach + 1)):
            if other != place:
                yield word, words[other]


def loss_of(U, V, words):
    total = 0.0
    for word, near in pairs(words, 2):
        scores = V @ U[word]
        total = total + np.log(np.sum(np.exp(scores))) - scores[near]
    return total


def gradients(U, V, words):
    gU, gV = np.zeros_like(U), np.zeros_like(V)
    for place, word in enumerate(words):
        for other in range(max(0, place - 2), min(len(words), place + 3)):
            if other == place:
                continue
            share = np.exp(V @ U[word])
            share = share / np.sum(share)
            share[words[other]] -= 1
            gU[word] += V.T @ share
            gV += np.outer(share, U[word])
    return gU, gV


def check(verify):
    rng = np.random.default_rng(3)
    U, V, words = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), [0, 3, 1, 3, 2]
    with verify(U=U, V=V) as check:
        check.loss = loss_of(U, V, words)
        gU, gV = gradients(U, V, words)
        check.gradients = {"U": gU, "V": gV}
    return check
"""

RATINGS = """
import numpy as np


class Ratings:
    def __init__(self, rng, users=4, items=5):
        self.P, self.Q, self.bias = rng.normal(size=(users, 3)), rng.normal(size=(items, 3)), rng.normal(size=users)
        self.weight = 0.3

    def loss(self, rated):
        total = 0.0
        for u, i, r in rated:
            total = total + (r - self.P[u] @ self.Q[i] - self.bias[u]) ** 2
            total = total + self.weight * (self.P[u] @ self.P[u] + self.Q[i] @ self.Q[i])
        return total

    def gradients(self, rated):
        gP, gQ, gb = 0 * self.P, 0 * self.Q, np.zeros(len(self.bias))
        for u, i, r in rated:
            miss = r - self.P[u] @ self.Q[i] - self.bias[u]
            gP[u] += -2 * miss * self.Q[i] + 2 * self.weight * self.P[u]
            gQ[i] += -2 * miss * self.P[u] + 2 * self.weight * self.Q[i]
            gb[u] += -2 * miss
        return {"P": gP, "Q": gQ, "bias": gb}


def check(verify):
    rng = np.random.default_rng(1)
    model = Ratings(rng)
    rated = [(0, 1, 3.0), (1, 1, 4.0), (2, 4, 1.0), (0, 2, 5.0)]
    with verify(model) as check:
        check.loss = model.loss(rated)
        check.gradients = model.gradients(rated)
    return check
"""


@pytest.mark.parametrize(
    ("program", "right", "wrong", "kind", "should_be"),
    [
        (VECTORS, "for place, word in enumerate(words):\n        for other in range(max(0, place - 2)",
         "for place, word in enumerate(words):\n        for other in range(max(0, place - 1)", "off-by-one",
         "for other in range(max(0, place - 2), min(len(words), place + 3)):"),
        (VECTORS, "gU[word] += V.T", "gU[words[other]] += V.T", "wrong-operand",
         "gU[words[place]] += V.T @ share"),
        (VECTORS, "gU, gV = np.zeros_like(U), np.zeros_like(V)", "gU = gV = np.zeros_like(U)", "inplace-corruption",
         "gU = np.zeros_like(U); gV = np.zeros_like(U)"),
        (RATINGS, "miss * self.Q[i] +", "miss * self.Q[u] +", "wrong-operand",
         "gP[u] += -2 * miss * self.Q[i] + 2 * self.weight * self.P[u]"),
        (RATINGS, "np.zeros(len(self.bias))", "np.zeros(len(self.bias), dtype=int)", "dtype-or-integer", None),
        (RATINGS, "gb[u] += -2", "gb[i - 1] += -2", "wrong-operand", "gb[u] += -2 * miss"),
    ],
)  # fmt: skip
def test_the_line_and_the_kind(
    tmp_path: Path, program: str, right: str, wrong: str, kind: str, should_be: str | None
) -> None:
    check, line = edited(tmp_path / "rewritten.py", program, right, wrong)
    first = check.first_wrong
    assert first is not None
    found = line + right.count("\n")
    assert (first.line, first.kind) == (found, kind), str(check)
    assert should_be is None or should_be in str(check).replace("\n             ", " "), str(check)


@pytest.mark.parametrize("program", [VECTORS, RATINGS])
def test_as_it_should_be_it_is_right(tmp_path: Path, program: str) -> None:
    assert module_of(tmp_path / "rewritten_right.py", program).check(verify).ok


def drawn_next() -> float:
    """The number that NumPy draws next, without drawing it."""
    state = np.random.get_state()
    number = float(np.random.random())
    np.random.set_state(state)
    return number


def test_all_is_as_it_was_afterwards(tmp_path: Path) -> None:
    module = module_of(tmp_path / "rewritten_before.py", RATINGS.replace("miss * self.Q[i] +", "miss * self.Q[u] +"))
    model, rated = module.Ratings(np.random.default_rng(1)), [(0, 1, 3.0), (1, 3, 4.0), (2, 4, 1.0)]
    model.seen = ["nothing"]
    before, code, drawn = model.P.copy(), module.Ratings.gradients.__code__, drawn_next()
    with verify(model) as check:
        check.loss = model.loss(rated)
        check.gradients = model.gradients(rated)
    assert check.first_wrong is not None
    assert check.first_wrong.kind == "wrong-operand"
    assert module.Ratings.gradients.__code__ is code
    assert np.array_equal(model.P, before)
    assert model.seen == ["nothing"]
    assert drawn_next() == drawn


WRITES = """
import numpy as np
from pathlib import Path

log = Path(__file__).with_name("log.txt")


def gradient(w, x, y):
    with open(log, "a") as file:
        file.write("called\\n")
    g = np.zeros(len(w))
    for i in range(len(x) - 1):
        g += 2 * (x[i] @ w - y[i]) * x[i]
    return g


def check(verify):
    rng = np.random.default_rng(0)
    w, x, y = rng.normal(size=3), rng.normal(size=(5, 3)), rng.normal(size=5)
    with verify(w=w) as check:
        check.loss = np.sum((x @ w - y) ** 2)
        check.gradients = {"w": gradient(w, x, y)}
    return check
"""


def test_no_file_is_written_again(tmp_path: Path) -> None:
    check = module_of(tmp_path / "rewritten_log.py", WRITES).check(verify)
    assert check.first_wrong is not None
    assert (tmp_path / "log.txt").read_text() == "called\n"


def test_a_loop_of_a_script(tmp_path: Path) -> None:
    script = """
import numpy as np

rng = np.random.default_rng(0)
x, y, w = rng.normal(size=(6, 3)), rng.normal(size=6), rng.normal(size=3)
for epoch in range(3):
    out = x @ w
    loss = np.sum((out - y) ** 2)
    g = np.zeros(3)
    for i in range(1, len(x)):
        g += 2 * (out[i] - y[i]) * x[i]
    w = w - 0.01 * g
"""
    file = tmp_path / "turn.py"
    file.write_text(script)
    command = [sys.executable, "-m", "tinygrad_scratch", "verify", str(file), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    first: Any = json.loads(done.stdout)["first_wrong"]
    assert done.returncode == 1
    assert (first["line"], first["kind"]) == (10, "off-by-one")
    assert file.read_text() == script


# ---- the changes of a text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a = b + c", "a = b - c"),
        ("a = b + c", "a = (b)"),
        ("a = b - c", "a = (c - b)"),
        ("a = b * c", "a = b"),
        ("a = b @ c", "a = c @ b"),
        ("a = b @ c", "a = b.T @ c"),
        ("a = b.T", "a = b"),
        ("a += b", "a = b"),
        ("a = b", "a += b"),
        ("a = b", "a = -b"),
        ("a = b = c", "a = c; b = c"),
        ("a = w1 * b2 + w2", "a = w2 * b2 + w2"),
        ("a = b[i]", "a = b[(i - 1)]"),
        ("a = b[i, j]", "a = b[j, i]"),
        ("a = np.sum(b, axis=0)", "a = np.sum(b, axis=1)"),
        ("a = np.sum(b, axis=0)", "a = np.mean(b, axis=0)"),
        ("a = b.sum(axis=0)", "a = b.sum()"),
        ("a = np.where(b, c, d)", "a = np.where(b, d, c)"),
        ("a = np.zeros(3, dtype=int)", "a = np.zeros(3, dtype=float)"),
        ("a = b.astype(int)", "a = b"),
        ("a = b > 0", "a = b >= 0"),
        ("a = b // c", "a = (b / c)"),
        ("a = np.argmin(b, axis=1)", "a = np.argmax(b, axis=1)"),
        ("a = b.reshape(n, m)", "a = b.reshape(m, n).T"),
        ("a = np.reshape(b, (n, m))", "a = np.reshape(b, (m, n)).T"),
        ("a = np.diag(b) - b", "a = np.diag(b) - np.outer(b, b)"),
        ("a = p - y", "a = ((p - y) / (p * (1 - p)))"),
        ("a = s", "a = s * (1 - s)"),
        ("a = b[:, 2 * k:, 2 * k:]", "a = b[:, k:-k, k:-k]"),
        ("for i in range(n): pass", "for i in reversed(range(n)): pass"),
        ("for i in range(1, n): pass", "for i in range(0, n): pass"),
    ],
)
def test_changes_of_a_statement(written: str, meant: str) -> None:
    source = Source(written + "\n")
    assert meant + "\n" in [rewrite.of(source.text) for rewrite in rewrites_at(source, 1)]


@pytest.mark.parametrize(
    ("before", "written", "meant"),
    [
        ("norm = f(u)", "g = e * q", "g = (e * q) * norm"),
        ("total = f(u)", "g = e", "g = e / total"),
        ("bound = 2", "g = np.exp(e - a)", "g = np.exp(e + bound - a)"),
        ("bound = np.pi", "g = e", "g = np.clip(e, -bound, bound)"),
        ("z = 0", "g = a * b * c + d", "g = ((a + d) * b * c)"),
        ("old = f(u)", "g = up * d", "g = up * d - old * d"),
        ("image = f(u)", "m = size", "m = image.shape[0]"),
        ("x = f(u); dz = 1", "g = b.copy()", "g = x @ dz"),
        ("D1 = D1 + w[0] * k", "D2 = D2 + w[1]", "D2 = D2 + w[1] * k"),
        ("W_sum = 0", "W += rate * g", "W_sum += g"),
        ("d = f(u, slope=True)", "g = f(z)", "g = f(z, slope=True)"),
        ("h = np.tanh(u)", "g = 1 - z ** 2", "g = 1 - np.tanh(z) ** 2"),
        ("h = f(u)", "g = f(z) * q", "g = z * q"),
        ("eT = f(u)", "g = back(d)", "g = back(eT.swapaxes(-1, -2))"),
        ("d_2 = e_1 * slope(h_1)", "out_2.append(e_2)", "out_2.append((e_2 * slope(h_2)))"),
        ("o[t] = v * c[t]; do[t] = e", "dc[t] = q", "dc[t] = q + v * do[t]"),
        ("a[t] = c[t - 1]", "dc[t] = z[t] * q", "dc[t] = (z[t] - (c[t - 1] if t > 0 else 0)) * q"),
        ("b, c, h, w = u.shape", "m = b", "m = b * h * w"),
        ("b, c, h, w = u.shape", "g = e / (b * h)", "g = e / (b * h * w)"),
        ("b, c, h, w = u.shape", "g = (e + lam * w) / b", "g = e / b + lam * w"),
        ("r = 2", "g = r * (e - q)", "g = e - r * q"),
        ("v = f(u)", "g = e[:, :, None] * q", "g = e[:, :, None] * v[:, None, :]"),
        ("m['w' + str(k + 1)] = 2", "g = m['b' + str(n)]", "g = m['b' + str(k + 1)]"),
        ("d = e * bend_prime(v[-1])", "g = (w @ d) * v[-l]", "g = (w @ d) * bend_prime(v[-l])"),
        (
            "U_a, U_b, U_c = g_a, g_b, g_c",
            "g = U_a @ g_a[t] + U_b @ g_b[t]",
            "g = U_a @ g_a[t] + U_b @ g_b[t] + U_c @ g_c[t]",
        ),
        ("h = bend(x @ w); h = pad(h, 1)", "g = bend_prime(h.T)", "g = bend_prime((pad(x @ w, 1)).T)"),
        ("step = 2", "g = x[:, i:i + k, j:j + k]", "g = x[:, i * step:i * step + k, j * step:j * step + k]"),
    ],
)
def test_what_stands_nowhere_is_put_in(before: str, written: str, meant: str) -> None:
    source = Source(f"import numpy as np; {before}\n{written}\n")
    assert f"{source.lines[0]}{meant}\n" in [rewrite.of(source.text) for rewrite in rewrites_at(source, 2)]


@pytest.mark.parametrize(
    ("text", "line", "meant", "kind"),
    [
        ("for t in range(n):\n    if t > 1: pass\n", 2, "if t > 0", "off-by-one"),
        ("for t in range(max(0, n - 1)): pass\n", 1, "range(0)", "off-by-one"),
        ("h = 1\ng = 1 - z ** 2\n", 2, "1 - h ** 2", "derivative-at-wrong-point"),
        ("b = 1 / n\ng = 1 + z ** 2\n", 2, "(z / n) ** 2", "derivative-at-wrong-point"),
        ("beta = f(u)\ng = np.exp(a - c)\n", 2, "a + beta - c", "missing-term"),
    ],
)
def test_the_kind_of_a_change(text: str, line: int, meant: str, kind: str) -> None:
    source = Source(text)
    assert kind in {rewrite.kind for rewrite in rewrites_at(source, line) if meant in rewrite.of(text)}


def test_a_number_of_the_function_may_be_missing_in_its_slope() -> None:
    text = "def bent(z):\n    return max(z, 0.2 * z)\n\n\ndef bent_slope(z):\n    return 0.8 * (z > 0)\n"
    assert "0.2 + (0.8 * (z > 0))" in {rewrite.text for rewrite in rewrites_at(Source(text), 6)}


LAMBDAS = """
import numpy as np

bend = lambda z: np.tanh(z)
slope = lambda z: 1 - bend(z) ** 2


def check(verify):
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(3, 3)), rng.normal(size=3)
    states = [x]
    with verify(w=w) as check:
        for _ in range(3):
            states.append(bend(w @ states[-1]))
        check.loss = np.sum(states[-1] ** 2)
        g, d = np.zeros((3, 3)), 2 * states[-1]
        for state in states[-2::-1]:
            e = d * slope(w @ state)
            g = g + np.outer(e, state)
            d = w.T @ e
        check.gradients = {"w": g}
    return check
"""


def test_a_lambda_is_changed_as_a_function_is(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "of_lambdas.py", LAMBDAS, "1 - bend(z) ** 2", "1 - bend(z)")
    first = check.first_wrong
    assert first is not None
    assert (first.line, first.kind) == (line, "derivative-at-wrong-point"), str(check)
    assert module_of(tmp_path / "of_lambdas_right.py", LAMBDAS).check(verify).ok


def test_a_list_is_not_put_in_itself() -> None:
    source = Source("kept.append(x)\n")
    assert "kept.append(kept)\n" not in [rewrite.of(source.text) for rewrite in rewrites_at(source, 1)]


def test_a_gradient_of_noughts_has_a_place() -> None:
    spots = spots_in({"after:['g']": np.zeros(3), "after:['h']": np.ones(3)}, {}, None, np.zeros(3))
    found = goals_of(spots, np.arange(3.0))
    assert [goal.name for goal in found] == ["after:['g']"]
    assert found[0].is_met({"after:['g']": np.arange(3.0)})


def test_a_statement_is_moved_after_what_reads_it() -> None:
    source = Source("w = w - g\nd = g @ w\n")
    assert "d = g @ w\nw = w - g\n" in [rewrite.of(source.text) for rewrite in rewrites_at(source, 1)]


def test_changes_keep_the_lines() -> None:
    source = Source("a = (b +\n     c) * d\n")
    assert {rewrite.of(source.text).count("\n") for rewrite in rewrites_at(source, 1)} == {2}


def test_how_far_texts_are_apart() -> None:
    assert effort("a = b[t] * c", "a = b[t - 1] * c") == 2
    assert effort("a = b", "a = b") == 0
    assert is_near("W1", "W2")
    assert is_near("z2", "a2")
    assert not is_near("delta", "W2")


def test_another_function_of_theirs() -> None:
    text = "".join(f"def {head}:\n    return x\n\n\n" for head in ("slope(x)", "other(x)", "two(x, y)"))
    text += "a = slope(b)\n"
    source = Source(text)
    found = [rewrite.of(text).splitlines()[-1] for rewrite in rewrites_at(source, text.count("\n"))]
    assert "a = other(b)" in found
    assert "a = two(b)" not in found


KEPT = """class Gate:
    def forward(self, x):
        raw = self.w * x
        return {"raw": raw, "out": np.tanh(raw)}

    def backward(self, d, kept):
        return d * slope(kept["out"])
"""


def test_an_entry_that_only_another_method_names_may_be_meant() -> None:
    assert '"raw"' in {rewrite.text for rewrite in rewrites_at(Source(KEPT), 7)}


def test_a_script_is_run_statement_by_statement(tmp_path: Path) -> None:
    text = '@str\nclass A: pass\nx = """a\nb"""; y = 2\nfor i in range(3):\n    y += 1\nz = [\n    y]\n'
    file = tmp_path / "parts.py"
    file.write_text(text, encoding="utf-8")

    def run_all(codes: list[Any], names: dict[str, Any]) -> None:
        for code in codes:
            exec(code, names)

    script = Script(str(file), lambda kind, ends: None, run_all)
    script.loop, script.line = str(file), 5
    assert [text[start:end].count("\n") for start, end, _ in script.parts] == [2, 2, 2, 2]
    run = script.plain(str(file), None)
    assert run is not None
    assert run()["y"] == 3  # of one turn
