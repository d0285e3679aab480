"""Losses that a loop computes long after its begin, of weights that were just updated, and that no known one is."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

COUNTED = """
import numpy as np

rng = np.random.default_rng(34)
x = rng.normal(size=(23, 4))
count = rng.poisson(np.exp(x @ (rng.normal(size=4) * 0.3) + 0.5))
w, b = np.zeros(4), 0.0
sw, sb = np.zeros(4), 0.0
for turn in range(100):
    z = x @ w + b
    off = np.exp(z) - count
    gw = x.T @ off / 23
    gb = off.mean()
    sw = 0.9 * sw + 0.1 * gw**2
    sb = 0.9 * sb + 0.1 * gb**2
    w -= 0.05 * gw / (np.sqrt(sw) + 1e-8)
    b -= 0.05 * gb / (np.sqrt(sb) + 1e-8)
    if (turn + 1) % 80 == 0:
        z = x @ w + b
        deviance = np.mean(np.exp(z) - count * z)
        print(deviance)
"""
IN_ONE_LOOP = """
import numpy as np

rng = np.random.default_rng(7)
x, count = rng.normal(size=(19, 3)), rng.poisson(1.5, 19)
A, a, B, b = rng.normal(size=(3, 4)), np.zeros(4), rng.normal(size=4) * 0.3, np.zeros(1)

def ahead():
    h = np.tanh(x @ A + a)
    return h, h @ B + b

for turn in range(9):
    h, z = ahead()
    d = (np.exp(z) - count) / 19
    dh = np.outer(d, B) * (1 - h**2)
    for p, g in zip((A, a, B, b), (x.T @ dh, dh.sum(axis=0), h.T @ d, d.sum(keepdims=True))):
        p -= 0.1 * g
    z = ahead()[1]
    loss = np.mean(np.exp(z) - count * z)
"""


def test_roundings_of_earlier_turns_do_not_grow(tmp_path: Path) -> None:
    """A step that is divided by its own size makes of a rounding a difference, turn by turn."""
    check = check_of_script(tmp_path, COUNTED)
    assert check.ok is True, str(check)
    assert not check.convention


def test_what_is_wrong_in_such_a_turn(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, COUNTED.replace("80", "6"), "off.mean()", "off.sum()")
    assert told(check) == (line, "missing-batch-sum-or-mean"), str(check)


def test_one_name_for_all_parameters_is_that_of_each(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, IN_ONE_LOOP)
    assert check.ok is True, str(check)
    assert any("after the update" in note for note in check.notes)


def test_what_is_wrong_in_such_a_loop(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, IN_ONE_LOOP, "np.outer(d, B) * (1 - h**2)", "np.outer(d, B) * (1 - h)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


def test_a_loss_that_no_gradient_fits_is_of_the_data_that_they_are_of(tmp_path: Path) -> None:
    """Arrays of the module that nothing updates are data, and no parameters."""
    text = COUNTED.replace("(turn + 1) % 80 == 0", "True").replace("w, b = np.zeros(4)", "w, b = rng.normal(size=4)")
    text = (
        text.replace("deviance", "loss").replace(" / (np.sqrt(sw) + 1e-8)", "").replace(" / (np.sqrt(sb) + 1e-8)", "")
    )
    check, line = edited_script(tmp_path, text, "off = np.exp(z) - count", "off = np.exp(z) ** 2 - count")
    assert told(check)[0] == line, str(check)


TIED = """
import numpy as np

class Copier:
    def __init__(self, seen, rng):
        self.seen = seen
        self.W = rng.normal(size=(6, 4)) / 3
        self.back = self.W.T
        self.b, self.c = np.zeros(4), np.zeros(6)

    def passed(self):
        y = 1 / (1 + np.exp(-(self.seen @ self.W + self.b)))
        return y, 1 / (1 + np.exp(-(y @ self.back + self.c)))

    def train(self, lr):
        y, z = self.passed()
        out = self.seen - z
        inner = out @ self.W * y * (1 - y)
        dW = (self.seen.T @ inner + out.T @ y) / self.seen.shape[0]
        self.W += lr * dW
        self.b += lr * inner.mean(0)
        self.c += lr * out.mean(0)

    def cost(self):
        z = self.passed()[1]
        return -np.mean(np.sum(self.seen * np.log(z) + (1 - self.seen) * np.log(1 - z), axis=1))

rng = np.random.default_rng(2)
copier = Copier((rng.uniform(size=(10, 6)) > 0.5) * 1.0, rng)
for turn in range(5):
    copier.train(0.1)
    cost = copier.cost()
    print(cost)
"""


def test_tied_weights_that_are_updated_at_once(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TIED)
    assert check.ok is True, str(check)
    assert "cost was computed after the update" in " ".join(str(check).split())


def test_what_is_wrong_with_tied_weights_is_told_and_no_rate_is_put_in(tmp_path: Path) -> None:
    check, line = edited_script(
        tmp_path, TIED, "(self.seen.T @ inner + out.T @ y) / self", "(self.seen.T @ inner) / self"
    )
    assert told(check) == (line, "missing-term"), str(check)
    check, line = edited_script(tmp_path, TIED, " / self.seen.shape[0]", "")  # by as much as the rate, here
    assert told(check) == (line, "missing-batch-sum-or-mean"), str(check)
    assert "lr" not in (check.first_wrong.should_be or "")
    check, line = edited_script(tmp_path, TIED, "out = self.seen - z", "out = (self.seen - z) * z * (1 - z)")
    assert told(check) == (line, "scale-factor"), str(check)


RATINGS = """
import numpy as np

rng = np.random.default_rng(3)
guests = rng.integers(0, 5, 15)
meals = rng.integers(0, 4, 15)
stars = rng.integers(1, 6, 15).astype(float)
usual = stars.mean()
taste, spice = rng.normal(size=(5, 3)) * 0.3, rng.normal(size=(4, 3)) * 0.3
pull, size = 0.1, 5
for round in range(6):
    order = rng.permutation(15)
    for part in range(3):
        some = order[part * size : (part + 1) * size]
        who, what = guests[some], meals[some]
        guess = np.sum(taste[who] * spice[what], axis=1)
        off = guess - stars[some] + usual
        each_taste = 2 * off[:, None] * spice[what] + pull * taste[who]
        each_spice = 2 * off[:, None] * taste[who] + pull * spice[what]
        d_taste, d_spice = np.zeros((5, 3)), np.zeros((4, 3))
        for i in range(size):
            d_taste[who[i]] += each_taste[i]
            d_spice[what[i]] += each_spice[i]
        taste = taste - 0.05 * d_taste / size
        spice = spice - 0.05 * d_spice / size
        if part == 2:
            off = np.sum(taste[guests] * spice[meals], axis=1) - stars + usual
            objective = np.sum(off**2) + 0.5 * pull * (np.sum(taste**2) + np.sum(spice**2))
            print(objective)
"""


def test_a_difference_from_the_target_may_be_moved_by_data(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, RATINGS)
    assert check.ok, str(check)
    assert any("stars[...] moved by usual is taken; 2 of 2" in note for note in check.notes), str(check)
    turned = RATINGS.replace("guess - stars[some] + usual", "stars[some] - guess - usual").replace(
        "2 * off[", "-2 * off["
    )
    assert check_of_script(tmp_path, turned).ok


def test_what_is_logged_of_other_samples_than_those_of_a_step_hides_no_mistake(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, RATINGS, "2 * off[:, None] * taste[who]", "2 * off[:, None] * spice[what]")
    assert told(check) == (line, "wrong-operand"), str(check)
