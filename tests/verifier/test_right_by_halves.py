"""Right programs in which one gradient, or one step, carries another number than the rest."""

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

AVERAGED_BY_EACH_LAYER = """
import numpy as np
from tinygrad_scratch import verify

class Dense:
    def __init__(self, n, m, rng):
        self.W, self.b = 0.5 * rng.normal(size=(n, m)), np.zeros((1, m))

    def forward(self, A):
        self.A_prev = A
        return A @ self.W + self.b

    def backward(self, dZ):
        size = self.A_prev.shape[0]
        self.dW = self.A_prev.T @ dZ / size
        self.db = np.sum(dZ, axis=0, keepdims=True) / size
        self.dA_prev = dZ @ self.W.T
        return self.dA_prev

class Tanh:
    def forward(self, Z):
        self.out = np.tanh(Z)
        return self.out

    def backward(self, dA):
        return dA * (1 - self.out**2)

class Net:
    def __init__(self, rng):
        self.layers = [Dense(4, 6, rng), Tanh(), Dense(6, 2, rng)]

    def forward(self, A):
        for layer in self.layers:
            A = layer.forward(A)
        return A

    def backward(self, d):
        for layer in reversed(self.layers):
            d = layer.backward(d)

rng = np.random.default_rng(14)
net, x, y = Net(rng), rng.normal(size=(9, 4)), rng.normal(size=(9, 2))
net.backward(net.forward(x) - y)
with verify(net) as check:
    out = net.forward(x)
    check.loss = 0.5 * np.sum((out - y) ** 2) / 9
    net.backward(out - y)
"""


def test_the_gradient_of_an_input_may_be_that_of_a_sum_where_those_of_parameters_are_means(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, AVERAGED_BY_EACH_LAYER)
    assert check.ok, str(check)
    assert "that of a sum" in check.convention
    check, line = edited_script(tmp_path, AVERAGED_BY_EACH_LAYER, "dA * (1 - self.out**2)", "dA * (1 + self.out**2)")
    assert told(check) == (line, "sign"), str(check)


A_RATE_OF_ITS_OWN = """
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
A, log_sd = rng.normal(size=(3, 2)), np.zeros(2)
eta = 0.1
for turn in range(8):
    r = y - x @ A
    Q = np.mean(np.sum(-0.5 * r**2 * np.exp(-2 * log_sd) - log_sd, axis=1))
    gA = x.T @ (r * np.exp(-2 * log_sd)) / 9
    gs = (r**2 * np.exp(-2 * log_sd) - 1).sum(axis=0) / 9
    A += eta * gA
    log_sd += eta * 0.2 * gs
    print(Q)
"""


def test_a_share_of_the_rate_is_a_rate(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, A_RATE_OF_ITS_OWN)
    assert check.ok, str(check)
    check, line = edited_script(tmp_path, A_RATE_OF_ITS_OWN, "log_sd) - 1).sum", "log_sd) - 2).sum")
    assert told(check)[0] == line, str(check)


WITH_PENALTIES_ADDED = """
import numpy as np

rng = np.random.default_rng(15)
x, y = rng.normal(size=(13, 2)), rng.integers(0, 2, 13)
model = {
    "W1": rng.normal(size=(2, 5)), "b1": np.zeros((1, 5)), "W2": rng.normal(size=(5, 5)), "b2": np.zeros((1, 5)),
    "W3": rng.normal(size=(5, 2)), "b3": np.zeros((1, 2)),
}

def forward(model):
    a1 = np.tanh(x @ model["W1"] + model["b1"])
    a2 = np.tanh(a1 @ model["W2"] + model["b2"])
    scores = np.exp(a2 @ model["W3"] + model["b3"])
    return a1, a2, scores / np.sum(scores, axis=1, keepdims=True)

def cost(model, decay):
    probs = forward(model)[2]
    loss = np.sum(-np.log(probs[range(13), y]))
    loss += decay / 2 * sum(np.sum(np.square(model[name])) for name in ("W1", "W2", "W3"))
    return loss / 13

for turn in range(6):
    a1, a2, d3 = forward(model)
    d3[range(13), y] -= 1
    dW3, db3 = a2.T @ d3, np.sum(d3, axis=0, keepdims=True)
    d2 = d3 @ model["W3"].T * (1 - a2**2)
    dW2 = np.dot(a1.T, d2)
    db2 = np.sum(d2, axis=0)
    d1 = d2 @ model["W2"].T * (1 - a1**2)
    dW1, db1 = x.T @ d1, np.sum(d1, axis=0)
    dW3 += 0.1 * model["W3"]
    dW2 += 0.1 * model["W2"]
    dW1 += 0.1 * model["W1"]
    model["W1"] -= 0.01 * dW1
    model["b1"] -= 0.01 * db1
    model["W2"] -= 0.01 * dW2
    model["b2"] -= 0.01 * db2
    model["W3"] -= 0.01 * dW3
    model["b3"] -= 0.01 * db3
    loss = cost(model, 0.1)
    print(loss)
"""


def test_a_gradient_that_is_wrong_is_judged_with_its_penalty_as_those_that_are_right(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, WITH_PENALTIES_ADDED).ok
    check, line = edited_script(tmp_path, WITH_PENALTIES_ADDED, "np.dot(a1.T, d2)", "np.dot(a2.T, d2)")
    assert told(check) == (line, "wrong-operand"), str(check)


def test_a_rate_by_a_number_is_a_rate(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, A_RATE_OF_ITS_OWN.replace("eta * 0.2 * gs", "eta / 20 * gs"))
    assert check.ok, str(check)
