"""A slope that was written and is called nowhere is what a line lacks, whatever else it is given."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import edited, module_of, told
from tinygrad_scratch import verify

BOUNDED = """
import numpy as np


def robust(r, width):
    small = np.abs(r) <= width
    return np.where(small, 0.5 * r**2, width * (np.abs(r) - 0.5 * width))


def robust_prime(r, width):
    return np.where(np.abs(r) <= width, r, width * np.sign(r))


def leaky(z, alpha):
    return np.where(z > 0, z, alpha * z)


def leaky_prime(z, alpha):
    return np.where(z > 0, 1.0, alpha)


class Net:
    def __init__(self, rng, width, alpha):
        self.w, self.v, self.width, self.alpha = rng.normal(size=(3, 5)), rng.normal(size=(5, 2)), width, alpha

    def forward(self, x, y):
        self.z = x @ self.w
        self.h = leaky(self.z, self.alpha)
        self.r = self.h @ self.v - y
        return robust(self.r, self.width).sum() / len(x)

    def backward(self, x):
        out = robust_prime(self.r, self.width) / len(x)
        dv = self.h.T @ out
        dh = out @ self.v.T
        dz = dh * leaky_prime(self.z, self.alpha)
        return {"w": x.T @ dz, "v": dv}


def check(verify):
    rng = np.random.default_rng(5)
    net, x, y = Net(rng, 0.5, 0.2), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    with verify(net) as check:
        check.loss = net.forward(x, y)
        check.gradients = net.backward(x)
    return check
"""


def test_the_slope_of_a_loss_with_a_bound(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "loss.py", BOUNDED, "robust_prime(self.r, self.width) / len", "self.r / len")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "missing-derivative"), str(check)
    assert "robust_prime(self.r, self.width)" in check.first_wrong.should_be, str(check)


def test_the_slope_of_an_activation_with_a_number(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "bend.py", BOUNDED, "dh * leaky_prime(self.z, self.alpha)", "dh")
    assert check.first_wrong.line in (line, line - 1), str(check)
    assert check.first_wrong.kind == "missing-derivative", str(check)


TOLD = """
import numpy as np


def bell(z):
    return np.exp(-(z**2))


def bend(z):
    return -2 * z * np.exp(-(z**2))


class Net:
    def __init__(self, rng):
        self.ws = [rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), rng.normal(size=(4, 2))]

    def cost(self, x, y):
        for w in self.ws:
            x = bell(x @ w)
        return 0.5 * np.sum((x - y) ** 2)

    def gradients(self, x, y):
        zs, seen = [], [x]
        for w in self.ws:
            zs.append(seen[-1] @ w)
            seen.append(bell(zs[-1]))
        back = (seen[-1] - y) * bend(zs[-1])
        found = [None, None, seen[-2].T @ back]
        for k in range(2, 4):
            slope = bend(zs[-k])
            back = slope * (back @ self.ws[-k + 1].T)
            found[-k] = seen[-k - 1].T @ back
        return found

    def tell(self, x, y):
        print("the cost is {}".format(self.cost(x, y)))
        print("{} of {}".format(len(x), len(y)))


def check(verify):
    rng = np.random.default_rng(8)
    net, x, y = Net(rng), rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    with verify(net.ws) as check:
        check.loss = net.cost(x, y)
        check.gradients = net.gradients(x, y)
    return check
"""


def test_a_slope_that_is_left_out_in_a_class_that_prints(tmp_path: Path) -> None:
    """A text that is filled in is no function that a slope may be: the search ended with an error of its own."""
    right = module_of(tmp_path / "right.py", TOLD).check(verify)
    assert right.ok, str(right)
    check, line = edited(tmp_path / "wrong.py", TOLD, "slope * (back @ self.ws[-k + 1].T)", "back @ self.ws[-k + 1].T")
    assert told(check) == (line, "missing-derivative"), str(check)
