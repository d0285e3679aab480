"""What a network made itself and a loss counts as given: no gradient goes through it, and that is no mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.verifier.files import check_of_script, edited_script, told
from tinygrad_scratch.verifier.script import checks_of

WALK = """
import numpy as np
rng = np.random.default_rng(3)
worth = rng.normal(size=4) * 0.2
places = rng.normal(size=(30, 4))
gains = rng.normal(size=30)
for now in range(20):
    here, later = places[now], places[now + 1]
    surprise = gains[now] + 0.8 * (worth @ later) - worth @ here
    loss = surprise**2 / 2
    worth += 0.1 * surprise * here
"""
TWINS = """
import numpy as np
rng = np.random.default_rng(6)
photos = rng.normal(size=(12, 5))
look, guess = rng.normal(size=(5, 3)), rng.normal(size=(3, 3))
for turn in range(4):
    one, other = photos + 0.1 * rng.normal(size=(12, 5)), photos + 0.1 * rng.normal(size=(12, 5))
    seen, also = one @ look, other @ look
    told, too = seen @ guess, also @ guess
    loss = np.sum((told - also) ** 2) + np.sum((too - seen) ** 2)
    d_told, d_too = 2 * (told - also), 2 * (too - seen)
    d_guess = seen.T @ d_told + also.T @ d_too
    d_look = one.T @ (d_told @ guess.T) + other.T @ (d_too @ guess.T)
    look -= 0.01 * d_look
    guess -= 0.01 * d_guess
"""
LIKE = """
import numpy as np
rng = np.random.default_rng(6)
photos, others = rng.normal(size=(12, 5)), rng.normal(size=(12, 5))
look, guess = rng.normal(size=(5, 3)), rng.normal(size=(3, 3))
for turn in range(4):
    seen, also = np.tanh(photos @ look), np.tanh(others @ look)
    told = seen @ guess
    loss = -np.mean(np.sum(told * also, axis=1))
    d_told = -also / 12
    d_guess = seen.T @ d_told
    d_look = photos.T @ (d_told @ guess.T * (1 - seen**2))
    look -= 0.01 * d_look
    guess -= 0.01 * d_guess
"""
COSINES = """
import numpy as np
rng = np.random.default_rng(6)
left, right = rng.normal(size=(12, 5)), rng.normal(size=(12, 5))
look, guess = rng.normal(size=(5, 3)), rng.normal(size=(3, 3))
def unlike(told, seen):
    long, wide = np.linalg.norm(told, axis=1, keepdims=True), np.linalg.norm(seen, axis=1, keepdims=True)
    cosine = np.sum(told * seen, axis=1, keepdims=True) / (long * wide)
    return 1 - np.mean(cosine), (cosine * told / long**2 - seen / (long * wide)) / 12
for turn in range(4):
    one, other = np.tanh(left @ look), np.tanh(right @ look)
    first, d_first = unlike(one @ guess, other)
    second, d_second = unlike(other @ guess, one)
    loss = (first + second) / 2
    d_guess = one.T @ d_first + other.T @ d_second
    d_look = left.T @ (d_first @ guess.T * (1 - one**2)) + right.T @ (d_second @ guess.T * (1 - other**2))
    look -= 0.1 * (d_look / 2)
    guess -= 0.1 * (d_guess / 2)
"""
QUICK = """
import numpy as np
rng = np.random.default_rng(8)
start = rng.normal(size=(3, 1))

def slope(w, x, y):
    return x.T @ (x @ w - y), 0.5 * np.sum((x @ w - y) ** 2)

for turn in range(4):
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    first, before = slope(start, x, y)
    better = start - 0.05 * first
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    outer, loss = slope(better, x, y)
    start = start - 0.1 * outer
"""
PAIR = """
import numpy as np
rng = np.random.default_rng(9)
one, other = rng.normal(size=(10, 4)), rng.normal(size=(10, 4))
look, bend = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
for turn in range(4):
    here, there = np.tanh(one @ look), np.tanh(other @ look)
    apart = here - there
    loss = np.sum(apart**2)
    d_look = one.T @ (2 * apart * (1 - here**2)) - other.T @ (2 * apart * (1 - there**2))
    look -= 0.01 * d_look
"""
SKIP = """
import numpy as np
rng = np.random.default_rng(5)
x, y = rng.normal(size=(10, 3)), rng.normal(size=(10, 1))
first, second, last = rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), rng.normal(size=(4, 1))
for turn in range(4):
    low = x @ first
    high = np.tanh(low @ second) - low
    miss = high @ last - y
    loss = np.sum(miss**2)
    d_high = 2 * miss @ last.T
    d_bent = d_high * (1 - np.tanh(low @ second) ** 2)
    d_last = high.T @ (2 * miss)
    d_second = low.T @ d_bent
    d_first = x.T @ (d_bent @ second.T - d_high)
    first -= 0.01 * d_first
    second -= 0.01 * d_second
    last -= 0.01 * d_last
"""


def check_of(folder: Path, text: str) -> Any:
    file = folder / "train.py"
    file.write_text(text)
    return checks_of(str(file))[0]


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (WALK, "a part of `surprise = "),
        (
            WALK.replace("surprise = gains[now]", "aim = gains[now]").replace(
                " - worth @ here", "\n    surprise = aim - worth @ here"
            ),
            "aim",
        ),
        (TWINS, "seen and also"),
        (QUICK, "first"),
        (LIKE, "also"),
        (COSINES, "one, other and 2 others"),
    ],
)
def test_what_counts_as_given(tmp_path: Path, text: str, held: str) -> None:
    check = check_of(tmp_path, text)
    assert check.ok, str(check)
    assert f"semi-gradients: none goes through {held}" in check.convention


@pytest.mark.parametrize(
    ("text", "right", "wrong", "line"),
    [
        (WALK, "* surprise * here", "* surprise * later", 11),
        (TWINS, "seen.T @ d_told + also.T @ d_too", "seen.T @ d_told + also.T @ d_told", 12),
        (TWINS, "other.T @ (d_too", "other.T @ (d_told", 13),
        (LIKE, "seen.T @ d_told", "also.T @ d_told", 11),
        (PAIR, " - other.T @ (2 * apart * (1 - there**2))", "", 10),
        (SKIP, "@ second.T - d_high)", "@ second.T)", 15),
    ],
)
def test_a_mistake_beside_it_or_a_forgotten_path_is_told(
    tmp_path: Path, text: str, right: str, wrong: str, line: int
) -> None:
    assert text.count(right) == 1
    check = check_of(tmp_path, text.replace(right, wrong))
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == line, str(check)


@pytest.mark.parametrize("text", [PAIR, SKIP])
def test_a_difference_of_what_both_sides_learn_is_right(tmp_path: Path, text: str) -> None:
    assert check_of(tmp_path, text).ok


ACTOR_AND_CRITIC = """
import numpy as np

draw = np.random.default_rng(4)
policy, worth = draw.normal(size=(3, 2)) * 0.4, draw.normal(size=3)
for game in range(3):
    seen = draw.normal(size=(9, 3))
    odds = np.exp(seen @ policy)
    odds /= odds.sum(axis=1, keepdims=True)
    moves = np.eye(2)[(odds[:, 1] > 0.5) * 1]
    advantage = draw.normal(size=9) - seen @ worth
    actor = -np.mean(np.log(np.sum(odds * moves, axis=1)) * advantage)
    loss = actor + 0.5 * np.mean(advantage**2)
    d_policy = seen.T @ ((odds - moves) * advantage[:, None]) / 9
    d_worth = -seen.T @ advantage / 9
    policy -= 0.1 * d_policy
    worth -= 0.1 * d_worth
"""


def test_a_critic_is_moved_by_its_own_errors_alone(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ACTOR_AND_CRITIC)
    assert check.ok, str(check)
    assert check.convention == "semi-gradients: none goes through advantage, though parameters do"
    for old, new, kind in (("advantage / 9", "advantage", "scale-factor"), ("odds - moves", "odds", "missing-term")):
        check = check_of_script(tmp_path, ACTOR_AND_CRITIC.replace(old, new))
        assert check.first_wrong is not None, str(check)
        assert check.first_wrong.kind in (kind, "missing-batch-sum-or-mean"), str(check)


SPREAD = """
import numpy as np
rng = np.random.default_rng(4)
x, noise = rng.normal(size=(11, 5)), rng.normal(size=(11, 3))
w, v = rng.normal(size=(5, 3)) * 0.4, rng.normal(size=(5, 3)) * 0.4
for turn in range(3):
    mid, spread = x @ w, x @ v
    code = mid + noise * np.exp(spread / 2)
    kl = -0.5 * np.sum(1 + spread - mid**2 - np.exp(spread))
    loss = 0.5 * np.sum((code - x[:, :3]) ** 2) + kl
    d = code - x[:, :3]
    dv = x.T @ (d * noise * np.exp(spread / 2) / 2 + 0.5 * (np.exp(spread) - 1))
    dw = x.T @ (d + mid)
    w -= 0.01 * dw
    v -= 0.01 * dv
"""


def test_a_term_of_a_sum_is_no_target(tmp_path: Path) -> None:
    """What is multiplied by a number is not bent by it: `exp(spread)` is taken from nothing that it should meet."""
    assert check_of_script(tmp_path, SPREAD).ok
    check = check_of_script(tmp_path, SPREAD.replace("(np.exp(spread) - 1)", "(-1)"))
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == SPREAD[: SPREAD.index("dv =")].count("\n") + 1


THROWS = """
import numpy as np
luck = np.random.default_rng(7)
aim, loose = luck.normal(size=(3, 2)) * 0.3, np.array([-0.4, -0.2])
for evening in range(4):
    winds = luck.normal(size=(11, 3))
    throws = winds @ aim + np.exp(loose) * luck.normal(size=(11, 2))
    praise = -np.sum((throws - winds[:, :2]) ** 2, axis=1)
    off = (throws - winds @ aim) / np.exp(loose)
    density = np.sum(-0.5 * off**2 - loose, axis=1)
    loss = -np.mean(density * praise)
    aim += 0.01 * winds.T @ (praise[:, None] * off / np.exp(loose)) / 11
    loose += 0.01 * np.mean(praise[:, None] * (off**2 - 1), axis=0)
"""


def test_what_was_drawn_is_given_where_its_density_is_taken(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, THROWS)
    assert check.ok, str(check)
    assert any("none goes through throws, though" in note for note in (check.convention, *check.notes)), str(check)
    assert not any("uphill" in note for note in check.notes), str(check)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("off / np.exp(loose))", "off)"), ("(off**2 - 1)", "(off**2 + 1)"), ("winds.T @", "-winds.T @")],
)
def test_a_mistake_beside_what_was_drawn_is_told(tmp_path: Path, right: str, wrong: str) -> None:
    assert THROWS.count(right) == 1
    check = check_of_script(tmp_path, THROWS.replace(right, wrong))
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == THROWS[: THROWS.index(right)].count("\n") + 1


def test_no_code_that_is_decoded_is_given(tmp_path: Path) -> None:
    """Of an autoencoder's code no density is taken: what goes through it is missing."""
    check = check_of_script(tmp_path, SPREAD.replace("x.T @ (d + mid)", "x.T @ mid"))
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == SPREAD[: SPREAD.index("dw =")].count("\n") + 1


HIRE = """
import numpy as np
toss = np.random.default_rng(9)
base, choose, rate = toss.normal(size=(3, 5)) * 0.5, toss.normal(size=(5, 2)) * 0.3, toss.normal(size=5) * 0.3
for month in range(4):
    seen, then = toss.normal(size=(8, 3)), toss.normal(size=(8, 3))
    h = np.tanh(seen @ base)
    odds = np.exp(h @ choose)
    odds /= odds.sum(axis=1, keepdims=True)
    taken = (toss.random(8) < odds[:, 1]).astype(int)
    pay = np.where(taken == 1, seen[:, 0], -1.0)
    surprise = AIM - h @ rate
    loss = 0.5 * np.mean(surprise**2) - np.mean(surprise * np.log(odds[np.arange(8), taken]))
    d_odds = (odds - np.eye(2)[taken]) * surprise[:, None] / 8
    d_rate = -surprise / 8
    d_h = (d_odds @ choose.T + np.outer(d_rate, rate)) * (1 - h**2)
    g_base, g_choose, g_rate = seen.T @ d_h, h.T @ d_odds, h.T @ d_rate
    base -= 0.1 * g_base
    choose -= 0.1 * g_choose
    rate -= 0.1 * g_rate
"""
AIMS = {
    "at once": HIRE.replace("AIM", "(pay + 0.9 * (np.tanh(then @ base) @ rate))"),
    "from a list": HIRE.replace("AIM", "np.array([p + 0.9 * (np.tanh(t @ base) @ rate) for p, t in zip(pay, then)])"),
}


@pytest.mark.parametrize("text", AIMS.values(), ids=AIMS)
def test_an_error_that_also_weighs_is_given_there_under_any_name(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert "semi-gradients" in check.convention


def test_a_mistake_in_such_an_error_is_told(tmp_path: Path) -> None:
    text = AIMS["at once"]
    for right, wrong in (("d_rate = -surprise / 8", "d_rate = -surprise / 2"), ("* (1 - h**2)", "* (1 - h)")):
        check = check_of_script(tmp_path, text.replace(right, wrong))
        assert check.first_wrong is not None, str(check)
        assert check.first_wrong.line == text[: text.index(right)].count("\n") + 1


CONTRACTED = """
import numpy as np

rng = np.random.default_rng(3)
x, pull = rng.random((12, 7)), 0.3
w, b, v = rng.normal(size=(7, 5)), rng.normal(size=5), rng.normal(size=(5, 7))
for turn in range(4):
    h = 1 / (1 + np.exp(-(x @ w + b)))
    off = h @ v - x
    slope = h * (1 - h)
    length = np.sum(w**2, axis=0)
    loss = np.sum(off**2) / 24 + pull * np.sum(slope**2 * length) / 12
    dv = h.T @ off / 12
    dh = off @ v.T / 12 + 2 * pull * slope * length / 12 * (1 - 2 * h)
    dlength = pull * np.sum(slope**2, axis=0) / 12
    dz = dh * slope
    dw = x.T @ dz + 2 * w * dlength
    w -= 0.1 * dw
    b -= 0.1 * dz.sum(axis=0)
    v -= 0.1 * dv
    print(loss)
"""


def test_what_weights_alone_went_into_is_no_target(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, CONTRACTED).ok
    check, line = edited_script(tmp_path, CONTRACTED, "dw = x.T @ dz + 2 * w * dlength", "dw = x.T @ dz")
    assert told(check)[0] == line, str(check)


STROLL = """
import numpy as np
dice = np.random.default_rng(3)
worth, fade, rate = dice.normal(size=4) * 0.1, 0.9, 0.1

def seen(place):
    return np.exp(-((place - np.array([0.0, 2.0, 4.0, 6.0])) ** 2) / 8)

for trip in range(30):
    place, surprises = 3, []
    while True:
        then = place + dice.choice([-1, 1])
        ended = then < 0 or then > 6
        gain = 1.0 if then > 6 else 0.0
        guess = worth @ seen(place)
        aim = gain + (0.0 if ended else fade * (worth @ seen(then)))
        td_error = aim - guess
        surprises.append(td_error**2)
        worth += rate * td_error * seen(place)
        if ended:
            break
        place = then
    if trip % 10 == 0:
        print("mean squared error", np.mean(surprises))
"""


@pytest.mark.parametrize("place", ["place, surprises = 3", "place, surprises = 6"])
def test_the_squares_of_errors_that_are_kept_for_the_log_are_the_loss(tmp_path: Path, place: str) -> None:
    check = check_of_script(tmp_path, STROLL.replace("place, surprises = 3", place))
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [("seen(place)\n        if", "seen(then)\n        if", ""), ("+= rate", "-= rate", "sign")],
)
def test_a_mistake_in_a_step_by_such_errors_is_told(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, STROLL, right, wrong)
    assert told(check)[0] == line, str(check)
    assert kind in told(check)[1], str(check)


@pytest.mark.parametrize("kept", ["np.abs(td_error)", "gain"])
def test_a_rate_and_a_discount_are_no_targets(tmp_path: Path, kept: str) -> None:
    check = check_of_script(tmp_path, STROLL.replace("td_error**2", kept))
    assert check.first_wrong is None, str(check)
