"""Policies that learn from what they drew: each step is the gradient of the logarithm of its chance, times a reward."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

WALK = """
import numpy as np

noise = np.random.default_rng(4)


class Field:
    def begin(self):
        self.at, self.time = noise.normal(size=5), 0
        return self.at

    def go(self, way):
        self.time += 1
        self.at = 0.8 * self.at + 0.4 * noise.normal(size=5) * (1 + way)
        return self.at, 2.0 + self.at[0] - 0.1 * way, self.time >= 6


def chances(seen, table):
    odds = np.exp(seen @ table)
    return odds / odds.sum()


def walk(field, table, walks, rate):
    for number in range(walks):
        steps, gains, seen, ended = [], [], field.begin(), False
        while not ended:
            p = chances(seen, table)
            way = noise.choice(3, p=p)
            then, gain, ended = field.go(way)
            push = -p
            push[way] += 1
            steps.append(np.outer(seen, push))
            gains.append(gain)
            seen = then
        for t in range(len(steps)):
            table += rate * steps[t] * sum(gains[t:])
        print(number, sum(gains))


walk(Field(), 0.3 * noise.normal(size=(5, 3)), 2, 0.02)
"""


@pytest.mark.parametrize("reward", ["gains", "costs"])
def test_steps_by_what_was_drawn_are_right(tmp_path: Path, reward: str) -> None:
    text = WALK if reward == "gains" else WALK.replace("gain", "cost").replace("table +=", "table -=")
    check = check_of_script(tmp_path, text)
    assert check.first_wrong is None, str(check)
    assert check.ok is (reward == "gains"), str(check)  # which way is down nobody says of the others


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("table += rate", "table -= rate", "sign"),
        ("np.outer(seen, push)", "np.outer(seen, p)", "wrong-operand"),
    ],
)
def test_a_mistake_in_such_steps(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, WALK, right, wrong)
    assert told(check) == (line, kind), str(check)


def test_a_score_of_another_kind_is_not_accused(tmp_path: Path) -> None:
    text = WALK.replace("np.outer(seen, push)", "np.outer(seen / (0.1 + seen @ seen), push * np.sqrt(p))")
    check = check_of_script(tmp_path, text)
    assert check.first_wrong is None, str(check)
    assert not check.ok


EPISODES = """
import numpy as np

rng = np.random.RandomState(5)
W, V = rng.randn(4, 7) * 0.5, rng.randn(7, 3) * 0.5


def policy(s):
    h = np.tanh(s @ W)
    z = h @ V
    e = np.exp(z - z.max())
    return e / e.sum(), h


for episode in range(6):
    s, states, hidden, chances, actions, rewards = rng.randn(4), [], [], [], [], []
    for t in range(9):
        p, h = policy(s)
        a = rng.choice(3, p=p)
        states.append(s)
        hidden.append(h)
        chances.append(p)
        actions.append(a)
        s = 0.7 * s + 0.4 * rng.randn(4) + 0.2 * (a - 1)
        rewards.append(1.0 - np.abs(s).sum())
    gain, after = np.zeros(9), 0.0
    for t in range(8, -1, -1):
        after = rewards[t] + 0.95 * after
        gain[t] = after
    gain = (gain - gain.mean()) / gain.std()
    S, H, P = np.array(states), np.array(hidden), np.array(chances)
    dz = -P
    dz[np.arange(9), actions] += 1
    dz *= gain[:, None]
    dV = H.T @ dz
    dh = dz @ V.T * (1 - H ** 2)
    dW = S.T @ dh
    W += 0.01 * dW
    V += 0.01 * dV
    print(episode, sum(rewards))
"""
COINS = """
import numpy as np

np.random.seed(3)
net = {"W": np.random.randn(6, 4) / 2, "v": np.random.randn(6) / 2}
sums = {name: np.zeros_like(held) for name, held in net.items()}


def chance_of(x):
    h = np.maximum(0, net["W"] @ x)
    return 1 / (1 + np.exp(-(net["v"] @ h))), h


xs, hs, pushes, rewards, state = [], [], [], [], np.random.randn(4)
for step in range(1, 61):
    p, h = chance_of(state)
    right = np.random.uniform() < p
    xs.append(state)
    hs.append(h)
    y = 1 if right else 0
    pushes.append(y - p)
    state = 0.8 * state + 0.5 * np.random.randn(4) + (0.1 if right else -0.1)
    rewards.append(1.0 - abs(state[0]))
    if step % 10 == 0:
        X, H, push, reward = np.vstack(xs), np.vstack(hs), np.vstack(pushes), np.vstack(rewards)
        xs, hs, pushes, rewards = [], [], [], []
        reward = (reward - reward.mean()) / reward.std()
        push *= reward
        dv = np.dot(H.T, push).ravel()
        dh = np.outer(push, net["v"])
        dh[H <= 0] = 0
        sums["W"] += dh.T @ X
        sums["v"] += dv
        if step % 20 == 0:
            for name in net:
                net[name] += 0.01 * sums[name]
                sums[name] = np.zeros_like(net[name])
"""


@pytest.mark.parametrize("text", [EPISODES, COINS])
def test_a_row_for_each_draw_times_a_number_of_its_own_is_right(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("text", "right", "wrong", "kind"),
    [
        (EPISODES, "dh = dz @ V.T * (1 - H ** 2)", "dh = dz @ V.T", "missing-derivative"),
        (EPISODES, "dV = H.T @ dz", "dV = S[:, [0, 1, 2, 3, 0, 1, 2]].T @ dz", "wrong-operand"),
        (COINS, "        dh[H <= 0] = 0\n", "", "missing-derivative"),
    ],
)
def test_a_mistake_in_such_rows(tmp_path: Path, text: str, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, text, right, wrong)
    where, found = told(check)
    assert abs(where - line) <= (not wrong), str(check)
    assert found == kind, str(check)


ONE_BY_ONE = """
import numpy as np

rng = np.random.RandomState(5)
theta = rng.randn(4, 3) * 0.3


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


for episode in range(4):
    s, memory = rng.randn(4), []
    for t in range(9):
        p = softmax(s @ theta)
        a = rng.choice(3, p=p)
        then = 0.7 * s + 0.4 * rng.randn(4) + 0.2 * (a - 1)
        memory.append((s, a, 1.0 - np.abs(then).sum()))
        s = then
    G = 0.0
    for s, a, r in reversed(memory):
        G = r + 0.95 * G
        score = -np.outer(s, softmax(s @ theta))
        score[:, a] += s
        theta += 0.01 * G * score
    print(episode, G)
"""


def test_a_mere_multiple_of_what_a_loss_gives_by_chance_is_not_accused(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ONE_BY_ONE)
    assert check.first_wrong is None, str(check)
