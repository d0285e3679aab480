"""Correct hand-written backprops of many conventions, as texts. Each defines `run(verify)`, which makes the check."""

from __future__ import annotations

PROGRAMS: dict[str, str] = {}

PROGRAMS["article"] = '''
"""A class with attributes; samples in rows; half the squared error."""
import numpy as np

class Network:
    def __init__(self, rng):
        self.w1 = rng.normal(size=(3, 4))
        self.w2 = rng.normal(size=(4, 5))
        self.w3 = rng.normal(size=(5, 2))

    def sigmoid(self, z):
        return 1 / (1 + np.exp(-z))

    def forward(self, X):
        self.z2 = np.dot(X, self.w1)
        self.a2 = self.sigmoid(self.z2)
        self.z3 = np.dot(self.a2, self.w2)
        self.a3 = self.sigmoid(self.z3)
        self.z4 = np.dot(self.a3, self.w3)
        return self.sigmoid(self.z4)

    def sigmoid_prime(self, z):
        return self.sigmoid(z) * (1 - self.sigmoid(z))

    def backward(self, X, y, p):
        delta4 = -(y - p) * p * (1 - p)
        dJdW3 = np.dot(self.a3.T, delta4)
        delta3 = np.dot(delta4, self.w3.T) * self.sigmoid_prime(self.z3)
        dJdW2 = np.dot(self.a2.T, delta3)
        delta2 = np.dot(delta3, self.w2.T) * self.a2 * (1 - self.a2)
        dJdW1 = np.dot(X.T, delta2)
        return dJdW1, dJdW2, dJdW3

def run(verify):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(7, 3)), rng.uniform(size=(7, 2))
    net = Network(rng)
    with verify(net) as check:
        p = net.forward(X)
        check.loss = np.sum(0.5 * (y - p) ** 2)
        check.gradients = net.backward(X, y, p)
    return check
'''

PROGRAMS["columns"] = '''
"""Dicts of parameters and caches; samples in columns; 1/m in each weight's gradient, so that the dZ are a sum's."""
import numpy as np

def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))

def forward_propagation(X, parameters):
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    Z1 = np.dot(W1, X) + b1
    A1 = np.maximum(Z1, 0)
    Z2 = np.dot(W2, A1) + b2
    A2 = np.tanh(Z2)
    Z3 = np.dot(W3, A2) + b3
    A3 = sigmoid(Z3)
    return A3, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2, "Z3": Z3, "A3": A3}

def compute_cost(A3, Y):
    m = Y.shape[1]
    logprobs = np.multiply(-np.log(A3), Y) + np.multiply(-np.log(1 - A3), 1 - Y)
    return np.sum(logprobs) / m

def backward_propagation(X, Y, cache, parameters):
    m = X.shape[1]
    A1, A2, A3, Z1 = cache["A1"], cache["A2"], cache["A3"], cache["Z1"]
    W2, W3 = parameters["W2"], parameters["W3"]
    dZ3 = A3 - Y
    dW3 = 1.0 / m * np.dot(dZ3, A2.T)
    db3 = 1.0 / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = np.dot(W3.T, dZ3)
    dZ2 = dA2 * (1 - np.power(A2, 2))
    dW2 = 1.0 / m * np.dot(dZ2, A1.T)
    db2 = 1.0 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dZ1 = np.multiply(dA1, np.int64(A1 > 0))
    dW1 = 1.0 / m * np.dot(dZ1, X.T)
    db1 = 1.0 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW3": dW3, "db3": db3, "dW2": dW2, "db2": db2, "dW1": dW1, "db1": db1}

def run(verify):
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(3, 8)), (rng.uniform(size=(1, 8)) > 0.5) * 1.0
    parameters = {
        "W1": rng.normal(size=(5, 3)), "b1": rng.normal(size=(5, 1)),
        "W2": rng.normal(size=(4, 5)), "b2": rng.normal(size=(4, 1)),
        "W3": rng.normal(size=(1, 4)), "b3": rng.normal(size=(1, 1)),
    }
    with verify(parameters) as check:
        A3, cache = forward_propagation(X, parameters)
        check.loss = compute_cost(A3, Y)
        check.gradients = backward_propagation(X, Y, cache, parameters)
    return check
'''

PROGRAMS["two_layer"] = '''
"""Loss and gradients in one function; softmax fused with cross-entropy; a penalty; 1/N at once."""
import numpy as np

def loss_and_grads(params, X, y, reg):
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    N = X.shape[0]
    hidden = X.dot(W1) + b1
    relu = np.maximum(0, hidden)
    scores = relu.dot(W2) + b2
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    exp_scores = np.exp(shifted)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    data_loss = np.sum(-np.log(probs[np.arange(N), y])) / N
    reg_loss = 0.5 * reg * np.sum(W1 * W1) + 0.5 * reg * np.sum(W2 * W2)
    loss = data_loss + reg_loss

    grads = {}
    dscores = probs.copy()
    dscores[np.arange(N), y] -= 1
    dscores /= N
    grads["W2"] = relu.T.dot(dscores)
    grads["b2"] = np.sum(dscores, axis=0)
    dhidden = dscores.dot(W2.T)
    dhidden[hidden <= 0] = 0
    grads["W1"] = X.T.dot(dhidden)
    grads["b1"] = np.sum(dhidden, axis=0)
    grads["W2"] += reg * W2
    grads["W1"] += reg * W1
    return loss, grads

def run(verify):
    rng = np.random.default_rng(2)
    np.random.seed(2)
    params = {"W1": rng.normal(size=(4, 5)), "b1": rng.normal(size=5), "W2": rng.normal(size=(5, 3)),
              "b2": rng.normal(size=3)}
    with verify(params) as check:
        X, y = np.random.randn(6, 4), np.array([0, 2, 1, 2, 0, 1])
        check.loss, check.gradients = loss_and_grads(params, X, y, 0.3)
    return check
'''

PROGRAMS["per_sample"] = '''
"""One sample at a time, as columns; layers counted from the end; sums over the batch by lists; averaged by nobody."""
import numpy as np

def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))

class Network:
    def __init__(self, sizes, rng):
        self.num_layers = len(sizes)
        self.biases = [rng.normal(size=(k, 1)) for k in sizes[1:]]
        self.weights = [rng.normal(size=(k, j)) for j, k in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(np.dot(w, a) + b)
        return a

    def cost(self, batch):
        total = 0.0
        for x, y in batch:
            total = total + 0.5 * np.sum((self.feedforward(x) - y) ** 2)
        return total

    def gradients(self, batch):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in batch:
            delta_nabla_b, delta_nabla_w = self.backprop(x, y)
            nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b)]
            nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w)]
        return nabla_b, nabla_w

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
        delta = self.cost_derivative(activations[-1], y) * sigmoid_prime(zs[-1])
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].transpose())
        for l in range(2, self.num_layers):
            z = zs[-l]
            sp = sigmoid_prime(z)
            delta = np.dot(self.weights[-l + 1].transpose(), delta) * sp
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
        return nabla_b, nabla_w

    def cost_derivative(self, output_activations, y):
        return output_activations - y

def run(verify):
    rng = np.random.default_rng(3)
    net = Network([3, 5, 4, 2], rng)
    batch = [(rng.normal(size=(3, 1)), rng.uniform(size=(2, 1))) for _ in range(3)]
    with verify(net) as check:
        check.loss = net.cost(batch)
        check.gradients = net.gradients(batch)
    return check
'''

PROGRAMS["batch_norm"] = '''
"""Batch normalisation step by step, between two linear layers; the cache is a tuple."""
import numpy as np

def batchnorm_forward(x, gamma, beta, eps=1e-5):
    N, D = x.shape
    mu = 1.0 / N * np.sum(x, axis=0)
    xmu = x - mu
    sq = xmu ** 2
    var = 1.0 / N * np.sum(sq, axis=0)
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    out = gamma * xhat + beta
    return out, (xhat, gamma, xmu, ivar, sqrtvar, var, eps)

def batchnorm_backward(dout, cache):
    xhat, gamma, xmu, ivar, sqrtvar, var, eps = cache
    N, D = dout.shape
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1.0 / (sqrtvar ** 2) * divar
    dvar = 0.5 * 1.0 / np.sqrt(var + eps) * dsqrtvar
    dsq = 1.0 / N * np.ones((N, D)) * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = 1.0 / N * np.ones((N, D)) * dmu
    dx = dx1 + dx2
    return dx, dgamma, dbeta

def run(verify):
    rng = np.random.default_rng(4)
    X, T = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    p = {"W": rng.normal(size=(3, 4)), "gamma": rng.normal(size=4), "beta": rng.normal(size=4),
         "V": rng.normal(size=(4, 2))}
    with verify(p) as check:
        h = X @ p["W"]
        out, cache = batchnorm_forward(h, p["gamma"], p["beta"])
        t = np.tanh(out)
        pred = t @ p["V"]
        check.loss = np.sum((pred - T) ** 2)
        dpred = 2 * (pred - T)
        dV = t.T @ dpred
        dt = dpred @ p["V"].T
        dout = dt * (1 - t ** 2)
        dh, dgamma, dbeta = batchnorm_backward(dout, cache)
        dW = X.T @ dh
        check.gradients = {"W": dW, "gamma": dgamma, "beta": dbeta, "V": dV}
    return check
'''

PROGRAMS["batch_norm_short"] = '''
"""Batch normalisation with the backward pass simplified to one line."""
import numpy as np

class BatchNorm:
    def __init__(self, dim, rng):
        self.gamma = rng.normal(size=dim)
        self.beta = rng.normal(size=dim)
        self.eps = 1e-5

    def forward(self, x):
        self.mean = x.mean(axis=0)
        self.var = x.var(axis=0)
        self.std = np.sqrt(self.var + self.eps)
        self.xhat = (x - self.mean) / self.std
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        m = dout.shape[0]
        self.dbeta = dout.sum(axis=0)
        self.dgamma = (dout * self.xhat).sum(axis=0)
        dxhat = dout * self.gamma
        dx = (m * dxhat - dxhat.sum(axis=0) - self.xhat * (dxhat * self.xhat).sum(axis=0)) / (m * self.std)
        return dx

class Model:
    def __init__(self, rng):
        self.W = rng.normal(size=(3, 4))
        self.bn = BatchNorm(4, rng)

    def forward(self, X):
        self.X = X
        return np.tanh(self.bn.forward(X @ self.W))

    def backward(self, out, dout):
        dz = dout * (1 - out ** 2)
        dh = self.bn.backward(dz)
        self.dW = self.X.T @ dh

def run(verify):
    rng = np.random.default_rng(5)
    X, T = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    model = Model(rng)
    with verify(model) as check:
        out = model.forward(X)
        check.loss = 0.5 * np.sum((out - T) ** 2)
        model.backward(out, out - T)
        check.gradients = {"W": model.dW, "bn.gamma": model.bn.dgamma, "bn.beta": model.bn.dbeta}
    return check
'''

PROGRAMS["rnn"] = '''
"""A character RNN: columns, dicts keyed by time, the gradient of h carried from step to step."""
import numpy as np

def lossFun(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    vocab_size = Wxh.shape[1]
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((vocab_size, 1))
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
    return loss, dWxh, dWhh, dWhy, dbh, dby

def run(verify):
    rng = np.random.default_rng(6)
    p = {"Wxh": rng.normal(size=(4, 5)), "Whh": rng.normal(size=(4, 4)), "Why": rng.normal(size=(5, 4)),
         "bh": rng.normal(size=(4, 1)), "by": rng.normal(size=(5, 1))}
    with verify(p) as check:
        h = rng.normal(size=(4, 1))
        loss, *grads = lossFun([3, 1, 3], [1, 3, 2], h, p["Wxh"], p["Whh"], p["Why"], p["bh"], p["by"])
        check.loss = loss
        check.gradients = grads
    return check
'''

PROGRAMS["lstm"] = '''
"""An LSTM through time, samples in rows, the four gates apart; gradients on the object."""
import numpy as np

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

class LSTM:
    def __init__(self, D, H, rng):
        self.Wf = rng.normal(size=(D + H, H)) * 0.5
        self.Wi = rng.normal(size=(D + H, H)) * 0.5
        self.Wo = rng.normal(size=(D + H, H)) * 0.5
        self.Wg = rng.normal(size=(D + H, H)) * 0.5
        self.bf, self.bi = rng.normal(size=H), rng.normal(size=H)
        self.bo, self.bg = rng.normal(size=H), rng.normal(size=H)

    def forward(self, X, h, c):
        self.cache = []
        outputs = []
        for t in range(X.shape[1]):
            z = np.concatenate([X[:, t], h], axis=1)
            f = sigmoid(z @ self.Wf + self.bf)
            i = sigmoid(z @ self.Wi + self.bi)
            o = sigmoid(z @ self.Wo + self.bo)
            g = np.tanh(z @ self.Wg + self.bg)
            c_prev = c
            c = f * c_prev + i * g
            tc = np.tanh(c)
            h = o * tc
            outputs.append(h)
            self.cache.append((z, f, i, o, g, c_prev, tc))
        return outputs

    def backward(self, dhs):
        D = self.Wf.shape[0] - self.bf.shape[0]
        dWf, dWi, dWo, dWg = [np.zeros_like(self.Wf) for _ in range(4)]
        dbf, dbi, dbo, dbg = [np.zeros_like(self.bf) for _ in range(4)]
        dh_next = np.zeros_like(dhs[0])
        dc_next = np.zeros_like(dhs[0])
        for t in reversed(range(len(dhs))):
            z, f, i, o, g, c_prev, tc = self.cache[t]
            dh = dhs[t] + dh_next
            do = dh * tc * o * (1 - o)
            dc = dc_next + dh * o * (1 - tc ** 2)
            df = dc * c_prev * f * (1 - f)
            di = dc * g * i * (1 - i)
            dg = dc * i * (1 - g ** 2)
            dWf += z.T @ df
            dWi += z.T @ di
            dWo += z.T @ do
            dWg += z.T @ dg
            dbf += df.sum(axis=0)
            dbi += di.sum(axis=0)
            dbo += do.sum(axis=0)
            dbg += dg.sum(axis=0)
            dz = df @ self.Wf.T + di @ self.Wi.T + do @ self.Wo.T + dg @ self.Wg.T
            dh_next = dz[:, D:]
            dc_next = dc * f
        return {"Wf": dWf, "Wi": dWi, "Wo": dWo, "Wg": dWg, "bf": dbf, "bi": dbi, "bo": dbo, "bg": dbg}

def run(verify):
    rng = np.random.default_rng(7)
    X, T = rng.normal(size=(5, 2, 3)), rng.normal(size=(2, 5, 4))
    net = LSTM(3, 4, rng)
    with verify(net) as check:
        hs = net.forward(X, np.zeros((5, 4)), np.zeros((5, 4)))
        check.loss = sum(np.sum((hs[t] - T[t]) ** 2) for t in range(2)) / 2
        check.gradients = net.backward([hs[t] - T[t] for t in range(2)])
    return check
'''

PROGRAMS["convolution"] = '''
"""A convolution and overlapping max-pooling by loops, then a linear layer; forward and backward of each apart."""
import numpy as np

def conv_forward(x, w, b):
    N, C, H, W = x.shape
    F, _, k, _ = w.shape
    out = np.zeros((N, F, H - k + 1, W - k + 1))
    for i in range(H - k + 1):
        for j in range(W - k + 1):
            patch = x[:, :, i:i + k, j:j + k]
            for f in range(F):
                out[:, f, i, j] = np.sum(patch * w[f], axis=(1, 2, 3)) + b[f]
    return out

def conv_backward(dout, x, w):
    N, C, H, W = x.shape
    F, _, k, _ = w.shape
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    db = np.sum(dout, axis=(0, 2, 3))
    for i in range(H - k + 1):
        for j in range(W - k + 1):
            patch = x[:, :, i:i + k, j:j + k]
            for f in range(F):
                dw[f] += np.sum(patch * dout[:, f, i, j][:, None, None, None], axis=0)
                dx[:, :, i:i + k, j:j + k] += w[f] * dout[:, f, i, j][:, None, None, None]
    return dx, dw, db

def pool_forward(x, size, stride):
    N, C, H, W = x.shape
    h = (H - size) // stride + 1
    w = (W - size) // stride + 1
    out = np.zeros((N, C, h, w))
    for i in range(h):
        for j in range(w):
            window = x[:, :, i * stride:i * stride + size, j * stride:j * stride + size]
            out[:, :, i, j] = np.max(window, axis=(2, 3))
    return out

def pool_backward(dout, x, size, stride):
    dx = np.zeros_like(x)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            window = x[:, :, i * stride:i * stride + size, j * stride:j * stride + size]
            mask = window == np.max(window, axis=(2, 3), keepdims=True)
            rows, columns = slice(i * stride, i * stride + size), slice(j * stride, j * stride + size)
            dx[:, :, rows, columns] += mask * dout[:, :, i, j][:, :, None, None]
    return dx

def run(verify):
    rng = np.random.default_rng(8)
    x, T = rng.normal(size=(2, 1, 5, 5)), rng.normal(size=(2, 3))
    p = {"k1": rng.normal(size=(2, 1, 2, 2)), "c1": rng.normal(size=2), "k2": rng.normal(size=(2, 2, 2, 2)),
         "c2": rng.normal(size=2), "W": rng.normal(size=(8, 3))}
    with verify(p) as check:
        z1 = conv_forward(x, p["k1"], p["c1"])
        a1 = np.maximum(z1, 0)
        z2 = conv_forward(a1, p["k2"], p["c2"])
        m = pool_forward(z2, 2, 1)
        flat = m.reshape(2, -1)
        out = flat @ p["W"]
        check.loss = 0.5 * np.sum((out - T) ** 2)
        dout = out - T
        dW = flat.T @ dout
        dm = (dout @ p["W"].T).reshape(m.shape)
        dz2 = pool_backward(dm, z2, 2, 1)
        da1, dk2, dc2 = conv_backward(dz2, a1, p["k2"])
        dz1 = da1 * (z1 > 0)
        _, dk1, dc1 = conv_backward(dz1, x, p["k1"])
        check.gradients = dict(k1=dk1, c1=dc1, k2=dk2, c2=dc2, W=dW)
    return check
'''
PROGRAMS["embedding"] = '''
"""Words that repeat: rows looked up, averaged, and a softmax over them."""
import numpy as np

class Bag:
    def __init__(self, rng):
        self.E = rng.normal(size=(7, 4))
        self.W = rng.normal(size=(4, 3))
        self.b = rng.normal(size=(3,))

    def forward(self, words):
        self.words = words
        self.vectors = self.E[words]
        self.mean = self.vectors.mean(axis=1)
        self.logits = self.mean @ self.W + self.b
        e = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        self.probs = e / e.sum(axis=1, keepdims=True)
        return self.probs

    def loss(self, labels):
        return -np.log(self.probs[range(len(labels)), labels]).mean()

    def backward(self, labels):
        n = len(labels)
        grad_logits = self.probs.copy()
        grad_logits[range(n), labels] -= 1
        grad_logits = grad_logits / n
        self.grad_W = self.mean.T @ grad_logits
        self.grad_b = grad_logits.sum(axis=0)
        grad_mean = grad_logits @ self.W.T
        count = self.words.shape[1]
        grad_vectors = np.repeat(grad_mean[:, None, :], count, axis=1) / count
        self.grad_E = np.zeros_like(self.E)
        np.add.at(self.grad_E, self.words, grad_vectors)

def run(verify):
    rng = np.random.default_rng(9)
    words = np.array([[0, 2, 2, 5, 1], [2, 3, 3, 3, 6], [1, 1, 0, 4, 2], [6, 6, 5, 5, 0]])
    bag = Bag(rng)
    labels = np.array([0, 2, 1, 2])
    with verify(bag) as check:
        bag.forward(words)
        check.loss = bag.loss(labels)
        bag.backward(labels)
        check.gradients = {"E": bag.grad_E, "W": bag.grad_W, "b": bag.grad_b}
    return check
'''

PROGRAMS["attention"] = '''
"""One head of attention over a batch of sequences; the softmax's own backward; residual and output matrix."""
import numpy as np

def softmax(s):
    e = np.exp(s - np.max(s, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)

class Attention:
    def __init__(self, d, rng):
        self.Wq, self.Wk, self.Wv, self.Wo = (rng.normal(size=(d, d)) for _ in range(4))
        self.scale = 1 / np.sqrt(d)

    def forward(self, x):
        self.x = x
        self.q = x @ self.Wq
        self.k = x @ self.Wk
        self.v = x @ self.Wv
        self.scores = self.q @ self.k.transpose(0, 2, 1) * self.scale
        self.weights = softmax(self.scores)
        self.context = self.weights @ self.v
        return x + self.context @ self.Wo

    def backward(self, dout):
        d = dout.shape[-1]
        dcontext = dout @ self.Wo.T
        dWo = self.context.reshape(-1, d).T @ dout.reshape(-1, d)
        dweights = dcontext @ self.v.transpose(0, 2, 1)
        dv = self.weights.transpose(0, 2, 1) @ dcontext
        dscores = self.weights * (dweights - np.sum(dweights * self.weights, axis=-1, keepdims=True))
        dq = dscores @ self.k * self.scale
        dk = dscores.transpose(0, 2, 1) @ self.q * self.scale
        flat = self.x.reshape(-1, d)
        dWq = flat.T @ dq.reshape(-1, d)
        dWk = flat.T @ dk.reshape(-1, d)
        dWv = flat.T @ dv.reshape(-1, d)
        dx = dout + dq @ self.Wq.T + dk @ self.Wk.T + dv @ self.Wv.T
        return dx, dWq, dWk, dWv, dWo

class Model:
    def __init__(self, rng):
        self.embed = rng.normal(size=(3, 4))
        self.attention = Attention(4, rng)

def run(verify):
    rng = np.random.default_rng(10)
    tokens, T = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5, 4))
    model = Model(rng)
    with verify(model) as check:
        x = tokens @ model.embed
        out = model.attention.forward(x)
        check.loss = 0.5 * np.sum((out - T) ** 2)
        dx, dWq, dWk, dWv, dWo = model.attention.backward(out - T)
        dembed = np.einsum("nsi,nsj->ij", tokens, dx)
        check.gradients = {"embed": dembed, "attention.Wq": dWq, "attention.Wk": dWk, "attention.Wv": dWv,
                           "attention.Wo": dWo}
    return check
'''

PROGRAMS["layer_norm"] = '''
"""Layer normalisation of sequences, with a residual connection around it."""
import numpy as np

def layernorm_forward(x, gain, bias, eps=1e-6):
    mean = x.mean(axis=-1, keepdims=True)
    centred = x - mean
    rstd = 1 / np.sqrt((centred ** 2).mean(axis=-1, keepdims=True) + eps)
    norm = centred * rstd
    return norm * gain + bias, (norm, rstd, gain)

def layernorm_backward(dout, cache):
    norm, rstd, gain = cache
    dbias = dout.sum(axis=(0, 1))
    dgain = (dout * norm).sum(axis=(0, 1))
    dnorm = dout * gain
    dx = dnorm - dnorm.mean(axis=-1, keepdims=True) - norm * (dnorm * norm).mean(axis=-1, keepdims=True)
    dx *= rstd
    return dx, dgain, dbias

def run(verify):
    rng = np.random.default_rng(11)
    tokens, T = rng.normal(size=(3, 5, 2)), rng.normal(size=(3, 5, 4))
    p = {"W": rng.normal(size=(2, 4)), "gain": rng.normal(size=4), "bias": rng.normal(size=4)}
    with verify(p) as check:
        x = tokens @ p["W"]
        h, cache = layernorm_forward(x, p["gain"], p["bias"])
        y = x + np.tanh(h)
        check.loss = ((y - T) ** 2).sum() / 2
        dy = y - T
        dh = dy * (1 - np.tanh(h) ** 2)
        dnormed, dgain, dbias = layernorm_backward(dh, cache)
        dx = dy + dnormed
        dW = np.tensordot(tokens, dx, axes=([0, 1], [0, 1]))
        check.gradients = {"W": dW, "gain": dgain, "bias": dbias}
    return check
'''

PROGRAMS["dropout"] = '''
"""Inverted dropout with a mask, drawn in the forward pass; leaky ReLU; mean squared error."""
import numpy as np

class Net:
    def __init__(self, rng):
        self.W1, self.b1 = rng.normal(size=(4, 6)), rng.normal(size=6)
        self.W2, self.b2 = rng.normal(size=(6, 3)), rng.normal(size=3)
        self.p = 0.4

    def forward(self, x, train=True):
        self.x = x
        self.z1 = x @ self.W1 + self.b1
        self.a1 = np.where(self.z1 > 0, self.z1, 0.1 * self.z1)
        if train:
            self.mask = (np.random.rand(*self.a1.shape) > self.p) / (1 - self.p)
            self.d1 = self.a1 * self.mask
        else:
            self.d1 = self.a1
        self.out = self.d1 @ self.W2 + self.b2
        return self.out

    def backward(self, y):
        n, k = y.shape
        dout = 2 * (self.out - y) / (n * k)
        dW2 = self.d1.T @ dout
        db2 = np.sum(dout, axis=0)
        dd1 = dout @ self.W2.T
        da1 = dd1 * self.mask
        dz1 = da1 * np.where(self.z1 > 0, 1, 0.1)
        dW1 = self.x.T @ dz1
        db1 = np.sum(dz1, axis=0)
        return dW1, db1, dW2, db2

def run(verify):
    rng = np.random.default_rng(12)
    np.random.seed(12)
    x, y = rng.normal(size=(7, 4)), rng.normal(size=(7, 3))
    net = Net(rng)
    with verify(net) as check:
        out = net.forward(x)
        check.loss = np.mean((out - y) ** 2)
        check.gradients = net.backward(y)
    return check
'''

PROGRAMS["ridge"] = '''
"""Linear regression with a penalty on the weights and not on the bias."""
import numpy as np

def cost(theta, X, y, lam):
    n = len(y)
    residual = X @ theta["w"] + theta["b"] - y
    return np.sum(residual ** 2) / (2 * n) + lam * np.sum(theta["w"] ** 2)

def gradient(theta, X, y, lam):
    n = len(y)
    error = X @ theta["w"] + theta["b"] - y
    grad_w = X.T @ error / n + 2 * lam * theta["w"]
    grad_b = np.sum(error) / n
    return {"w": grad_w, "b": grad_b}

def run(verify):
    rng = np.random.default_rng(13)
    X, y = rng.normal(size=(9, 4)), rng.normal(size=9)
    theta = {"w": rng.normal(size=4), "b": rng.normal(size=1)}
    with verify(theta) as check:
        check.loss = cost(theta, X, y, 0.1)
        check.gradients = gradient(theta, X, y, 0.1)
    return check
'''

PROGRAMS["logistic"] = '''
"""Logistic regression: one function for the cost and the gradient, the penalty without the first weight."""
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

class LogisticRegression:
    def __init__(self, rng):
        self.theta = rng.normal(size=(5, 1))

    def cost_and_gradient(self, X, y, lambda_):
        m = y.shape[0]
        h = sigmoid(X @ self.theta)
        penalised = np.copy(self.theta)
        penalised[0] = 0
        J = np.sum(-y * np.log(h) - (1 - y) * np.log(1 - h)) / m + lambda_ / (2 * m) * np.sum(self.theta[1:] ** 2)
        grad = X.T @ (h - y) / m + lambda_ / m * penalised
        return J, grad

def run(verify):
    rng = np.random.default_rng(14)
    X = np.hstack([np.ones((8, 1)), rng.normal(size=(8, 4))])
    y = (rng.uniform(size=(8, 1)) > 0.5).astype(float)
    model = LogisticRegression(rng)
    with verify(model) as check:
        J, grad = model.cost_and_gradient(X, y, 1.5)
        check.loss = J
        check.gradients = {"theta": grad}
    return check
'''

PROGRAMS["svm"] = '''
"""A linear classifier with the hinge loss, vectorised, with a penalty."""
import numpy as np

def svm_loss(W, X, y, reg):
    num_train = X.shape[0]
    scores = X.dot(W)
    correct = scores[np.arange(num_train), y].reshape(-1, 1)
    margins = np.maximum(0, scores - correct + 1)
    margins[np.arange(num_train), y] = 0
    loss = np.sum(margins) / num_train
    loss += reg * np.sum(W * W)
    binary = np.zeros(margins.shape)
    binary[margins > 0] = 1
    row_sum = np.sum(binary, axis=1)
    binary[np.arange(num_train), y] = -row_sum
    dW = X.T.dot(binary) / num_train
    dW += 2 * reg * W
    return loss, dW

def run(verify):
    rng = np.random.default_rng(15)
    np.random.seed(15)
    params = {"W": rng.normal(size=(4, 3))}
    with verify(params) as check:
        X, y = np.random.randn(9, 4), np.array([0, 1, 2, 1, 0, 2, 2, 1, 0])
        loss, dW = svm_loss(params["W"], X, y, 0.2)
        check.loss = loss
        check.gradients = {"W": dW}
    return check
'''

PROGRAMS["updating"] = '''
"""The weights are changed inside the backward pass, each after its last use; the gradients are kept."""
import numpy as np

class Net:
    def __init__(self, rng, rate=0.1):
        self.rate = rate
        self.wih = rng.normal(size=(5, 3))
        self.who = rng.normal(size=(2, 5))

    def query(self, inputs):
        self.hidden = 1 / (1 + np.exp(-(self.wih @ inputs)))
        self.final = 1 / (1 + np.exp(-(self.who @ self.hidden)))
        return self.final

    def train(self, inputs, targets):
        output_errors = self.final - targets
        output_delta = output_errors * self.final * (1.0 - self.final)
        hidden_errors = np.dot(self.who.T, output_delta)
        self.grad_who = np.dot(output_delta, self.hidden.T)
        self.who -= self.rate * self.grad_who
        hidden_delta = hidden_errors * self.hidden * (1.0 - self.hidden)
        self.grad_wih = np.dot(hidden_delta, inputs.T)
        self.wih -= self.rate * self.grad_wih

def run(verify):
    rng = np.random.default_rng(16)
    inputs, targets = rng.normal(size=(3, 6)), rng.uniform(size=(2, 6))
    net = Net(rng)
    with verify(net) as check:
        out = net.query(inputs)
        check.loss = 0.5 * np.sum((out - targets) ** 2)
        net.train(inputs, targets)
        check.gradients = {"wih": net.grad_wih, "who": net.grad_who}
    return check
'''

PROGRAMS["layers"] = '''
"""Objects with forward and backward in a list; gradients are added up over two halves of the batch."""
import numpy as np

class Linear:
    def __init__(self, n_in, n_out, rng):
        self.W = rng.normal(size=(n_in, n_out))
        self.b = rng.normal(size=(1, n_out))
        self.zero_grad()

    def zero_grad(self):
        self.dW = np.zeros((self.W.shape[0], self.W.shape[1]))
        self.db = np.zeros((1, self.W.shape[1]))

    def forward(self, x):
        self.input = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW += self.input.T @ grad
        self.db += np.sum(grad, axis=0, keepdims=True)
        return grad @ self.W.T

class ReLU:
    def forward(self, x):
        self.output = np.maximum(x, 0)
        return self.output

    def backward(self, grad):
        return grad * (self.output > 0)

class Softplus:
    def forward(self, x):
        self.input = x
        return np.log(1 + np.exp(x))

    def backward(self, grad):
        return grad / (1 + np.exp(-self.input))

class Model:
    def __init__(self, rng):
        self.layers = [Linear(3, 5, rng), ReLU(), Linear(5, 4, rng), Softplus(), Linear(4, 2, rng)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

def run(verify):
    rng = np.random.default_rng(17)
    X, Y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    model = Model(rng)
    with verify(model) as check:
        total = 0
        for rows in (slice(0, 5), slice(5, 8)):
            out = model.forward(X[rows])
            total = total + 0.5 * np.sum((out - Y[rows]) ** 2)
            model.backward(out - Y[rows])
        check.loss = total
        check.gradients = {f"layers[{i}].{n}": getattr(model.layers[i], "d" + n) for i in (0, 2, 4) for n in "Wb"}
    return check
'''

PROGRAMS["softmax_apart"] = '''
"""Softmax and cross-entropy apart: the softmax's Jacobian, sample by sample."""
import numpy as np

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def softmax_backward(dout, s):
    dz = np.zeros_like(s)
    for n in range(len(s)):
        jacobian = np.diag(s[n]) - np.outer(s[n], s[n])
        dz[n] = jacobian @ dout[n]
    return dz

def cross_entropy(p, t):
    return -np.sum(t * np.log(p)) / len(p)

def cross_entropy_backward(p, t):
    return -t / p / len(p)

class Classifier:
    def __init__(self, rng):
        self.W1 = rng.normal(size=(3, 6))
        self.b1 = rng.normal(size=6)
        self.W2 = rng.normal(size=(6, 4))
        self.b2 = rng.normal(size=4)

    def forward(self, X):
        self.h = np.tanh(X @ self.W1 + self.b1)
        self.z = self.h @ self.W2 + self.b2
        self.p = softmax(self.z)
        return self.p

    def backward(self, X, T):
        dp = cross_entropy_backward(self.p, T)
        dz = softmax_backward(dp, self.p)
        dW2 = self.h.T @ dz
        db2 = dz.sum(0)
        dh = dz @ self.W2.T
        dpre = dh * (1 - self.h ** 2)
        dW1 = X.T @ dpre
        db1 = dpre.sum(0)
        return [dW1, db1, dW2, db2]

def run(verify):
    rng = np.random.default_rng(18)
    X, T = rng.normal(size=(5, 3)), np.eye(4)[[0, 2, 1, 3, 2]]
    model = Classifier(rng)
    with verify(model) as check:
        p = model.forward(X)
        check.loss = cross_entropy(p, T)
        check.gradients = model.backward(X, T)
    return check
'''

PROGRAMS["neuron_loops"] = '''
"""No matrix products: a loop over samples, units and weights."""
import numpy as np

def act(x):
    return 1 / (1 + np.exp(-x))

def forward(x, w1, w2):
    h = np.zeros(w1.shape[1])
    for j in range(w1.shape[1]):
        s = 0.0
        for i in range(w1.shape[0]):
            s = s + x[i] * w1[i, j]
        h[j] = act(s)
    o = np.zeros(w2.shape[1])
    for k in range(w2.shape[1]):
        o[k] = act(np.sum(h * w2[:, k]))
    return h, o

def cost(X, Y, w1, w2):
    total = 0.0
    for x, y in zip(X, Y):
        h, o = forward(x, w1, w2)
        total = total + 1 / 2 * np.sum((y - o) ** 2)
    return total

def backprop(X, Y, w1, w2):
    g1, g2 = np.zeros(w1.shape), np.zeros(w2.shape)
    for x, y in zip(X, Y):
        h, o = forward(x, w1, w2)
        delta_out = np.zeros(len(o))
        for k in range(len(o)):
            delta_out[k] = (o[k] - y[k]) * o[k] * (1 - o[k])
        delta_hid = np.zeros(len(h))
        for j in range(len(h)):
            error = np.sum(delta_out * w2[j])
            delta_hid[j] = error * h[j] * (1 - h[j])
        for k in range(len(o)):
            for j in range(len(h)):
                g2[j, k] += delta_out[k] * h[j]
        for j in range(len(h)):
            for i in range(len(x)):
                g1[i, j] += delta_hid[j] * x[i]
    return g1, g2

def run(verify):
    rng = np.random.default_rng(19)
    X, Y = rng.normal(size=(2, 3)), rng.uniform(size=(2, 2))
    p = {"w1": rng.normal(size=(3, 4)), "w2": rng.normal(size=(4, 2))}
    with verify(p) as check:
        check.loss = cost(X, Y, p["w1"], p["w2"])
        check.gradients = backprop(X, Y, p["w1"], p["w2"])
    return check
'''

PROGRAMS["autoencoder"] = '''
"""Tied weights: the decoder is the encoder transposed, so that the weight has two gradients, added up."""
import numpy as np

class Autoencoder:
    def __init__(self, rng):
        self.W = rng.normal(size=(4, 3))
        self.b = rng.normal(size=3)
        self.c = rng.normal(size=4)

    def forward(self, X):
        self.code = np.tanh(X @ self.W + self.b)
        self.recon = self.code @ self.W.T + self.c
        return self.recon

    def backward(self, X):
        n = X.shape[0]
        err = (self.recon - X) / n
        gc = err.sum(axis=0)
        gW = err.T @ self.code
        dcode = err @ self.W
        dpre = dcode * (1 - self.code ** 2)
        gb = dpre.sum(axis=0)
        gW += X.T @ dpre
        return {"W": gW, "b": gb, "c": gc}

def run(verify):
    rng = np.random.default_rng(20)
    X = rng.normal(size=(6, 4))
    model = Autoencoder(rng)
    with verify(model) as check:
        recon = model.forward(X)
        check.loss = np.sum((recon - X) ** 2) / (2 * len(X))
        check.gradients = model.backward(X)
    return check
'''

PROGRAMS["ascent"] = '''
"""Deltas point uphill: target minus output, and the update adds them."""
import numpy as np

def nonlin(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))

class Trainer:
    def __init__(self, rng):
        self.syn0 = 2 * rng.random((3, 4)) - 1
        self.syn1 = 2 * rng.random((4, 2)) - 1

    def forward(self, X):
        self.l1 = nonlin(np.dot(X, self.syn0))
        self.l2 = nonlin(np.dot(self.l1, self.syn1))

    def steps(self, X, y):
        l2_error = y - self.l2
        l2_delta = l2_error * nonlin(self.l2, deriv=True)
        l1_error = l2_delta.dot(self.syn1.T)
        l1_delta = l1_error * nonlin(self.l1, deriv=True)
        step1 = self.l1.T.dot(l2_delta)
        step0 = X.T.dot(l1_delta)
        return step0, step1

    def train(self, X, y):
        self.forward(X)
        step0, step1 = self.steps(X, y)
        self.syn1 += step1
        self.syn0 += step0

def run(verify):
    rng = np.random.default_rng(21)
    X, y = rng.normal(size=(6, 3)), rng.uniform(size=(6, 2))
    net = Trainer(rng)
    with verify(net) as check:
        net.forward(X)
        check.loss = np.sum((y - net.l2) ** 2) / 2
        step0, step1 = net.steps(X, y)
        check.gradients = {"syn0": step0, "syn1": step1}
    return check
'''

PROGRAMS["deep"] = '''
"""Any number of layers in lists of dicts; the last layer is treated apart; the update divides by the batch."""
import numpy as np

class DeepNet:
    def __init__(self, sizes, rng):
        pairs = zip(sizes[:-1], sizes[1:])
        self.layers = [{"W": rng.normal(size=(b, a)), "b": rng.normal(size=(b, 1))} for a, b in pairs]

    def sigma(self, z):
        return 1.0 / (1.0 + np.exp(-z))

    def sigma_from_output(self, a):
        return a * (1.0 - a)

    def forward(self, X):
        self.A = [X]
        for layer in self.layers:
            self.A.append(self.sigma(layer["W"] @ self.A[-1] + layer["b"]))
        return self.A[-1]

    def backward(self, Y):
        L = len(self.layers)
        dW, db = [None] * L, [None] * L
        for l in reversed(range(L)):
            if l == L - 1:
                delta = (self.A[-1] - Y) * self.sigma_from_output(self.A[-1])
            else:
                delta = (self.layers[l + 1]["W"].T @ delta) * self.sigma_from_output(self.A[l + 1])
            dW[l] = delta @ self.A[l].T
            db[l] = np.sum(delta, axis=1, keepdims=True)
        return dW, db

    def step(self, X, Y, rate):
        self.forward(X)
        dW, db = self.backward(Y)
        for layer, gw, gb in zip(self.layers, dW, db):
            layer["W"] -= rate * gw / X.shape[1]
            layer["b"] -= rate * gb / X.shape[1]

def run(verify):
    rng = np.random.default_rng(22)
    X, Y = rng.normal(size=(3, 7)), rng.uniform(size=(2, 7))
    net = DeepNet([3, 5, 4, 2], rng)
    with verify(net) as check:
        out = net.forward(X)
        check.loss = np.sum((out - Y) ** 2) / (2 * X.shape[1])
        dW, db = net.backward(Y)
        check.gradients = {f"layers[{i}][{n!r}]": g for i in range(3) for n, g in (("W", dW[i]), ("b", db[i]))}
    return check
'''

PROGRAMS["graph_of_values"] = '''
"""A value that several others use: its gradients are added up, one reader after the other."""
import numpy as np

def forward(p, x):
    u = x @ p["A"]
    s = np.sin(u)
    e = np.exp(-u ** 2)
    m = s * e
    q = m + 0.5 * u
    out = q @ p["B"] + p["c"]
    return u, s, e, m, q, out

def backward(p, x, values, grad_out):
    u, s, e, m, q, out = values
    grads = {}
    grads["c"] = np.sum(grad_out, axis=0)
    grads["B"] = q.T @ grad_out
    dq = grad_out @ p["B"].T
    dm = dq
    ds = dm * e
    de = dm * s
    du = 0.5 * dq
    du = du + ds * np.cos(u)
    du = du + de * e * (-2 * u)
    grads["A"] = x.T @ du
    return grads

def run(verify):
    rng = np.random.default_rng(23)
    x, t = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    p = {"A": rng.normal(size=(3, 4)), "B": rng.normal(size=(4, 2)), "c": rng.normal(size=2)}
    with verify(p) as check:
        values = forward(p, x)
        out = values[-1]
        check.loss = np.mean(np.sum((out - t) ** 2, axis=1))
        check.gradients = backward(p, x, values, 2 * (out - t) / len(x))
    return check
'''

PROGRAMS["grid"] = '''
"""Whole numbers as inputs, as pixels are; flat features; binary cross-entropy over several outputs."""
import numpy as np

class Pixels:
    def __init__(self, rng):
        self.W1 = rng.normal(size=(6, 5)) * 0.1
        self.b1 = rng.normal(size=5)
        self.W2 = rng.normal(size=(5, 3))
        self.b2 = rng.normal(size=3)

    def forward(self, X):
        self.X = X
        self.H = np.tanh(X @ self.W1 + self.b1)
        self.P = 1 / (1 + np.exp(-(self.H @ self.W2 + self.b2)))
        return self.P

    def loss(self, Y):
        return -np.mean(Y * np.log(self.P) + (1 - Y) * np.log(1 - self.P))

    def backward(self, Y):
        batch, outputs = Y.shape
        dP = (self.P - Y) / (self.P * (1 - self.P)) / (batch * outputs)
        dZ2 = dP * self.P * (1 - self.P)
        dW2 = self.H.T @ dZ2
        db2 = dZ2.sum(axis=0)
        dH = dZ2 @ self.W2.T
        dZ1 = np.empty_like(dH)
        dZ1[:] = dH * (1 - self.H ** 2)
        dW1 = self.X.T @ dZ1
        db1 = dZ1.sum(axis=0)
        return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}

def run(verify):
    rng = np.random.default_rng(24)
    X = rng.integers(0, 9, size=(4, 6))
    Y = rng.integers(0, 2, size=(4, 3))
    net = Pixels(rng)
    with verify(net) as check:
        net.forward(X)
        check.loss = net.loss(Y)
        check.gradients = net.backward(Y)
    return check
'''
