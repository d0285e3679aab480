"""How long a verdict takes: each in a process of its own, from the start of Python to the printed report.

    python -m tests.benchmarks.verify

The article's class, and a network of 5,508 parameters with a mistake in it. Beside them, where torch
is installed, its `gradcheck` of the same network, which compares numbers and names no line; and, so that one may
subtract it, a process that imports NumPy alone. Each runs once before it is timed, so that all is compiled to bytecode,
as an install leaves it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

ROUNDS = 5

NUMPY = "import numpy as np\n"

ARTICLE = """\
import numpy as np
np.random.seed(1)


class NeuralNetwork:
    def __init__(self, *widths):
        self.w1, self.w2, self.w3 = (np.random.randn(*shape) for shape in zip(widths, widths[1:]))

    def sigmoid(self, x):
        return 1 / (1 + np.exp(-x))

    def slope(self, x):
        return np.exp(-x) / (1 + np.exp(-x)) ** 2

    def forward(self, x):
        self.z2 = np.dot(x, self.w1)
        self.a2 = self.sigmoid(self.z2)
        self.z3 = np.dot(self.a2, self.w2)
        self.a3 = self.sigmoid(self.z3)
        self.z4 = np.dot(self.a3, self.w3)
        return self.sigmoid(self.z4)

    def backward(self, x, y, prediction):
        delta4 = -(y - prediction) * self.slope(self.z4)
        delta3 = np.dot(delta4, self.w3.T) * self.slope(self.z3)
        delta2 = np.dot(delta3, self.w2.T) * self.slope(self.z2)
        return np.dot(x.T, delta2), np.dot(self.a2.T, delta3), np.dot(self.a3.T, delta4)


from tinygrad_scratch import verify

x, y = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]]), np.array([[0, 1, 1, 0]]).T
net = NeuralNetwork(3, 4, 5, 1)
with verify(net) as check:
    prediction = net.forward(x)
    check.loss = np.sum(0.5 * (y - prediction) ** 2)
    check.gradients = net.backward(x, y, prediction)
print(check)
assert check.ok
"""

NETWORK = """\
import numpy as np

rng = np.random.default_rng(0)
params = {"W1": rng.normal(size=(81, 64)) / 9, "b1": np.zeros(64)}
params |= {"W2": rng.normal(size=(64, 4)) / 8, "b2": np.zeros(4)}
x, y = rng.normal(size=(32, 81)), rng.normal(size=(32, 4))
"""

MISTAKEN = (
    NETWORK
    + """

def forward(p, x):
    h = np.tanh(x @ p["W1"] + p["b1"])
    return h, h @ p["W2"] + p["b2"]


def backward(p, x, h, out, y):
    dout = 2 * (out - y) / out.size
    dh = dout @ p["W2"].T
    dz = dh * (1 - h)
    return {"W1": x.T @ dz, "b1": dz.sum(axis=0), "W2": h.T @ dout, "b2": dout.sum(axis=0)}


from tinygrad_scratch import verify

assert sum(p.size for p in params.values()) == 5508
with verify(params) as check:
    h, out = forward(params, x)
    check.loss = np.mean((out - y) ** 2)
    check.gradients = backward(params, x, h, out, y)
print(check)
assert check.first_wrong.name == "dz"
"""
)

GRADCHECK = (
    NETWORK
    + """
import torch

w1, b1, w2, b2 = (torch.tensor(p, requires_grad=True) for p in params.values())
x, y = torch.tensor(x), torch.tensor(y)


def loss(w1, b1, w2, b2):
    return ((torch.tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2).mean()


assert torch.autograd.gradcheck(loss, (w1, b1, w2, b2))
"""
)


def seconds(program: Path) -> float:
    """One run of a program in a new process."""
    started = time.perf_counter()
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{program.name} failed:\n{done.stderr}")
    return time.perf_counter() - started


def main() -> None:
    programs = {
        "import numpy": NUMPY,
        "verify, the article's class": ARTICLE,
        "verify, 5,508 parameters and a mistake": MISTAKEN,
    }
    if find_spec("torch"):
        programs |= {"import torch": "import torch\n", "torch's gradcheck, 5,508 parameters": GRADCHECK}
    else:
        print("(torch is not installed)")
    with TemporaryDirectory() as folder:
        files = {name: Path(folder, f"program_{i}.py") for i, name in enumerate(programs)}
        for name, file in files.items():
            file.write_text(programs[name], encoding="utf-8")
            seconds(file)
        times: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(ROUNDS):  # in turn, so that a busy moment meets all
            for name, file in files.items():
                times[name].append(seconds(file))
    print(
        f"{f'a whole process, of {ROUNDS} rounds':42s}{'best s':>9s}{'worst s':>9s}     load {os.getloadavg()[0]:.1f}"
    )
    for name, found in times.items():
        print(f"{name:42s}{min(found):9.2f}{max(found):9.2f}")


if __name__ == "__main__":
    main()
