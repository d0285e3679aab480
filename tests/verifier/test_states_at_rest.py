"""What is nought in the first turn alone hides a mistake there, and is looked at as it is later."""

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

AHEAD = """
import numpy as np

class Net:
    def __init__(self, sizes, rng):
        self.w = [0.5 * rng.normal(size=pair) for pair in zip(sizes, sizes[1:])]
        self.v = [np.zeros_like(w) for w in self.w]

    def forward(self, x, weights):
        self.h = [x]
        for w in weights[:-1]:
            self.h.append(np.tanh(self.h[-1] @ w))
        return self.h[-1] @ weights[-1]

    def backward(self, d, weights):
        found = []
        for h, w in zip(self.h[::-1], weights[::-1]):
            found.insert(0, h.T @ d)
            d = d @ w.T * (1 - h**2)
        return found

    def fit(self, x, y, epochs):
        for epoch in range(epochs):
            ahead = [w + 0.9 * v for w, v in zip(self.w, self.v)]
            out = self.forward(x, ahead)
            loss = 0.5 * np.sum((out - y) ** 2)
            found = self.backward(out - y, ahead)
            for k in range(len(found)):
                self.v[k] = 0.9 * self.v[k] - 0.01 * found[k]
                self.w[k] += self.v[k]
            print(loss)

rng = np.random.default_rng(24)
Net([4, 6, 5, 2], rng).fit(rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), 6)
"""


def test_weights_that_are_looked_ahead_of_are_due_though_the_velocity_begins_at_nought(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, AHEAD).ok
    check, line = edited_script(tmp_path, AHEAD, "self.backward(out - y, ahead)", "self.backward(out - y, self.w)")
    assert told(check)[0] in (line, line - 8), str(check)
    assert told(check)[1] in ("wrong-operand", "stale-or-updated-weights"), str(check)
    assert any("noughts or ones" in note for note in check.notes), str(check)
