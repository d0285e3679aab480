"""A layer that hands back the gradient that it was given lacks its derivative there, and not where that was made."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

LAYERS = """
import numpy as np

rng = np.random.default_rng(2)


class Dense:
    def __init__(self, n, m):
        self.W = 0.5 * rng.normal(size=(n, m))

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, gradient):
        self.dW = self.x.T @ gradient
        return gradient @ self.W.T


class Relu:
    def forward(self, z):
        self.mask = z > 0
        return np.maximum(z, 0)

    def backward(self, gradient):
        return gradient * self.mask


layers = [Dense(4, 6), Relu(), Dense(6, 3)]
x, y = rng.normal(size=(7, 4)), rng.normal(size=(7, 3))
for it in range(20):
    out = x
    for layer in layers:
        out = layer.forward(out)
    loss = 0.5 * np.sum((out - y) ** 2)
    grad = out - y
    for layer in reversed(layers):
        grad = layer.backward(grad)
    for layer in layers:
        if hasattr(layer, "W"):
            layer.W -= 0.01 * layer.dW
    print(loss)
"""


def test_the_layer_that_hands_on_what_it_was_given_is_told(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, LAYERS).ok
    check, line = edited_script(tmp_path, LAYERS, "return gradient * self.mask", "return gradient")
    assert told(check) == (line, "missing-derivative"), str(check)


COPIES = """
import numpy as np

rng = np.random.default_rng(4)


def relu(Z):
    return np.maximum(0, Z), Z


def relu_backward(dA, cache):
    Z = cache
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ


def sigmoid(Z):
    A = 1 / (1 + np.exp(-Z))
    return A, Z


def sigmoid_backward(dA, cache):
    s = 1 / (1 + np.exp(-cache))
    return dA * s * (1 - s)


def forward(A, W, bend):
    made, cache = bend(W.dot(A))
    return made, ((A, W), cache)


def backward(dA, caches, bend_backward):
    (A, W), cache = caches
    dZ = bend_backward(dA, cache)
    return W.T.dot(dZ), dZ.dot(A.T) / A.shape[1]


W1, W2, W3 = (0.5 * rng.normal(size=size) for size in ((6, 4), (5, 6), (1, 5)))
X, Y = rng.normal(size=(4, 9)), rng.integers(0, 2, size=(1, 9))
for it in range(20):
    A1, cache1 = forward(X, W1, relu)
    A2, cache2 = forward(A1, W2, relu)
    AL, cache3 = forward(A2, W3, sigmoid)
    cost = -np.mean(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))
    dAL = -(Y / AL - (1 - Y) / (1 - AL))
    dA2, dW3 = backward(dAL, cache3, sigmoid_backward)
    dA1, dW2 = backward(dA2, cache2, relu_backward)
    dX, dW1 = backward(dA1, cache1, relu_backward)
    W1, W2, W3 = W1 - 0.1 * dW1, W2 - 0.1 * dW2, W3 - 0.1 * dW3
    print(cost)
"""


def test_a_copy_of_what_it_was_given_is_told_where_it_is_made(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, COPIES).ok
    check, line = edited_script(tmp_path, COPIES, "    dZ[Z <= 0] = 0\n", "    pass\n")
    assert told(check) == (line - 1, "missing-derivative"), str(check)
