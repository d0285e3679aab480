"""Small programs with hand-written backprop, in the many ways in which people write it; all of them are right.

A program is a module; `block` is what a person would write in `with verify(targets) as check:`. `pairs` says which
gradient each parameter must be paired with, without being told.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Program:
    """A program with the block that judges it."""

    name: str
    source: str
    block: str
    targets: str = ""
    parameters: frozenset[str] = field(default_factory=frozenset)
    imports: str = "import numpy as np"


PROGRAMS: list[Program] = []


def program(
    name: str, source: str, block: str, targets: str = "", parameters: str = "", imports: str = "import numpy as np"
) -> None:
    PROGRAMS.append(Program(name, source, block, targets, frozenset(parameters.split()), imports))


DATA = """
rng = np.random.RandomState(7)
X = rng.randn(6, 3)
y = rng.rand(6, 2)
labels = np.array([0, 1, 1, 0, 1, 0])
"""

program(
    "class_with_layers_dict",
    DATA
    + """
class TwoLayer:
    def __init__(self, n_in, n_hidden, n_out):
        self.params = {}
        self.params["W1"] = 0.5 * rng.randn(n_in, n_hidden)
        self.params["b1"] = np.zeros(n_hidden)
        self.params["W2"] = 0.5 * rng.randn(n_hidden, n_out)
        self.params["b2"] = np.zeros(n_out)

    def loss(self, X, y, reg=0.0):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        N = X.shape[0]
        hidden = np.maximum(0, X.dot(W1) + b1)
        scores = hidden.dot(W2) + b2
        shifted = scores - np.max(scores, axis=1, keepdims=True)
        probs = np.exp(shifted) / np.sum(np.exp(shifted), axis=1, keepdims=True)
        loss = -np.sum(np.log(probs[np.arange(N), y])) / N
        loss += reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        grads = {}
        dscores = probs
        dscores[np.arange(N), y] -= 1
        dscores /= N
        grads["W2"] = hidden.T.dot(dscores) + 2 * reg * W2
        grads["b2"] = np.sum(dscores, axis=0)
        dhidden = dscores.dot(W2.T)
        dhidden[hidden <= 0] = 0
        grads["W1"] = X.T.dot(dhidden) + 2 * reg * W1
        grads["b1"] = np.sum(dhidden, axis=0)
        return loss, grads

net = TwoLayer(3, 5, 2)
""",
    "check.loss, check.gradients = net.loss(X, labels, reg=0.1)",
    "net",
    "params['W1'] params['b1'] params['W2'] params['b2']",
)

program(
    "lists_of_arrays_column_samples",
    DATA
    + """
class Network(object):
    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.biases = [rng.randn(n, 1) for n in sizes[1:]]
        self.weights = [rng.randn(n, m) for m, n in zip(sizes[:-1], sizes[1:])]

    def backprop(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activation = x
        activations = [x]
        zs = []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)
        delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].transpose())
        for l in range(2, self.num_layers):
            sp = sigmoid_prime(zs[-l])
            delta = np.dot(self.weights[-l + 1].transpose(), delta) * sp
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
        return (nabla_b, nabla_w)

def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))

net = Network([3, 4, 4, 2])
""",
    "check.gradients = net.backprop(X[:1].T, y[:1].T)",
    "net",
    "biases[0] biases[1] biases[2] weights[0] weights[1] weights[2]",
)

program(
    "minibatch_update_only",
    DATA
    + """
class Net:
    def __init__(self):
        self.w = [rng.randn(4, 3), rng.randn(2, 4)]
        self.b = [np.zeros((4, 1)), np.zeros((2, 1))]

    def backprop(self, x, t):
        z1 = self.w[0] @ x + self.b[0]
        a1 = np.tanh(z1)
        a2 = self.w[1] @ a1 + self.b[1]
        d2 = a2 - t
        d1 = self.w[1].T @ d2 * (1 - a1 ** 2)
        return [d1, d2], [d1 @ x.T, d2 @ a1.T]

    def update(self, batch, eta):
        nabla_b = [np.zeros(b.shape) for b in self.b]
        nabla_w = [np.zeros(w.shape) for w in self.w]
        for x, t in batch:
            delta_b, delta_w = self.backprop(x, t)
            nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_b)]
            nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_w)]
        self.w = [w - (eta / len(batch)) * nw for w, nw in zip(self.w, nabla_w)]
        self.b = [b - (eta / len(batch)) * nb for b, nb in zip(self.b, nabla_b)]

    def cost(self, batch):
        hidden = [np.tanh(self.w[0] @ x + self.b[0]) for x, _ in batch]
        return sum(0.5 * np.sum((self.w[1] @ h + self.b[1] - t) ** 2) for h, (_, t) in zip(hidden, batch))

net = Net()
batch = [(x.reshape(3, 1), t.reshape(2, 1)) for x, t in zip(X, y)]
""",
    "check.loss = net.cost(batch)\nnet.update(batch, 0.1)",
    "net",
    "w[0] w[1] b[0] b[1]",
)

program(
    "parameters_dict_cache_dict",
    DATA
    + """
def initialize(n_x, n_h, n_y):
    return {"W1": rng.randn(n_h, n_x), "b1": np.zeros((n_h, 1)), "W2": rng.randn(n_y, n_h), "b2": np.zeros((n_y, 1))}

def forward_propagation(X, parameters):
    Z1 = np.dot(parameters["W1"], X) + parameters["b1"]
    A1 = np.tanh(Z1)
    Z2 = np.dot(parameters["W2"], A1) + parameters["b2"]
    A2 = 1 / (1 + np.exp(-Z2))
    assert A2.shape == (1, X.shape[1])
    cache = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}
    return A2, cache

def compute_cost(A2, Y):
    m = Y.shape[1]
    logprobs = np.multiply(np.log(A2), Y) + np.multiply((1 - Y), np.log(1 - A2))
    cost = -np.sum(logprobs) / m
    cost = float(np.squeeze(cost))
    assert isinstance(cost, float)
    return cost

def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    A1, A2 = cache["A1"], cache["A2"]
    dZ2 = A2 - Y
    dW2 = (1 / m) * np.dot(dZ2, A1.T)
    db2 = (1 / m) * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.multiply(np.dot(parameters["W2"].T, dZ2), 1 - np.power(A1, 2))
    dW1 = (1 / m) * np.dot(dZ1, X.T)
    db1 = (1 / m) * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}

parameters = initialize(3, 4, 1)
Y = labels.reshape(1, 6)
XT = X.T
""",
    """A2, cache = forward_propagation(XT, parameters)
check.loss = compute_cost(A2, Y)
check.gradients = backward_propagation(parameters, cache, XT, Y)""",
    "parameters",
    "W1 b1 W2 b2",
)

program(
    "layers_with_stored_gradients",
    DATA
    + """
class Layer:
    pass

class Dense(Layer):
    def __init__(self, n_in, n_out):
        self.weights = rng.randn(n_in, n_out) * 0.3
        self.biases = np.zeros((1, n_out))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)

class ReLU(Layer):
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0

class MeanSquaredError:
    def calculate(self, output, y):
        return np.mean(np.mean((y - output) ** 2, axis=-1))

    def backward(self, dvalues, y):
        self.dinputs = -2 * (y - dvalues) / len(dvalues[0])
        self.dinputs = self.dinputs / len(dvalues)

dense1, act, dense2, loss_fn = Dense(3, 5), ReLU(), Dense(5, 2), MeanSquaredError()
""",
    """dense1.forward(X)
act.forward(dense1.output)
dense2.forward(act.output)
check.loss = loss_fn.calculate(dense2.output, y)
loss_fn.backward(dense2.output, y)
dense2.backward(loss_fn.dinputs)
act.backward(dense2.dinputs)
dense1.backward(act.dinputs)
check.gradients_in(dense1, dense2)""",
    "dense1, dense2",
    "dense1.weights dense1.biases dense2.weights dense2.biases",
)

program(
    "stored_and_not_told",
    DATA
    + """
class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return np.dot(dout, self.W.T)

class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out) * self.out

class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        self.y = e / np.sum(e, axis=-1, keepdims=True)
        self.loss = -np.sum(np.log(self.y[np.arange(len(x)), t] + 1e-7)) / len(x)
        return self.loss

    def backward(self, dout=1):
        dx = self.y.copy()
        dx[np.arange(len(dx)), self.t] -= 1
        return dx / len(dx)

class Net:
    def __init__(self):
        self.layers = [Affine(rng.randn(3, 4), np.zeros(4)), Sigmoid(), Affine(rng.randn(4, 2), np.zeros(2))]
        self.last = SoftmaxWithLoss()

    def loss(self, x, t):
        for layer in self.layers:
            x = layer.forward(x)
        return self.last.forward(x, t)

    def gradient(self):
        dout = self.last.backward()
        for layer in reversed(self.layers):
            dout = layer.backward(dout)

net = Net()
""",
    "check.loss = net.loss(X, labels)\nnet.gradient()",
    "net",
    "layers[0].W layers[0].b layers[2].W layers[2].b",
)

program(
    "functions_and_module_globals",
    DATA
    + """
W1 = rng.randn(3, 4)
W2 = rng.randn(4, 2)

def forward(x):
    global h, out
    h = np.tanh(np.dot(x, W1))
    out = np.dot(h, W2)
    return out

def backward(x, t):
    grad_out = 2 * (out - t)
    grad_W2 = np.dot(h.T, grad_out)
    grad_h = np.dot(grad_out, W2.T) * (1 - np.square(h))
    grad_W1 = np.dot(x.T, grad_h)
    return grad_W1, grad_W2
""",
    "check.loss = np.sum((forward(X) - y) ** 2)\ncheck.gradients = backward(X, y)",
    "W1=W1, W2=W2",
    "W1 W2",
)

program(
    "no_targets_at_all",
    DATA
    + """
w = rng.randn(3)
b = 0.5

def logistic(w, b, X, t):
    p = 1 / (1 + np.exp(-(X.dot(w) + b)))
    loss = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
    dw = X.T.dot(p - t) / len(t)
    db = np.mean(p - t)
    return loss, dw, db
""",
    "loss, dw, db = logistic(w, b, X, labels)\ncheck.loss = loss\ncheck.gradients = dw, db",
    "",
    "w b",
)

program(
    "float_parameters",
    """
class Line:
    def __init__(self):
        self.slope = 0.3
        self.offset = -0.2

    def step(self, xs, ts):
        grad_slope = 0.0
        grad_offset = 0.0
        total_loss = 0.0
        for x, t in zip(xs, ts):
            guess = self.slope * x + self.offset
            total_loss += 0.5 * (guess - t) ** 2
            grad_slope += (guess - t) * x
            grad_offset += guess - t
        self.grad_slope, self.grad_offset = grad_slope, grad_offset
        return total_loss

line = Line()
xs, ts = [0.0, 1.0, 2.5, 3.0], [1.0, 2.0, 1.5, 4.0]
""",
    "check.loss = line.step(xs, ts)\ncheck.gradients = {'slope': line.grad_slope, 'offset': line.grad_offset}",
    "line",
    "slope offset",
)

program(
    "pure_python_math",
    """
import math
import random

def sigmoid(v):
    return 1 / (1 + math.exp(-v))

def neuron_output(weights, inputs):
    return sigmoid(sum(w_i * x_i for w_i, x_i in zip(weights, inputs)))

def sqerror_gradients(network, inputs, target):
    hidden = [neuron_output(neuron, inputs + [1.0]) for neuron in network[0]]
    outputs = [neuron_output(neuron, hidden + [1.0]) for neuron in network[1]]
    output_deltas = [o * (1 - o) * (o - t) * 2 for o, t in zip(outputs, target)]
    output_grads = [[delta * h for h in hidden + [1.0]] for delta in output_deltas]
    errors = [sum(d * n[i] for d, n in zip(output_deltas, network[1])) for i in range(len(hidden))]
    hidden_deltas = [h * (1 - h) * e for h, e in zip(hidden, errors)]
    hidden_grads = [[delta * x for x in inputs + [1.0]] for delta in hidden_deltas]
    loss = sum((o - t) ** 2 for o, t in zip(outputs, target))
    return loss, [hidden_grads, output_grads]

random.seed(3)
network = [[[random.random() for _ in range(3)] for _ in range(2)], [[random.random() for _ in range(3)]]]
""",
    "check.loss, check.gradients = sqerror_gradients(network, [0.2, 0.7], [1.0])",
    "network",
    "network[0][0][0] network[0][0][1] network[0][0][2] network[0][1][0] network[0][1][1] network[0][1][2] "
    "network[1][0][0] network[1][0][1] network[1][0][2]",
)

program(
    "one_sample_at_a_time",
    DATA
    + """
class Perceptron:
    def __init__(self):
        self.W = rng.randn(2, 3)
        self.b = rng.randn(2)

    def gradients(self, X, T):
        gW = np.zeros_like(self.W)
        gb = np.zeros_like(self.b)
        E = 0
        for n in range(len(X)):
            o = np.tanh(self.W @ X[n] + self.b)
            E += np.sum((o - T[n]) ** 2) / 2
            d = (o - T[n]) * (1 - o * o)
            gW += np.outer(d, X[n])
            gb += d
        return E, gW, gb

p = Perceptron()
""",
    "E, gW, gb = p.gradients(X, y)\ncheck.loss = E\ncheck.gradients = [gW, gb]",
    "p",
    "W b",
)

program(
    "from_imports",
    """
from numpy import dot, exp, sum, zeros, array, outer, tanh, log
from numpy.random import RandomState, seed, randn
seed(4)
U, V = randn(4, 3), randn(2, 4)

def run(x, label):
    h = tanh(dot(U, x))
    s = dot(V, h)
    e = exp(s - s.max())
    p = e / sum(e)
    loss = -log(p[label])
    ds = p.copy()
    ds[label] -= 1
    dV = outer(ds, h)
    dh = dot(V.T, ds)
    dU = outer(dh * (1 - h ** 2), x)
    return loss, (dU, dV)

x = array([0.1, -0.4, 0.9])
""",
    "check.loss, check.gradients = run(x, 1)",
    "U=U, V=V",
    "U V",
)

program(
    "import_numpy_in_full",
    """
import numpy
import numpy.random

class Unit:
    def __init__(self):
        numpy.random.seed(2)
        self.theta = numpy.random.uniform(-1, 1, size=(3, 1))

    def cost(self, x, t):
        m = x.shape[0]
        self.p = numpy.matmul(x, self.theta)
        return numpy.sum(numpy.square(self.p - t)) / (2 * m)

    def gradient(self, x, t):
        return numpy.matmul(numpy.transpose(x), self.p - t) / x.shape[0]

unit = Unit()
x = numpy.random.rand(5, 3)
t = numpy.random.rand(5, 1)
""",
    "check.loss = unit.cost(x, t)\ncheck.gradients = unit.gradient(x, t)",
    "unit",
    "theta",
)

program(
    "flat_vector",
    DATA
    + """
def unpack(theta):
    return theta[:12].reshape(3, 4), theta[12:].reshape(4, 2)

def objective(theta, X, T):
    A, B = unpack(theta)
    H = np.tanh(X @ A)
    R = H @ B - T
    J = 0.5 * np.sum(R * R)
    gB = H.T @ R
    gA = X.T @ ((R @ B.T) * (1 - H ** 2))
    return J, np.concatenate([gA.ravel(), gB.ravel()])

theta = rng.randn(20)
""",
    "check.loss, check.gradients = objective(theta, X, y)",
    "theta=theta",
    "theta",
)

program(
    "flat_gradient_of_matrices",
    DATA
    + """
class Net:
    def __init__(self):
        self.W1 = rng.randn(3, 3)
        self.W2 = rng.randn(3, 2)

    def cost(self, X, y):
        self.yHat = self.forward(X)
        return 0.5 * sum(sum((y - self.yHat) ** 2))

    def forward(self, X):
        self.z2 = np.dot(X, self.W1)
        self.a2 = self.sigmoid(self.z2)
        self.z3 = np.dot(self.a2, self.W2)
        return self.sigmoid(self.z3)

    @staticmethod
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def costPrime(self, X, y):
        prime = lambda z: np.exp(-z) / ((1 + np.exp(-z)) ** 2)
        self.yHat = self.forward(X)
        delta3 = np.multiply(-(y - self.yHat), prime(self.z3))
        dJdW2 = np.dot(self.a2.T, delta3)
        delta2 = np.dot(delta3, self.W2.T) * prime(self.z2)
        dJdW1 = np.dot(X.T, delta2)
        return dJdW1, dJdW2

    def computeGradients(self, X, y):
        dJdW1, dJdW2 = self.costPrime(X, y)
        return np.concatenate((dJdW1.ravel(), dJdW2.ravel()))

net = Net()
""",
    "check.loss = net.cost(X, y)\ncheck.gradients = net.computeGradients(X, y)",
    "net",
    "W1 W2",
)

program(
    "list_of_tuples",
    DATA
    + """
class MLP:
    def __init__(self, sizes):
        self.layers = [(rng.randn(a, b), np.zeros(b)) for a, b in zip(sizes, sizes[1:])]

    def loss_and_grads(self, x, t):
        acts = [x]
        for W, b in self.layers:
            acts.append(np.tanh(acts[-1] @ W + b))
        loss = np.mean((acts[-1] - t) ** 2)
        d = 2 * (acts[-1] - t) / t.size
        grads = []
        for (W, b), a_in, a_out in reversed(list(zip(self.layers, acts, acts[1:]))):
            d = d * (1 - a_out ** 2)
            grads.insert(0, (a_in.T @ d, d.sum(axis=0)))
            d = d @ W.T
        return loss, grads

mlp = MLP([3, 3, 2])
""",
    "check.loss, check.gradients = mlp.loss_and_grads(X, y)",
    "mlp",
    "layers[0][0] layers[0][1] layers[1][0] layers[1][1]",
)

program(
    "object_arrays",
    DATA
    + """
class Net:
    def __init__(self):
        self.weights = np.array([rng.randn(4, 3), rng.randn(2, 4)], dtype=object)

    def gradient(self, x, t):
        h = np.tanh(self.weights[0].dot(x))
        o = self.weights[1].dot(h)
        loss = 0.5 * np.sum((o - t) ** 2)
        d = o - t
        grads = np.array([np.zeros((4, 3)), np.zeros((2, 4))], dtype=object)
        grads[1] = d.dot(h.T)
        grads[0] = (self.weights[1].T.dot(d) * (1 - h * h)).dot(x.T)
        return loss, grads

net = Net()
""",
    "check.loss, check.gradients = net.gradient(X.T, y.T)",
    "net",
    "weights[0] weights[1]",
)

program(
    "vectorized_function",
    DATA
    + """
import math

def sigma(v):
    return 1.0 / (1.0 + math.exp(-v))

sigmoid = np.vectorize(sigma)

class Net:
    def __init__(self):
        self.w = rng.randn(3, 2)

    def predict(self, x):
        return sigmoid(np.dot(x, self.w))

net = Net()
""",
    """p = net.predict(X)
check.loss = 0.5 * np.sum((p - y) ** 2)
check.gradients = X.T @ ((p - y) * p * (1 - p))""",
    "net",
    "w",
)

program(
    "dataclass_and_properties",
    DATA
    + """
from dataclasses import dataclass, field

@dataclass
class Parameter:
    data: np.ndarray
    grad: np.ndarray = None

@dataclass
class Linear:
    weight: Parameter
    bias: Parameter

    @property
    def T(self):
        return self.weight.data.T

    def __call__(self, x):
        self.x = x
        return x @ self.weight.data + self.bias.data

    def backward(self, g):
        self.weight.grad = self.x.T @ g
        self.bias.grad = g.sum(0)
        return g @ self.T

model = [Linear(Parameter(rng.randn(n, m)), Parameter(rng.randn(m))) for n, m in ((3, 4), (4, 2))]
""",
    """h = model[0](X)
r = np.maximum(h, 0)
o = model[1](r)
check.loss = ((o - y) ** 2).mean()
g = model[1].backward(2 * (o - y) / o.size)
model[0].backward(g * (h > 0))""",
    "model",
    "model[0].weight.data model[0].bias.data model[1].weight.data model[1].bias.data",
)

program(
    "slots_and_inheritance",
    DATA
    + """
class Base:
    __slots__ = ("_Base__w", "gradient_w")

    def __init__(self, w):
        self.__w = w

    def out(self, x):
        return np.sin(x @ self.__w)

    def back(self, x, d):
        self.gradient_w = x.T @ (d * np.cos(x @ self.__w))
        return self.gradient_w

class Child(Base):
    __slots__ = ()

net = Child(rng.randn(3, 2))
""",
    "o = net.out(X)\ncheck.loss = np.sum((o - y) ** 2)\nnet.back(X, 2 * (o - y))",
    "net",
    "_Base__w",
)

program(
    "generators_decorators_deepcopy",
    DATA
    + """
import copy
import functools

def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        result = function(*args, **kwargs)
        print(f"{function.__name__}: {result[0]:.3f}")
        return result
    return wrapper

class Model:
    cache = {}

    def __init__(self):
        self.params = dict(a=rng.randn(3, 2), c=rng.randn(2))

    @logged
    def loss(self, x, t):
        params = copy.deepcopy(self.params)
        Model.cache["o"] = x @ params["a"] + params["c"]
        errors = (float(np.sum((o - u) ** 2)) for o, u in zip(Model.cache["o"], t))
        total = np.sum(e for e in errors)
        d = 2 * (Model.cache["o"] - t)
        return total, {"a": x.T @ d, "c": np.add.reduce(d, axis=0)}

model = Model()
""",
    "check.loss, check.gradients = model.loss(X, y)",
    "model",
    "params['a'] params['c']",
)

program(
    "embedding_with_add_at",
    DATA
    + """
table = rng.randn(5, 3)
V = rng.randn(3, 2)
words = np.array([1, 4, 1, 0])
goal = rng.rand(4, 2)

def step(words, goal):
    e = table[words]
    r = e @ V - goal
    loss = np.sum(r ** 2)
    dr = 2 * r
    dV = e.T @ dr
    dtable = np.zeros_like(table)
    np.add.at(dtable, words, dr @ V.T)
    return loss, dtable, dV
""",
    "loss, dtable, dV = step(words, goal)\ncheck.loss = loss\ncheck.gradients = dtable, dV",
    "table=table, V=V",
    "table V",
)

program(
    "recurrent_with_dict_of_states",
    DATA
    + """
Wxh, Whh, Why = rng.randn(4, 5) * 0.3, rng.randn(4, 4) * 0.3, rng.randn(5, 4) * 0.3
bh, by = np.zeros((4, 1)), np.zeros((5, 1))

def lossFun(inputs, targets, hprev):
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((5, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        ys[t] = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs) - 1]
""",
    """loss, dWxh, dWhh, dWhy, dbh, dby, hprev = lossFun([0, 2, 1], [2, 1, 4], np.zeros((4, 1)))
check.loss = loss
check.gradients = dWxh, dWhh, dWhy, dbh, dby""",
    "Wxh=Wxh, Whh=Whh, Why=Why, bh=bh, by=by",
    "Wxh Whh Why bh by",
)

program(
    "convolution_by_loops",
    DATA
    + """
class Conv:
    def __init__(self):
        self.filters = rng.randn(2, 3, 3) / 9

    def forward(self, image):
        self.image = image
        h, w = image.shape
        out = np.zeros((h - 2, w - 2, 2))
        for i in range(h - 2):
            for j in range(w - 2):
                out[i, j] = np.sum(image[i:i + 3, j:j + 3] * self.filters, axis=(1, 2))
        return out

    def backprop(self, d_out, rate):
        d_filters = np.zeros(self.filters.shape)
        for i in range(d_out.shape[0]):
            for j in range(d_out.shape[1]):
                for f in range(2):
                    d_filters[f] += d_out[i, j, f] * self.image[i:i + 3, j:j + 3]
        self.filters -= rate * d_filters

conv = Conv()
image = rng.rand(5, 6)
goal = rng.rand(3, 4, 2)
""",
    "out = conv.forward(image)\ncheck.loss = np.mean((out - goal) ** 2)\n"
    "conv.backprop(2 * (out - goal) / out.size, 0.1)",
    "conv",
    "filters",
)

program(
    "dropout_and_batch_normalisation",
    DATA
    + """
class Block:
    def __init__(self):
        self.gamma = rng.rand(3) + 0.5
        self.beta = rng.randn(3)
        self.running_mean = np.zeros(3)

    def forward(self, x, p=0.4):
        self.mu = x.mean(axis=0)
        self.xc = x - self.mu
        self.istd = 1.0 / np.sqrt(np.mean(self.xc ** 2, axis=0) + 1e-5)
        self.running_mean = 0.9 * self.running_mean + 0.1 * self.mu
        self.xhat = self.xc * self.istd
        self.mask = (np.random.rand(*x.shape) > p) / (1 - p)
        return (self.gamma * self.xhat + self.beta) * self.mask

    def backward(self, dout):
        dout = dout * self.mask
        self.dgamma = (dout * self.xhat).sum(axis=0)
        self.dbeta = dout.sum(axis=0)
        n = dout.shape[0]
        dxhat = dout * self.gamma
        return self.istd / n * (n * dxhat - dxhat.sum(axis=0) - self.xhat * (dxhat * self.xhat).sum(axis=0))

block = Block()
""",
    "out = block.forward(X)\ncheck.loss = np.sum(out ** 3)\nblock.backward(3 * out ** 2)",
    "block",
    "gamma beta",
)

program(
    "gradient_only_as_locals_of_a_step",
    DATA
    + """
class Regression:
    def __init__(self):
        self.W = rng.randn(3, 2)
        self.bias = np.zeros(2)

    def fit_once(self, X, T, lr=0.01):
        out = X.dot(self.W) + self.bias
        err = out - T
        self.W -= lr * 2 * X.T.dot(err) / len(X)
        self.bias -= lr * 2 * err.sum(axis=0) / len(X)
        return (err ** 2).sum() / len(X)

r = Regression()
""",
    "check.loss = r.fit_once(X, y)",
    "r",
    "W bias",
)

program(
    "momentum",
    DATA
    + """
class Net:
    def __init__(self):
        self.W = rng.randn(3, 2)
        self.vW = np.zeros((3, 2))

    def train_step(self, X, T, lr=0.1, mu=0.9):
        out = np.dot(X, self.W)
        loss = np.mean((out - T) ** 2)
        dW = np.dot(X.T, 2 * (out - T)) / T.size
        self.vW = mu * self.vW - lr * dW
        self.W += self.vW
        return loss

net = Net()
""",
    "check.loss = net.train_step(X, y)",
    "net",
    "W",
)

program(
    "integer_inputs",
    """
class Net:
    def __init__(self):
        np.random.seed(1)
        self.synapses = 2 * np.random.random((3, 1)) - 1

    def think(self, inputs):
        return 1 / (1 + np.exp(-np.dot(inputs, self.synapses)))

net = Net()
inputs = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1], [1, 1, 0]])
outputs = np.array([[0, 1, 1, 0, 1]]).T
""",
    """output = net.think(inputs)
check.loss_is("half squared error", output, outputs)
check.gradients = np.dot(inputs.T, (output - outputs) * output * (1 - output))""",
    "net",
    "synapses",
)

program(
    "probabilities_damaged_before_the_loss_is_named",
    DATA
    + """
W = rng.randn(3, 4)
b = np.zeros(4)
classes = np.array([0, 1, 3, 2, 1, 0])

def probabilities(X):
    scores = X @ W + b
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def gradients(X, probs, t):
    probs[range(len(t)), t] -= 1
    probs /= len(t)
    return {"W": X.T @ probs, "b": probs.sum(0)}
""",
    """probs = probabilities(X)
check.gradients = gradients(X, probs, classes)
check.loss_is("cross-entropy", probs, classes)""",
    "W=W, b=b",
    "W b",
)

program(
    "nested_objects_and_tuple_cache",
    DATA
    + """
class Holder:
    class Weights:
        def __init__(self):
            self.up = rng.randn(3, 4)
            self.down = rng.randn(4, 2)

    def __init__(self):
        self.weights = Holder.Weights()

def model_forward(m, x):
    a = x @ m.weights.up
    h = np.where(a > 0, a, 0.1 * a)
    return h @ m.weights.down, (x, a, h)

def model_backward(m, dout, cache):
    (x, a, h) = cache
    g = {}
    g["down"] = h.T @ dout
    dh = dout @ m.weights.down.T
    g["up"] = x.T @ (dh * np.where(a > 0, 1.0, 0.1))
    return g

m = Holder()
""",
    """out, cache = model_forward(m, X)
check.loss = 0.5 * ((out - y) ** 2).sum() / len(X)
check.gradients = model_backward(m, (out - y) / len(X), cache)""",
    "m",
    "weights.up weights.down",
)


program(
    "windows_by_strides",
    DATA
    + """
from numpy.lib.stride_tricks import as_strided

class Filter:
    def __init__(self):
        self.k = rng.randn(2, 2)

    def forward(self, x):
        n, m = x.shape
        self.cols = as_strided(x, shape=(n - 1, m - 1, 2, 2), strides=x.strides * 2)
        return np.einsum("ijab,ab->ij", self.cols, self.k)

    def backward(self, d):
        self.dk = np.einsum("ij,ijab->ab", d, self.cols)

net = Filter()
""",
    "out = net.forward(X)\ncheck.loss = np.sum(out ** 2)\nnet.backward(2 * out)",
    "net",
    "k",
)

program(
    "adam",
    DATA
    + """
class Net:
    def __init__(self):
        self.W = rng.randn(3, 2)
        self.m, self.v, self.t = np.zeros((3, 2)), np.zeros((3, 2)), 0

    def step(self, x, goal, learning_rate=0.01):
        out = x @ self.W
        g = 2 * x.T @ (out - goal)
        self.t += 1
        self.m = 0.9 * self.m + (1 - 0.9) * g
        self.v = 0.999 * self.v + (1 - 0.999) * g ** 2
        m_hat = self.m / (1 - 0.9 ** self.t)
        v_hat = self.v / (1 - 0.999 ** self.t)
        self.W -= learning_rate * m_hat / (np.sqrt(v_hat) + 1e-8)
        return np.sum((out - goal) ** 2)

net = Net()
""",
    "check.loss = net.step(X, y)",
    "net",
    "W",
)
