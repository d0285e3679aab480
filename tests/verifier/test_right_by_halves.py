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
