"""Parameters that no turn of a loop moves: the line that loses their updates is told, or it is noted which they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

HEAD = """
import numpy as np

rng = np.random.default_rng(6)
X, Y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
W, b, V, c = rng.normal(size=(3, 4)), np.zeros(4), rng.normal(size=(4, 2)), np.zeros(2)
"""
TURN = """
for turn in range(9):
    h = np.tanh(X @ W + b)
    out = h @ V + c
    loss = np.mean((out - Y) ** 2)
    d = 2 * (out - Y) / Y.size
    dV, dc = h.T @ d, d.sum(0)
    e = d @ V.T * (1 - h**2)
    dW, db, dX = X.T @ e, e.sum(0), e @ W.T
"""
ALL = """
    for p, g in ((W, dW), (b, db), (V, dV), (c, dc)):
        step = 0.1 * g
        p -= step
"""
EACH = """
    W = W - 0.1 * dW
    b = b - 0.1 * db
    V = V - 0.1 * dV
    c = c - 0.1 * dc
"""
KEYS = """
    grads = {"W": dW, "b": db, "V": dV, "c": dc}
    for key in params:
        params[key] -= 0.1 * grads[key]
"""
NET = HEAD + "params = {'W': W, 'b': b, 'V': V, 'c': c}\n" + TURN + KEYS
STAYS = "In 3 turns nothing moves b, whose gradient db is right."


def noted(check: object) -> str:
    return " ".join(str(check).split())


@pytest.mark.parametrize("text", [HEAD + TURN + ALL, HEAD + TURN + EACH, NET])
def test_where_every_parameter_is_moved_nothing_is_said(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert "In 3 turns nothing moves" not in noted(check)


def test_an_update_after_the_loop_over_the_weights_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, HEAD + TURN + ALL, "        p -= step", "    p -= step")
    assert told(check) == (line, "stale-or-updated-weights"), str(check)
    assert "Indent it" in check.first_wrong.sentence
    assert "values     yours" not in str(check)


def test_so_is_one_after_a_loop_over_places(tmp_path: Path) -> None:
    places = "    ws, gs = [W, b, V, c], [dW, db, dV, dc]\n    for i in range(4):\n        gs[i] = gs[i] / 1.0\n"
    right = HEAD + TURN + places + "        ws[i] -= 0.1 * gs[i]\n"
    assert check_of_script(tmp_path, right).ok
    check, line = edited_script(tmp_path, right, "        ws[i] -=", "    ws[i] -=")
    assert told(check) == (line, "stale-or-updated-weights"), str(check)


def test_what_a_loop_looks_for_is_moved_after_it(tmp_path: Path) -> None:
    chosen = "    for p, g in ((W, dW), (b, db), (V, dV), (c, dc)):\n        if np.size(g) == 8:\n            break\n"
    check = check_of_script(tmp_path, HEAD + TURN + chosen + "    p -= 0.1 * g\n")
    assert check.ok, str(check)


def test_so_is_what_is_sorted_last(tmp_path: Path) -> None:
    pairs = "[(W, dW), (b, db), (V, dV), (c, dc)]"
    largest = f"    for p, g in sorted({pairs}, key=lambda pair: pair[1].size):\n"
    check = check_of_script(tmp_path, HEAD + TURN + largest + "        print(g.size)\n    p -= 0.1 * g\n")
    assert check.ok, str(check)


def test_so_is_what_is_named_after_the_loop(tmp_path: Path) -> None:
    sizes = "    size = 0.0\n    for p, g in ((W, dW), (b, db), (V, dV), (c, dc)):\n        size += np.sum(g**2)\n"
    check = check_of_script(tmp_path, HEAD + TURN + sizes + "    p, g = V, dV\n    p -= 0.1 * g\n")
    assert check.ok, str(check)


def test_what_is_set_after_the_loop_alone_is_told_there(tmp_path: Path) -> None:
    first, rest = TURN.split("    h = np")
    turn = f"{first}    W, b, V, c = params.values()\n    h = np{rest}    grads = [dW, db, dV, dc]\n"
    update = "    for (key, p), g in zip(params.items(), grads):\n        p = p - 0.1 * g\n        params[key] = p\n"
    right = HEAD + "params = {'W': W, 'b': b, 'V': V, 'c': c}\n" + turn + update
    assert check_of_script(tmp_path, right).ok
    check, line = edited_script(tmp_path, right, "        params[key] = p", "    params[key] = p")
    assert told(check) == (line, "stale-or-updated-weights"), str(check)


@pytest.mark.parametrize("name", ["bb", "next_b"])
def test_a_new_value_under_a_name_that_nothing_reads_is_told(tmp_path: Path, name: str) -> None:
    check, line = edited_script(tmp_path, HEAD + TURN + EACH, "    b = b -", f"    {name} = b -")
    assert told(check) == (line, "stale-or-updated-weights"), str(check)
    assert "the new value of b is lost" in check.first_wrong.sentence


def test_a_new_value_that_something_reads_is_not(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, HEAD + TURN + EACH.replace("    b = b -", "    new = b -") + "print(new)\n")
    assert check.ok, str(check)
    assert STAYS in noted(check)


def test_a_copy_that_is_moved_instead_is_noted(tmp_path: Path) -> None:
    check, _ = edited_script(tmp_path, NET, "'b': b,", "'b': b.copy(),")
    assert check.ok, str(check)
    assert STAYS in noted(check)
    assert "moves params['b'], which the loss is not made of" in noted(check)


LAYERED = """
import numpy as np

rng = np.random.default_rng(6)
X, Y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))

class Affine:
    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, d):
        self.dW = self.x.T @ d
        return d @ self.W.T

params = {"W1": rng.normal(size=(3, 2)), "W2": rng.normal(size=(2, 2))}
layers = [Affine(params["W1"]), Affine(params["W2"])]
for turn in range(9):
    out = layers[1].forward(np.tanh(layers[0].forward(X)))
    loss = np.mean((out - Y) ** 2)
    d = layers[1].backward(2 * (out - Y) / Y.size)
    layers[0].backward(d * (1 - layers[1].x ** 2))
    grad = {"W1": layers[0].dW, "W2": layers[1].dW}
    params["W1"] -= 0.1 * grad["W1"]
    params["W2"] -= 0.1 * grad["W2"]
"""


@pytest.mark.parametrize("key", ["W1", "W2"])
def test_a_new_array_in_a_dict_beside_a_layer_that_holds_the_old_one_is_told(tmp_path: Path, key: str) -> None:
    assert check_of_script(tmp_path, LAYERED).ok
    right, wrong = f'params["{key}"] -= 0.1 *', f'params["{key}"] = params["{key}"] - 0.1 *'
    check, line = edited_script(tmp_path, LAYERED, right, wrong)
    assert told(check) == (line, "stale-or-updated-weights"), str(check)
    assert f"gives {key} a new array" in check.first_wrong.sentence


def test_a_new_array_that_is_handed_to_the_layer_is_right(tmp_path: Path) -> None:
    handed = '    params["W2"] = params["W2"] - 0.1 * grad["W2"]\n    layers[1].W = params["W2"]\n'
    check = check_of_script(tmp_path, LAYERED.replace('    params["W2"] -= 0.1 * grad["W2"]\n', handed))
    assert check.ok, str(check)


def test_what_is_left_as_it_is_is_noted_and_no_mistake(tmp_path: Path) -> None:
    check, _ = edited_script(tmp_path, HEAD + TURN + EACH, "    b = b - 0.1 * db\n", "")
    assert check.ok, str(check)
    assert STAYS in noted(check)
    assert "That is as it should be where it is to stay so" in noted(check)


@pytest.mark.parametrize("text", ["b = b - 0.1 * db  # unless frozen\n", "b = b - 0.1 * db  # not trained\n"])
def test_where_the_text_says_so_nothing_is_noted(tmp_path: Path, text: str) -> None:
    check, _ = edited_script(tmp_path, HEAD + TURN + EACH, "b = b - 0.1 * db\n", f"# {text}")
    assert check.ok, str(check)
    assert STAYS not in noted(check)


def test_what_moves_in_a_later_turn_or_in_turn_is_not_noted(tmp_path: Path) -> None:
    update = EACH.replace("    b = b", "    if turn % 2:\n        b = b")
    check = check_of_script(tmp_path, HEAD + TURN + update)
    assert check.ok, str(check)
    assert STAYS not in noted(check)


BATCHES = """
for turn in range(4):
    for i in range(3):
        x, y = X[i::3], Y[i::3]
        out = x @ W[:, :2] + b[:2]
        d = 2 * (out - y) / y.size
        loss = np.mean((out - y) ** 2)
        db, dW = np.append(d.sum(0), [0, 0]), np.zeros_like(W)
        dW[:, :2] = x.T @ d
        W -= 0.1 * dW
    b -= 0.1 * db
"""


@pytest.mark.parametrize("moves", [True, False])
def test_what_another_loop_moves_is_not_noted(tmp_path: Path, moves: bool) -> None:
    check = check_of_script(tmp_path, HEAD + BATCHES.replace("    b -= 0.1 * db\n", "    b -= 0.1 * db\n" * moves))
    assert check.ok, str(check)
    assert (STAYS in noted(check)) is not moves


def test_of_a_run_that_moves_nothing_the_line_is_named_that_is_lost(tmp_path: Path) -> None:
    step = "def step(pairs):\n    for p, g in pairs:\n        p = p - 0.1 * g\n"
    check = check_of_script(tmp_path, HEAD + step + TURN + "    step(((W, dW), (b, db), (V, dV), (c, dc)))\n")
    assert check.first_wrong is None
    assert "What `p = p - 0.1 * g` in line 9 makes is lost" in noted(check)


NUMBERED = """
import numpy as np

rng = np.random.default_rng(6)
X, Y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
sizes = [3, 4, 5, 2]
net = {}
for i in range(1, 4):
    net["W" + str(i)] = rng.normal(size=(sizes[i - 1], sizes[i]))

def grow(net, slopes, rate):
    count = len(net)
    for i in range(1, count + 1):
        net["W" + str(i)] = net["W" + str(i)] - rate * slopes["dW" + str(i)]
    return net

for turn in range(9):
    h = np.tanh(X @ net["W1"])
    g = np.tanh(h @ net["W2"])
    d = (g @ net["W3"] - Y) / len(Y)
    loss = 0.5 * len(Y) * np.sum(d**2)
    slopes = {"dW3": g.T @ d}
    d = (d @ net["W3"].T) * (1 - g**2)
    slopes["dW2"] = h.T @ d
    d = (d @ net["W2"].T) * (1 - h**2)
    slopes["dW1"] = X.T @ d
    net = grow(net, slopes, 0.1)
"""
LISTED = """
    ws, dws = [W, V], [dW, dV]
    for i in range(len(ws)):
        ws[i] -= 0.1 * dws[i]
    for i in range(2):
        [b, c][i][:] -= 0.1 * [db, dc][i]
"""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("range(1, count + 1)", "range(1, count)"), ("range(1, count + 1)", "range(2, count + 1)")],
)
def test_a_loop_that_leaves_out_the_first_or_the_last_of_numbered_weights(
    tmp_path: Path, right: str, wrong: str
) -> None:
    assert check_of_script(tmp_path, NUMBERED).ok
    check, line = edited_script(tmp_path, NUMBERED, right, wrong)
    assert told(check) == (line, "off-by-one"), str(check)
    assert check.first_wrong.should_be == f"for i in {right}:"
    number = 3 if wrong.startswith("range(1") else 1
    assert f"no turn of this loop makes the gradient of net['W{number}']" in check.first_wrong.sentence


@pytest.mark.parametrize("wrong", ["range(len(ws) - 1)", "range(1, len(ws))"])
def test_so_is_one_over_the_places_of_a_list(tmp_path: Path, wrong: str) -> None:
    assert check_of_script(tmp_path, HEAD + TURN + LISTED).ok
    check, line = edited_script(tmp_path, HEAD + TURN + LISTED, "range(len(ws))", wrong)
    assert told(check) == (line, "off-by-one"), str(check)
    assert check.first_wrong.should_be in ("for i in range(len(ws)):", "for i in range(0, len(ws)):")


def test_what_is_frozen_may_be_left_out(tmp_path: Path) -> None:
    text = NUMBERED.replace("range(1, count + 1):", "range(2, count + 1):  # the first layer is frozen")
    assert check_of_script(tmp_path, text).ok
