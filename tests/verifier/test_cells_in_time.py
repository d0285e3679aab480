"""Cells of recurrent networks that keep what a step made in a dict: what a turn lacks spoils all turns before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import changed, check_of_script, edited, edited_script, told

CELL = """
import numpy as np

rng = np.random.default_rng(12)
steps, many, wide = 4, 5, 3
seen, wanted = rng.normal(size=(steps, many, 2)), rng.normal(size=(steps, many, 2))


def squash(a):
    return 1 / (1 + np.exp(-a))


class Cell:
    def __init__(self):
        shapes = {"Wz": (2, wide), "Wf": (2, wide), "Rz": (wide, wide), "Rf": (wide, wide), "V": (wide, 2)}
        self.p = {name: rng.normal(size=shape) * 0.5 for name, shape in shapes.items()}
        self.p["eye"] = rng.normal(size=wide) * 0.5

    def forward(self, x, h, c):
        p = self.p
        z = np.tanh(x @ p["Wz"] + h @ p["Rz"])
        f = squash(x @ p["Wf"] + h @ p["Rf"] + c * p["eye"])
        new = f * c + (1 - f) * z
        h = np.tanh(new)
        return {"x": x, "z": z, "f": f, "old": c, "c": new, "h": h, "y": h @ p["V"]}

    def backward(self, dy, now, then, back):
        p = self.p
        dh = dy @ p["V"].T + back["dz"] @ p["Rz"].T + back["df"] @ p["Rf"].T
        dc = dh * (1 - now["h"] ** 2) + back["dc"] * then["f"] + back["df"] * p["eye"]
        df = dc * (now["old"] - now["z"]) * now["f"] * (1 - now["f"])
        dz = dc * (1 - now["f"]) * (1 - now["z"] ** 2)
        g = {"V": np.einsum("ni,nj->nij", now["h"], dy), "eye": df * now["old"]}
        g |= {"Wz": np.einsum("ni,nj->nij", now["x"], dz), "Wf": np.einsum("ni,nj->nij", now["x"], df)}
        g |= {"Rz": np.einsum("ni,nj->nij", now["h"], back["dz"]), "Rf": np.einsum("ni,nj->nij", now["h"], back["df"])}
        return g | {"dc": dc, "df": df, "dz": dz}


cell = Cell()
for turn in range(3):
    nothing = np.zeros((many, wide))
    kept, now, loss = [], {"h": nothing, "c": nothing}, 0.0
    for t in range(steps):
        now = cell.forward(seen[t], now["h"], now["c"])
        kept.append(now)
        loss += np.sum((now["y"] - wanted[t]) ** 2) / many
    total = {name: np.zeros_like(value) for name, value in cell.p.items()}
    back = {"dc": nothing, "df": nothing, "dz": nothing}
    for t in reversed(range(steps)):
        then = kept[t + 1] if t + 1 < steps else {"f": nothing}
        back = cell.backward(2 * (kept[t]["y"] - wanted[t]), kept[t], then, back)
        for name in total:
            total[name] += np.mean(back[name], axis=0)
    for name in cell.p:
        cell.p[name] -= 0.05 * total[name]
    print(loss)
"""
MISTAKES = [
    pytest.param('back["dc"] * then["f"]', 'back["dc"] * now["f"]', 'dc = dh', id="the gate of another turn"),
    pytest.param('@ p["Rf"].T', '@ p["Rf"]', "dh = dy", id="no transpose"),
    pytest.param(' + back["df"] * p["eye"]', "", "dc = dh", id="a path is left out"),
]  # fmt: skip


def test_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, CELL)
    assert check.ok, str(check)


@pytest.mark.parametrize(("right", "wrong", "statement"), MISTAKES)
def test_a_mistake_in_each_turn_is_told(right: str, wrong: str, statement: str, tmp_path: Path) -> None:
    script = CELL.replace(right, wrong)
    check = check_of_script(tmp_path, script)
    assert check.first_wrong is not None, str(check)
    assert statement in script.splitlines()[check.first_wrong.line - 1], str(check)


CELLS = """import numpy as np


def bend(v):
    return 1 / (1 + np.exp(-v))


class Cells:
    def __init__(self, rng, turns):
        self.keep, self.ahead, self.seen = rng.normal(size=(3, 3))
        self.d_keep, self.d_ahead, self.d_seen = np.zeros((3, 3))
        names = ("low", "hold", "state", "high", "gate", "d_low", "d_hold", "d_state", "d_high")
        for name in names:
            setattr(self, name, np.zeros((turns + 1, 3)))

    def forward(self, x, out):
        for t in range(len(x)):
            self.low[t] = x[t, :3]
            if t > 0:
                self.low[t] += self.ahead * self.state[t - 1]
            self.hold[t] = bend(self.low[t])
            self.state[t] = self.hold[t] * np.tanh(x[t, 3:6])
            if t > 0:
                self.state[t] += self.keep * self.state[t - 1]
            self.high[t] = x[t, 6:]
            self.high[t] += self.seen * self.state[t]
            self.gate[t] = bend(self.high[t])
            out[t] = self.gate[t] * np.tanh(self.state[t])

    def backward(self, x, d_out, dx):
        for t in reversed(range(len(x))):
            self.d_high[t] = self.gate[t] * (1 - self.gate[t]) * np.tanh(self.state[t]) * d_out[t]
            self.d_state[t] = d_out[t] * self.gate[t] * (1 - np.tanh(self.state[t]) ** 2)
            self.d_state[t] += self.d_state[t + 1] * self.keep
            self.d_state[t] += self.d_low[t + 1] * self.ahead
            self.d_state[t] += self.d_high[t] * self.seen
            self.d_low[t] = self.hold[t] * (1 - self.hold[t]) * self.d_state[t] * np.tanh(x[t, 3:6])
            self.d_seen += self.d_high[t] * self.state[t]
            if t > 0:
                self.d_keep += self.d_state[t] * self.state[t - 1]
                self.d_ahead += self.d_low[t] * self.state[t - 1]
            dx[t, :3] = self.d_low[t]
            dx[t, 3:6] = self.hold[t] * (1 - np.tanh(x[t, 3:6]) ** 2) * self.d_state[t]
            dx[t, 6:] = self.d_high[t]


def check(verify):
    rng = np.random.default_rng(7)
    x, y, out, dx = rng.normal(size=(3, 9)), rng.normal(size=(3, 3)), np.zeros((3, 3)), np.zeros((3, 9))
    cells = Cells(rng, 3)
    with verify(keep=cells.keep, ahead=cells.ahead, seen=cells.seen, x=x) as check:
        cells.forward(x, out)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        cells.backward(x, out - y, dx)
        check.gradients = {"keep": cells.d_keep, "ahead": cells.d_ahead, "seen": cells.d_seen, "x": dx}
    return check
"""


def test_a_part_that_is_missing_from_each_row_of_an_array_of_turns(tmp_path: Path) -> None:
    missing = "            self.d_state[t] += self.d_high[t] * self.seen\n"
    check, _ = edited(tmp_path / "cells.py", CELLS, missing, "")
    first = CELLS[: CELLS.index("self.d_state[t] = ")].count("\n") + 1
    assert [(told.line, told.kind) for told in check.causes] == [(first, "missing-term")], str(check)
    assert "is also used in `self.high[t] += self.seen * self.state[t]`" in check.first_wrong.sentence


OF_EACH_SAMPLE = """
import numpy as np

rng = np.random.default_rng(31)
N, T, D, H = 3, 4, 2, 3
names = ["Wz", "Uz", "Wr", "Ur", "Wn", "Un"]
net = {name: rng.normal(size=(H, D if name[0] == "W" else H)) / 2 for name in names}
net["v"] = rng.normal(size=H)
xs, goals = rng.normal(size=(N, T, D)), rng.normal(size=N)

def bent(x):
    return 1 / (1 + np.exp(-x))

def forward(x, net):
    h, tape = np.zeros(H), []
    for t in range(T):
        z = bent(net["Wz"] @ x[t] + net["Uz"] @ h)
        r = bent(net["Wr"] @ x[t] + net["Ur"] @ h)
        n = np.tanh(net["Wn"] @ x[t] + net["Un"] @ (r * h))
        tape.append((h, z, r, n))
        h = (1 - z) * h + z * n
    return h, tape

def backward(dh, x, tape, net):
    found = {name: np.zeros_like(net[name]) for name in names}
    for t in reversed(range(T)):
        h, z, r, n = tape[t]
        dn = dh * z * (1 - n**2)
        dz = dh * (n - h) * z * (1 - z)
        dr = (net["Un"].T @ dn) * h
        da = dr * r * (1 - r)
        found["Wn"] += np.outer(dn, x[t])
        found["Un"] += np.outer(dn, r * h)
        found["Wr"] += np.outer(da, x[t])
        found["Ur"] += np.outer(da, h)
        found["Wz"] += np.outer(dz, x[t])
        found["Uz"] += np.outer(dz, h)
        dh = dh * (1 - z) + (net["Un"].T @ dn) * r + net["Ur"].T @ da + net["Uz"].T @ dz
    return found

for turn in range(5):
    total, sums = 0.0, {name: np.zeros_like(net[name]) for name in net}
    for x, goal in zip(xs, goals):
        h, tape = forward(x, net)
        error = net["v"] @ h - goal
        loss = 0.5 * error**2
        total += loss
        sums["v"] += error * h
        found = backward(error * net["v"], x, tape, net)
        for name in found:
            sums[name] += found[name]
    for name in net:
        net[name] -= 0.1 * sums[name] / N
    print(total / N)
"""


def test_a_cell_that_goes_over_samples_and_steps_is_mended_in_all_of_them(tmp_path: Path) -> None:
    right, wrong = 'dr = (net["Un"].T @ dn) * h', 'dr = (net["Un"].T @ dn) * n'
    check, line = edited_script(tmp_path, OF_EACH_SAMPLE, right, wrong)
    assert told(check)[0] == line, str(check)


WITHOUT_OLD = [
    ("f * c + (1 - f) * z", "f * c + z"),
    ('"old": c, ', ""),
    ("def backward(self, dy, now, then, back)", "def backward(self, dy, now, before, then, back)"),
    ('(now["old"] - now["z"])', 'before["c"]'),
    ('dc * (1 - now["f"]) *', "dc *"),
    ('df * now["old"]', 'df * before["c"]'),
    (
        "        back = cell.backward(2 * (kept[t]",
        '        before = kept[t - 1] if t else {"c": nothing}\n        back = cell.backward(2 * (kept[t]',
    ),
    ("kept[t], then", "kept[t], before, then"),
]  # fmt: skip


def test_the_other_factor_of_a_product_is_no_point_of_a_derivative(tmp_path: Path) -> None:
    text = CELL
    for one, other in WITHOUT_OLD:
        text = changed(text, one, other)
    assert check_of_script(tmp_path, text).ok
    check, line = edited_script(tmp_path, text, 'df = dc * before["c"]', 'df = dc * now["c"]')
    assert told(check) in ((line, "wrong-operand"), (line, "off-by-one")), str(check)
