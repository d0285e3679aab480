"""Steps by losses of their own in one turn: each is judged by its own loss, or it is said that it was not judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

TEACHER = """import numpy as np

rng = np.random.default_rng(5)
taste, chef = rng.normal(size=(5, 1)) * 0.4, rng.normal(size=(3, 2)) * 0.4
spice = np.zeros(2)
pantry, tried = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
liked = rng.normal(size=(7, 1))

for evening in range(4):
    served = np.hstack([pantry, tried])
    guess = np.tanh(served @ taste)
    taste_loss = np.mean((guess - liked) ** 2)
    d_taste = served.T @ (2 * (guess - liked) / 7 * (1 - guess**2))
    taste -= 0.1 * d_taste
    dish = np.tanh(pantry @ chef + spice)
    praise = np.tanh(np.hstack([pantry, dish]) @ taste)
    chef_loss = -np.mean(praise)
    d_dish = ((-1 / 7) * (1 - praise**2) @ taste.T)[:, 3:] * (1 - dish**2)
    d_chef, d_spice = pantry.T @ d_dish, d_dish.sum(axis=0)
    chef -= 0.1 * d_chef
    spice -= 0.1 * d_spice
    print(evening, taste_loss, chef_loss)
"""
UPDATE = "    taste -= 0.1 * d_taste\n"
AT_THE_END = TEACHER.replace(UPDATE, "").replace("    chef -=", UPDATE + "    chef -=")
FOLLOWED = TEACHER.replace("\nfor evening", "slow = chef.copy()\n\nfor evening").replace(
    "    print", "    slow = 0.9 * slow + 0.1 * chef\n    print"
)
UPHILL = TEACHER.replace("chef_loss = -np", "chef_objective = np").replace("chef_loss", "chef_objective")
UPHILL = UPHILL.replace("(-1 / 7)", "(1 / 7)").replace("chef -=", "chef +=").replace("spice -=", "spice +=")
ALIKE = TEACHER.replace("taste_loss", "loss").replace("chef_loss", "loss").replace("loss, loss", "loss")
UNNAMED = TEACHER.replace("    chef_loss = -np.mean(praise)\n", "").replace(", chef_loss", "")
TRUNK = """import numpy as np

rng = np.random.default_rng(6)
w, a, b = rng.normal(size=(3, 4)), rng.normal(size=(4, 1)), rng.normal(size=(4, 2))
x, one, two = rng.normal(size=(5, 3)), rng.normal(size=(5, 1)), rng.normal(size=(5, 2))

for turn in range(3):
    h = np.tanh(x @ w)
    first_loss, second_loss = np.sum((h @ a - one) ** 2), np.sum((h @ b - two) ** 2)
    d_a, d_b = 2 * (h @ a - one), 2 * (h @ b - two)
    d_h = d_a @ a.T + d_b @ b.T
    g_a, g_b, g_w = h.T @ d_a, h.T @ d_b, x.T @ (d_h * (1 - h**2))
    a -= 0.01 * g_a
    b -= 0.01 * g_b
    w -= 0.01 * g_w
    print(first_loss, second_loss)
"""
PLAYERS = """import numpy as np

rng = np.random.default_rng(8)


class Player:
    def __init__(self, wide, deep):
        self.w, self.b = rng.normal(size=(wide, deep)) * 0.6, rng.normal(size=deep) * 0.1

    def play(self, x):
        return np.tanh(x @ self.w + self.b)

    def back(self, d, x, y):
        d = d * (1 - y**2)
        return d @ self.w.T, x.T @ d, d.sum(axis=0)

    def learn(self, gw, gb):
        self.w -= 0.1 * gw
        self.b -= 0.1 * gb


forger, judge = Player(2, 3), Player(3, 1)
for turn in range(9):
    real, luck = rng.normal(size=(6, 3)) * 0.5 + 0.2, rng.normal(size=(6, 2))
    fake = forger.play(luck)
    s, t = judge.play(real), judge.play(fake)
    judge_loss = np.mean((s - 1) ** 2) + np.mean((t + 1) ** 2)
    _, gw, gb = judge.back(2 * (s - 1) / 6, real, s)
    _, hw, hb = judge.back(2 * (t + 1) / 6, fake, t)
    judge.learn(gw + hw, gb + hb)
    luck = rng.normal(size=(6, 2))
    fake = forger.play(luck)
    t = judge.play(fake)
    forger_loss = np.mean((t - 1) ** 2)
    d_fake, _, _ = judge.back(2 * (t - 1) / 6, fake, t)
    _, gw, gb = forger.back(d_fake, luck, fake)
    forger.learn(gw, gb)
    print(turn, judge_loss, forger_loss)
"""
RIGHT = {
    "one after the other": TEACHER,
    "both updates at the end": AT_THE_END,
    "a slow copy": FOLLOWED,
    "uphill": UPHILL,
    "two losses of one name": ALIKE,
}


@pytest.mark.parametrize("script", RIGHT.values(), ids=RIGHT)
def test_two_steps_of_one_turn_are_judged_each_by_its_own_loss(script: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, script)
    assert check.ok, str(check)
    assert [final.parameter.name for final in check.finals] == ["taste"]
    assert any("chef and spice: judged by itself, it is right, too" in note for note in check.notes), str(check)


@pytest.mark.parametrize("script", RIGHT.values(), ids=RIGHT)
def test_a_mistake_in_either_step_is_told(script: str, tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, script, "* (1 - dish**2)", "* (1 - dish)")
    assert told(check)[0] == line, str(check)
    check, line = edited_script(tmp_path, script, "(1 - guess**2)", "(1 - guess)")
    assert told(check)[0] == line, str(check)


def test_a_step_of_no_loss_is_named_as_not_judged(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, UNNAMED)
    assert str(check).startswith("Not decided: 1 gradient is right"), str(check)
    said = "No loss was computed for the update of chef and spice: that is a step of its own, and not judged."
    assert said in check.notes, str(check)


def test_what_one_loss_lacks_is_no_step_apart(tmp_path: Path) -> None:
    """Heads on one trunk: where the trunk's gradient is that of one head alone, the other's is missing."""
    trunk = TRUNK.replace("d_h = d_a @ a.T + d_b @ b.T", "d_h = d_a @ a.T")
    assert not check_of_script(tmp_path, trunk).ok


def test_two_objects_of_one_class_play_against_each_other(tmp_path: Path) -> None:
    """What the second one reads has the name of what the first one read, and is made anew, by other weights."""
    check = check_of_script(tmp_path, PLAYERS)
    assert check.ok, str(check)
    assert any("judged by itself, it is right, too" in note for note in check.notes), str(check)
    check, line = edited_script(tmp_path, PLAYERS, "back(2 * (t - 1) / 6,", "back(2 * (t + 1) / 6,")
    assert told(check)[0] == line, str(check)
    assert any("that by judge_loss is right" in note for note in check.notes), str(check)


def test_nothing_is_said_to_be_right_that_was_not_judged(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, PLAYERS, "learn(gw + hw, gb + hb)", "learn(gw - hw, gb + hb)")
    assert told(check)[0] == line, str(check)
    assert any("forger_loss was computed" in note and "not judged" in note for note in check.notes), str(check)
    assert not any("right, too" in note for note in check.notes), str(check)


HEAT = """import numpy as np

rng = np.random.default_rng(12)
path, log_heat = rng.normal(size=(3, 2)) * 0.4, np.log(0.3)
spread, wanted = np.full(2, -0.5), -2.0
for hour in range(4):
    sky, luck = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    heat = np.exp(log_heat)
    step = sky @ path + np.exp(spread) * luck
    dense = np.sum(-0.5 * luck**2 - spread, axis=1)
    walk_loss = np.mean(heat * dense + np.sum(step**2, axis=1))
    d_step = 2 * step / 9
    path = path - 0.1 * sky.T @ d_step
    spread = spread - 0.1 * (np.sum(d_step * luck, axis=0) * np.exp(spread) - heat)
    heat_loss = -log_heat * np.mean(dense + wanted)
    log_heat = log_heat + 0.1 * np.mean(dense + wanted)
    print(hour, walk_loss, heat_loss)
"""
AT_ONCE = """import numpy as np

rng = np.random.default_rng(36)
choose, expect = rng.normal(size=(4, 2)) * 0.2, np.zeros(4)
here = rng.normal(size=4)
for tick in range(9):
    odds = np.exp(here @ choose)
    odds /= odds.sum()
    move = rng.choice(2, p=odds)
    there = 0.7 * here + rng.normal(size=4) * 0.4
    ahead = -abs(there[0]) + 0.9 * there @ expect
    gap = ahead - here @ expect
    expect_loss = 0.5 * gap**2
    expect += 0.1 * gap * here
    choose_loss = -np.log(odds[move]) * gap
    d_odds = odds.copy()
    d_odds[move] -= 1
    choose -= 0.1 * np.outer(here, d_odds) * gap
    here = there
    print(tick, expect_loss, choose_loss)
"""
PLAYED_INTO = {
    "each in the other's loss": (HEAT, "exp(spread) - heat)", "exp(spread) + heat)"),
    "a single number": (HEAT, "log_heat + 0.1 * np.mean(dense + wanted)", "log_heat + 0.1 * np.mean(dense - wanted)"),
    "one weighs the other's": (AT_ONCE, "0.1 * gap * here", "0.1 * gap * there"),
    "one is weighed": (AT_ONCE, "np.outer(here, d_odds)", "np.outer(there, d_odds)"),
}


@pytest.mark.parametrize("name", PLAYED_INTO)
def test_steps_whose_losses_share_values_are_told_apart(name: str, tmp_path: Path) -> None:
    text, right, wrong = PLAYED_INTO[name]
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert any("judged by itself, it is right, too" in note for note in check.notes), str(check)
    check, line = edited_script(tmp_path, text, right, wrong)
    assert told(check)[0] == line, str(check)


DROPPED = """import numpy as np

rng = np.random.default_rng(5)


class Layer:
    def __init__(self, wide, deep):
        self.w = rng.normal(size=(wide, deep)) * 0.6

    def forward(self, x):
        self.x, self.y = x, np.tanh(x @ self.w)
        return self.y

    def backward(self, d):
        d = d * (1 - self.y**2)
        self.dw = self.x.T @ d
        return d @ self.w.T

    def step(self):
        self.w -= 0.1 * self.dw


class Score(Layer):
    def forward(self, x):
        self.x, self.y = x, 1 / (1 + np.exp(-x @ self.w))
        return self.y

    def backward(self, t):
        d = (self.y - t) / len(t)
        self.dw = self.x.T @ d
        return d @ self.w.T


def fit(x, t, through, learning):
    for layer in through:
        x = layer.forward(x)
    d = t
    for layer in through[::-1]:
        d = layer.backward(d)
    for layer in learning:
        layer.step()
    return -np.mean(t * np.log(x) + (1 - t) * np.log(1 - x)), np.mean((x > 0.5) == t)


paint, judge = [Layer(2, 4)], [Score(4, 1)]
for turn in range(5):
    fake = paint[0].forward(rng.normal(size=(6, 2)))
    error, hits = fit(fake, np.zeros((6, 1)), judge, judge)
    real = rng.normal(size=(6, 4)) * 0.3 + 0.5
    error, hits = fit(real, np.ones((6, 1)), judge, judge)
    fit(rng.normal(size=(9, 2)), np.ones((9, 1)), paint + judge, paint)
    print(turn, error, hits)
"""


def test_a_loss_of_which_nothing_is_kept_is_one_of_the_name_of_the_others(tmp_path: Path) -> None:
    """What three calls of one function return is an error three times, though the third one's result is dropped."""
    check = check_of_script(tmp_path, DROPPED)
    assert check.ok, str(check)
    assert any("for the update of w: judged by itself, it is right, too" in note for note in check.notes), str(check)
    check, line = edited_script(tmp_path, DROPPED, "d = d * (1 - self.y**2)", "d = d * (1 + self.y**2)")
    assert told(check) == (line, "sign"), str(check)


TWICE = """import numpy as np

rng = np.random.default_rng(3)
mix = rng.normal(size=(3, 2)) * 0.4
out = rng.normal(size=2) * 0.4
for it in range(20):
    x, t = rng.normal(size=(8, 3)), rng.normal(size=8)
    h = np.tanh(x @ mix)
    own_loss = np.mean((h @ out - t) ** 2)
    d = 2 * (h @ out - t) / 8
    d_out, d_mix = h.T @ d, x.T @ (np.outer(d, out) * (1 - h**2))
    out -= 0.1 * d_out
    mix -= 0.1 * d_mix
    x, t = rng.normal(size=(8, 3)), rng.normal(size=8)
    h = np.tanh(x @ mix)
    their_loss = np.mean((h @ out - t) ** 4)
    d = 4 * (h @ out - t) ** 3 / 8
    d_out = h.T @ d
    d_mix = x.T @ (np.outer(d, out) * (1 - h * h))
    out -= 0.1 * d_out
    mix -= 0.1 * d_mix
    print(it, own_loss, their_loss)
"""


def test_a_second_step_of_the_same_parameters_is_judged_by_its_own_loss(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TWICE)
    assert check.ok, str(check)
    said = "out and mix got an update by their_loss in line 16, too: judged by itself, it is right."
    assert said in check.notes, str(check)
    check, line = edited_script(tmp_path, TWICE, "(1 - h * h)", "(1 - h)")
    assert told(check)[0] == line, str(check)


AIMED = """import numpy as np

rng = np.random.default_rng(9)
guess, doubt = rng.normal(size=(3, 2)) * 0.5, rng.normal(size=(3, 1)) * 0.5
for it in range(20):
    x, y = rng.normal(size=(16, 3)), rng.normal(size=(16, 2))
    p = np.tanh(x @ guess)
    off = ((p - y) ** 2).mean(axis=1, keepdims=True)
    v = np.tanh(x @ doubt)
    guess_loss = np.mean((p - y) ** 2)
    doubt_loss = np.mean((v - off) ** 2)
    guess -= 0.1 * x.T @ (2 * (p - y) / p.size * (1 - p**2))
    doubt -= 0.1 * x.T @ (2 * (v - off) / 16 * (1 - v**2))
    print(it, guess_loss, doubt_loss)
"""


def test_a_net_that_tells_the_errors_of_another_has_these_as_targets(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, AIMED)
    assert check.ok, str(check)
    for right, wrong in (("2 * (v - off)", "2 * (v + off)"), ("(1 - p**2)", "(1 - p)"), ("(1 - v**2)", "(1 - v)")):
        check, line = edited_script(tmp_path, AIMED, right, wrong)
        assert told(check)[0] == line, str(check)
