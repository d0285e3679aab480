"""Loops that train beside the one that is judged first: they are judged, too, or it is said that they were not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

FORGER = """import numpy as np

rng = np.random.default_rng(7)
ink, hue = rng.normal(size=(2, 3)), np.zeros(3)
eye = rng.normal(size=(3, 1)) * 0.5

for night in range(3):
    for _ in range(2):
        bills, fakes = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)) @ ink + hue
        real, fake = 1 / (1 + np.exp(-bills @ eye)), 1 / (1 + np.exp(-fakes @ eye))
        eye_loss = -np.mean(np.log(real)) - np.mean(np.log(1 - fake))
        eye -= 0.2 * (bills.T @ (real - 1) + fakes.T @ fake) / 6
    noise = rng.normal(size=(6, 2))
    fake = 1 / (1 + np.exp(-(noise @ ink + hue) @ eye))
    ink_loss = -np.mean(np.log(fake))
    d_fakes = (fake - 1) / 6 @ eye.T
    ink -= 0.1 * (noise.T @ d_fakes)
    hue -= 0.1 * d_fakes.sum(axis=0)
    print(night, eye_loss, ink_loss)
"""
FORGER_FIRST = FORGER.replace(FORGER[FORGER.index("    for _") : FORGER.index("    noise")], "").replace(
    "    print", FORGER[FORGER.index("    for _") : FORGER.index("    noise")] + "    print"
)
LESSONS = """import numpy as np

rng = np.random.default_rng(9)
x, first, second = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=(8, 2))
w = rng.normal(size=(3, 2))

for turn in range(5):
    loss = np.mean((x @ w - first) ** 2)
    w -= 0.1 * (2 * x.T @ (x @ w - first) / first.size)

kept = w.copy()
for turn in range(5):
    loss = np.mean((x @ w - second) ** 2) + 0.5 * np.sum((w - kept) ** 2)
    w -= 0.1 * (2 * x.T @ (x @ w - second) / second.size + (w - kept))
print(loss)
"""
LAST = LESSONS[LESSONS.rindex("    loss") : LESSONS.index("print")]
UNKNOWN = LESSONS.replace(LAST, "    w -= 0.1 * (x.T @ np.tanh(x @ w - second) ** 3)\n")
WANING = """import numpy as np

rng = np.random.default_rng(3)
x, y, w, rate = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=(3, 2)), 0.1

for epoch in range(5):
    for turn in range(4):
        loss = np.mean((x @ w - y) ** 2)
        w -= rate * (2 * x.T @ (x @ w - y) / y.size)
    rate -= 0.1 * epoch
print(loss)
"""


@pytest.mark.parametrize("script", [FORGER, FORGER_FIRST], ids=["after the inner loop", "before it"])
def test_a_step_around_an_inner_loop_is_judged(script: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, script)
    assert check.ok, str(check)
    assert [final.parameter.name for final in check.finals] == ["eye"]
    said = "The loop at line 7 updates ink and hue, too: a turn of that was judged by itself, and is right."
    assert said in check.notes, str(check)
    check, line = edited_script(tmp_path, script, "(fake - 1) / 6 @", "(1 - fake) / 6 @")
    assert told(check) == (line, "sign"), str(check)
    assert any("was judged before, and is right" in note for note in check.notes), str(check)


def test_a_loop_after_the_first_one_is_judged(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LESSONS)
    assert check.ok, str(check)
    assert "The loop at line 12 updates w, too: a turn of that was judged by itself, and is right." in check.notes
    check, line = edited_script(tmp_path, LESSONS, "+ (w - kept)", "- (w - kept)")
    assert told(check) == (line, "sign"), str(check)


def test_a_loop_that_cannot_be_judged_is_named(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, UNKNOWN)
    assert check.ok, str(check)
    assert "The loop at line 12 updates w, too: that was not judged." in check.notes, str(check)


def test_a_rate_that_is_made_smaller_is_no_step(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, WANING)
    assert check.ok, str(check)
    assert not any("updates" in note for note in check.notes), str(check)


def test_a_loop_that_is_never_come_to_is_not_named(tmp_path: Path) -> None:
    before, after = LESSONS.split("kept =")
    check = check_of_script(tmp_path, f"{before}raise SystemExit\nkept ={after}")
    assert check.ok, str(check)
    assert not any("updates" in note for note in check.notes), str(check)


THREE = """import numpy as np

rng = np.random.default_rng(17)
x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 2))
W, V = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
for turn in range(4):
    h = np.tanh(x @ W)
    d = (h @ V - y) / 9
    loss = 4.5 * np.sum(d**2)
    dh = d @ V.T * (1 - h**2)
    V -= 0.1 * h.T @ d
    W -= 0.1 * x.T @ dh
for turn in range(5):
    h = np.tanh(x @ W)
    d = (h @ V - y) / 9
    loss = 4.5 * np.sum(d**2)
    V -= 0.1 * h.T @ d
for turn in range(6):
    h = np.tanh(x @ W)
    d = (h @ V - y) / 9
    loss = 4.5 * np.sum(d**2)
    dh = d @ V.T * (1 - h**2)
    W -= 0.1 * x.T @ dh
"""


def test_the_third_of_three_loops_is_judged_by_itself(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, THREE)
    assert check.ok
    assert [note.count("is right") for note in check.notes if "The loop at line" in note] == [1, 1]
    before, last = THREE[: THREE.rindex("dh =")], THREE[THREE.rindex("dh =") :]
    check = check_of_script(tmp_path, before + last.replace("h**2", "h"))
    assert told(check) == (22, "derivative-at-wrong-point")


FUNCTIONS = """import numpy as np

rng = np.random.default_rng(18)
x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 2))


def first(rate):
    W = rng.normal(size=(4, 2))
    for turn in range(4):
        d = (x @ W - y) / 9
        loss = 4.5 * np.sum(d**2)
        W -= rate * x.T @ d
    return W


def second(rate):
    W, V = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    for turn in range(4):
        h = np.tanh(x @ W)
        d = (y - h @ V) / 9
        loss = 4.5 * np.sum(d**2)
        dh = d @ V.T * (1 - h**2)
        V, W = V + rate * h.T @ d, W + rate * x.T @ dh
    return W, V


W = first(0.1)
CHECKED
W, V = second(0.1)
"""


@pytest.mark.parametrize("checked", ["pass", "assert np.sum(W**2) < 0"])
def test_a_loop_of_another_function_is_judged_or_named(checked: str, tmp_path: Path) -> None:
    script = FUNCTIONS.replace("CHECKED", checked)
    check = check_of_script(tmp_path, script)
    assert check.ok, str(check)
    said = "a turn of that was judged by itself, and is right." if checked == "pass" else "that was not judged."
    assert f"The loop at line 18 updates V and W, too: {said}" in check.notes
    wrong = check_of_script(tmp_path, script.replace("1 - h**2", "1 - h"))
    assert (wrong.first_wrong is not None) == (checked == "pass")


SCHOOL = """
import numpy as np


def teach(x, y, rng):
    w = rng.normal(size=(4, 2))
    for turn in range(6):
        miss = x @ w - y
        loss = np.mean(miss**2)
        dw = 2 * x.T @ miss / miss.size
        w -= 0.1 * dw
    return w


def refine(x, y, w):
    b, pull = np.zeros(2), 0.1
    for turn in range(5):
        miss = x @ w + b - y
        loss = np.sum(miss**2) / len(x) + pull * np.sum(w**2)
        dw = 2 * x.T @ miss / len(x) + 2 * pull * w
        db = 2 * miss.sum(axis=0) / len(x)
        w = w - 0.1 * dw
        b = b - 0.1 * db
    return w, b


def unused(x, w):
    for turn in range(3):
        w -= 0.1 * x.T @ x @ w
"""
CALLS = """
import numpy as np
from school import refine, teach

rng = np.random.default_rng(9)
x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 2))
w = teach(x, y, rng)
w, b = refine(x, y, w)
print(b)
"""


def test_a_loop_in_a_later_function_of_an_imported_file_is_judged(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, CALLS, school=SCHOOL)
    assert check.ok, str(check)
    said = "The loop at school.py:17 updates w and b, too: a turn of that was judged by itself, and is right."
    assert said in check.notes, check.notes
    assert not any("school.py:28" in note for note in check.notes)  # nobody calls that


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("x.T @ miss / len(x) + 2 * pull * w", "x.T @ miss / len(x) + pull * w", "regularisation"),
        ("2 * miss.sum(axis=0) / len(x)", "-2 * miss.sum(axis=0) / len(x)", "sign"),
    ],
)
def test_what_is_wrong_in_it_is_told(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    assert SCHOOL.count(right) == 1
    check = check_of_script(tmp_path, CALLS, school=SCHOOL.replace(right, wrong))
    assert told(check) == (SCHOOL[: SCHOOL.index(right)].count("\n") + 1, kind), str(check)
    assert "school.py" in str(check).splitlines()[0]
    assert "The loop at line 7 was judged before, and is right." in check.notes
