"""Later turns of loops in imported files, which a script only starts; and losses of the last sample alone."""

from pathlib import Path

from tests.verifier.files import changed, check_of_script, line_of, told

TRAINED = """
import numpy as np
from numpy.random import RandomState

class Model:
    def __init__(self, seed=5):
        self.random = RandomState(seed)
        self.w = self.random.rand(4, 3)
        self.b = np.zeros(3)

    def fit(self, x, y, turns=6):
        data = np.hstack([x, y])
        dw, db = np.zeros((4, 3)), np.zeros(3)
        for turn in range(turns):
            self.random.shuffle(data)
            now = data[:6]
            out = now[:, :4] @ self.w + self.b
            loss = 0.5 * np.sum((out - now[:, 4:]) ** 2)
            d = out - now[:, 4:]
            dw.fill(0.0)
            db.fill(0.0)
            dw += now[:, :4].T @ d
            db += d.sum(axis=0)
            self.w -= 0.01 * dw
            self.b -= 0.01 * db
            print(loss)
"""
STARTED = """
import numpy as np
from trained_elsewhere import Model

rng = np.random.default_rng(35)
Model().fit(rng.normal(size=(9, 4)), rng.normal(size=(9, 3)))
"""


def test_what_is_not_set_back_is_told_in_a_loop_of_an_imported_file(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, STARTED, trained_elsewhere=TRAINED).ok
    wrong = changed(TRAINED, "            dw.fill(0.0)\n", "            pass\n")
    started = changed(STARTED, "trained_elsewhere", "trained_wrongly")
    check = check_of_script(tmp_path, started, trained_wrongly=wrong)
    line = line_of(TRAINED, "dw += now")
    assert told(check) == (line, "overwritten-accumulation"), str(check)


SAMPLE_BY_SAMPLE = """
import numpy as np

class Dense:
    def __init__(self, n, m, rng):
        self.w, self.b, self.seen = rng.normal(size=(m, n)), np.zeros((m, 1)), 0

    def forward(self, x):
        self.x = x
        return self.w @ x + self.b

    def backward(self, d, rate, many):
        dx = self.w.T @ d
        if self.seen == 0:
            self.dw, self.db = d @ self.x.T, d
        else:
            self.dw = self.dw + d @ self.x.T
            self.db = self.db + d
        self.seen += 1
        if self.seen == many:
            self.w -= rate * self.dw / many
            self.b -= rate * self.db / many
            self.seen = 0
        return dx

class Squares:
    def loss(self, y, out):
        return np.mean((y - out) ** 2)

    def slope(self, y, out):
        return SLOPE

squares = Squares()
rng = np.random.default_rng(36)
first, second = Dense(4, 5, rng), Dense(5, 2, rng)
xs, ys = rng.normal(size=(12, 4, 1)), rng.normal(size=(12, 2, 1))
for epoch in range(4):
    loss = 0
    for x, y in zip(xs, ys):
        h = np.tanh(first.forward(x))
        out = second.forward(h)
        loss += squares.loss(y, out)
        first.backward(second.backward(squares.slope(y, out), 0.1, 4) * (1 - h**2), 0.1, 4)
    print(loss / 12)
"""


def test_a_sum_that_half_of_the_gradients_fit_is_meant_and_not_its_last_term(tmp_path: Path) -> None:
    right, wrong = "self.db = self.db + d\n", "self.db = d\n"
    text = changed(SAMPLE_BY_SAMPLE, "SLOPE", "2 * (out - y) / out.size")
    assert check_of_script(tmp_path, text).ok
    check = check_of_script(tmp_path, changed(text, right, wrong))
    assert told(check) == (line_of(text, right), "overwritten-accumulation"), str(check)

    scaled = changed(SAMPLE_BY_SAMPLE, "SLOPE", "2 * (out - y)")  # then no gradient fits either as it is
    assert check_of_script(tmp_path, scaled).ok
    check = check_of_script(tmp_path, changed(scaled, right, wrong))
    assert any(note.startswith("No loss was named: loss is taken") for note in check.notes), str(check)
