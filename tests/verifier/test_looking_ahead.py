"""Nesterov's momentum: forward reads the weights where the last velocity would take them, which is no update."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, told

TIDE = """
import numpy as np

draw = np.random.default_rng(8)
moon, level = draw.normal(size=(7, 3)), draw.normal(size=(7, 2))
weights = {"pull": draw.normal(size=(3, 4)), "mix": draw.normal(size=(4, 2))}
speed = {name: np.zeros_like(value) for name, value in weights.items()}

for day in range(5):
    ahead = {name: weights[name] + 0.9 * speed[name] for name in weights}
    swell = np.tanh(moon @ ahead["pull"])
    miss = swell @ ahead["mix"] - level
    loss = 0.5 * np.mean(np.sum(miss**2, axis=1))
    miss = miss / len(moon)
    slope = {"mix": swell.T @ miss, "pull": moon.T @ (miss @ ahead["mix"].T * (1 - swell**2))}
    for name in weights:
        speed[name] = 0.9 * speed[name] - 0.1 * slope[name]
        weights[name] = weights[name] + speed[name]
    print(day, loss)
"""


def test_it_is_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TIDE)
    assert check.ok, str(check)
    assert {step.of for step in check.steps} >= {"weights['pull']", "weights['mix']"}


def test_a_mistake_in_it_is_told(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TIDE.replace(" * (1 - swell**2)", ""))
    assert told(check) == (15, "missing-derivative"), str(check)


IN_PLACE = """
import numpy as np

draw = np.random.default_rng(8)
moon, level = draw.normal(size=(7, 3)), draw.normal(size=(7, 2))


def harbour(pull, mix):
    def tide(level):
        swell = np.tanh(moon @ pull)
        miss = swell @ mix - level
        loss = 0.5 * np.mean(np.sum(miss**2, axis=1))

        def back():
            dmiss = miss / len(moon)
            dmix = swell.T @ dmiss
            return [moon.T @ (dmiss @ mix.T * (1 - swell**2)), dmix]

        return loss, back

    return tide


def momentum(weights, rate=0.1, mass=0.9):
    speeds = [np.zeros_like(w) for w in weights]

    def ahead():
        for w, speed in zip(weights, speeds):
            w += mass * speed

    def step(slopes):
        for w, speed, slope in zip(weights, speeds, slopes):
            w -= mass * speed
            speed *= mass
            speed -= rate * slope
            w += speed

    return ahead, step


weights = [draw.normal(size=(3, 4)), draw.normal(size=(4, 2))]
tide = harbour(*weights)
ahead, step = momentum(weights)
for day in range(5):
    ahead()
    loss, back = tide(level)
    step(back())
"""


def test_it_is_right_where_the_look_ahead_is_taken_back_in_place(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, IN_PLACE)
    assert check.ok, str(check)
    assert {step.of for step in check.steps} >= {"weights[0]", "weights[1]"}


def test_a_mistake_is_told_where_the_look_ahead_is_taken_back_in_place(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, IN_PLACE.replace(" * (1 - swell**2)", ""))
    assert told(check) == (17, "missing-derivative"), str(check)
