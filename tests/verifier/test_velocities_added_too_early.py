"""Weights that a velocity moves before their last use: the step is to come later, and the velocity is right."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, told

WINE = """
import numpy as np

rng = np.random.RandomState(3)
X = rng.normal(size=(42, 5))
y = rng.randint(3, size=42)
W1, b1 = rng.normal(size=(5, 8)) * 0.4, np.zeros(8)
W2, b2 = rng.normal(size=(8, 3)) * 0.4, np.zeros(3)
vW1, vb1, vW2, vb2 = np.zeros((5, 8)), np.zeros(8), np.zeros((8, 3)), np.zeros(3)
lr, mu, lam, N = 0.3, 0.9, 0.05, len(X)
for epoch in range(20):
    h = np.tanh(X @ W1 + b1)
    logits = h @ W2 + b2
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    loss = -np.log(probs[np.arange(N), y]).mean() + 0.5 * lam * (np.sum(W1 ** 2) + np.sum(W2 ** 2))
    dlogits = probs.copy()
    dlogits[np.arange(N), y] -= 1
    dlogits /= N
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(axis=0)
    dW2 += lam * W2
    dh = dlogits @ W2.T
    vW2 = mu * vW2 - lr * dW2
    vb2 = mu * vb2 - lr * db2
    W2 += vW2
    b2 += vb2
    dpre = dh * (1 - h ** 2)
    dW1 = X.T @ dpre
    db1 = dpre.sum(axis=0)
    dW1 += lam * W1
    vW1 = mu * vW1 - lr * dW1
    vb1 = mu * vb1 - lr * db1
    W1 += vW1
    b1 += vb1
    print(epoch, loss)
"""


def test_it_is_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, WINE)
    assert check.ok, str(check)


def test_the_step_is_told_and_not_its_velocity(tmp_path: Path) -> None:
    use = "    dh = dlogits @ W2.T\n"
    text = WINE.replace(use, "").replace("    b2 += vb2\n", f"    b2 += vb2\n{use}")
    check = check_of_script(tmp_path, text)
    assert told(check) == (text.splitlines().index("    W2 += vW2") + 1, "stale-or-updated-weights"), str(check)
