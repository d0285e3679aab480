"""Kinds of mistakes that are told by what people write: a slope, the other factor of a product, an order, a window."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited

CELL = """
import numpy as np
def sigm(u): return 1 / (1 + np.exp(-u))
class Cell:
    # rows are samples; the gates are kept apart
    def __init__(self, rng, d, n):
        self.p = {k: rng.normal(size=(d + n, n)) * 0.5 for k in "figo"}
        self.b = {k: rng.normal(size=n) * 0.1 for k in "figo"}
    def step(self, x, h, c):
        v = np.concatenate([x, h], axis=1)
        fg = sigm(v @ self.p["f"] + self.b["f"])
        ig = sigm(v @ self.p["i"] + self.b["i"])
        og = sigm(v @ self.p["o"] + self.b["o"])
        cand = np.tanh(v @ self.p["g"] + self.b["g"])
        cn = fg * c + ig * cand
        act = np.tanh(cn)
        hn = og * act
        return hn, cn, (v, c, fg, ig, og, cand, act)
    def run(self, xs):
        n = len(self.b["f"])
        h, c = np.zeros((xs.shape[1], n)) + 0.1, np.zeros((xs.shape[1], n)) + 0.3
        self.kept, outs = [], []
        for x in xs:
            h, c, keep = self.step(x, h, c)
            self.kept.append(keep); outs.append(h)
        return np.stack(outs)
    def back(self, douts):
        dp = {k: np.zeros_like(w) for k, w in self.p.items()}
        db = {k: np.zeros_like(w) for k, w in self.b.items()}
        dh_next = np.zeros_like(douts[0]); dc_next = np.zeros_like(douts[0])
        d = self.p["f"].shape[0] - len(self.b["f"])
        for t in range(len(douts) - 1, -1, -1):
            v, c_old, fg, ig, og, cand, act = self.kept[t]
            dh = douts[t] + dh_next
            d_og = dh * act
            dc = dc_next + dh * og * (1 - act * act)
            d_fg = dc * c_old
            d_ig = dc * cand
            d_cand = dc * ig
            d_zf = d_fg * fg * (1 - fg)
            d_zi = d_ig * ig * (1 - ig)
            d_zo = d_og * og * (1 - og)
            d_zg = d_cand * (1 - cand * cand)
            dv = np.zeros_like(v)
            for k, dz in zip("figo", (d_zf, d_zi, d_zg, d_zo)):
                dp[k] += v.T @ dz
                db[k] += dz.sum(axis=0)
                dv += dz @ self.p[k].T
            dh_next = dv[:, d:]
            dc_next = dc * fg
        return dp, db
def check(verify):
    rng = np.random.default_rng(0)
    net = Cell(rng, 3, 4); xs = rng.normal(size=(4, 5, 3)); u = rng.normal(size=(4, 5, 4))
    with verify(net) as c:
        out = net.run(xs)
        c.loss = np.sum(out * u)
        dp, db = net.back(u)
        c.gradients = {"p": dp, "b": db}
    return c
"""

RECURRENT = """
import numpy as np
def logistic(a): return np.where(a >= 0, 1 / (1 + np.exp(-a)), np.exp(a) / (1 + np.exp(a)))
class GRU:
    def __init__(self, d, n):
        r = np.random.default_rng(15)
        self.W = r.normal(size=(d, 3 * n)) * 0.5
        self.U = r.normal(size=(n, 3 * n)) * 0.5
        self.n = n
    def forward(self, xs):
        n = self.n
        h = np.full((xs.shape[0], n), 0.2)
        self.xs, self.tape = xs, []
        for t in range(xs.shape[1]):
            a = xs[:, t] @ self.W
            b = h @ self.U
            u = logistic(a[:, :n] + b[:, :n])
            r = logistic(a[:, n:2 * n] + b[:, n:2 * n])
            c = np.tanh(a[:, 2 * n:] + r * b[:, 2 * n:])
            new = u * h + (1 - u) * c
            self.tape.append((h, u, r, c, b[:, 2 * n:]))
            h = new
        return h
    def backward(self, dh):
        n = self.n
        self.dW, self.dU = np.zeros_like(self.W), np.zeros_like(self.U)
        dxs = np.zeros_like(self.xs)
        for t in reversed(range(self.xs.shape[1])):
            h, u, r, c, inner = self.tape[t]
            dc = dh * (1 - u)
            du = dh * (h - c)
            dpre_c = dc * (1 - c ** 2)
            dr = dpre_c * inner
            dpre_u = du * u * (1 - u)
            dpre_r = dr * r * (1 - r)
            da = np.hstack([dpre_u, dpre_r, dpre_c])
            db = np.hstack([dpre_u, dpre_r, dpre_c * r])
            self.dW += self.xs[:, t].T @ da
            self.dU += h.T @ db
            dxs[:, t] = da @ self.W.T
            dh = dh * u + db @ self.U.T
        return dxs
def check(verify):
    rng = np.random.default_rng(16)
    return verify.layer(GRU(3, 4), rng.normal(size=(5, 2, 3)))
"""

PAIRS = """
import numpy as np
def embed(X, W, V):
    A = X @ W
    H = np.where(A > 0, A, 0.1 * A)
    return A, H, H @ V
def objective(Xa, Xb, label, W, V, margin=2.0):
    _, _, ea = embed(Xa, W, V)
    _, _, eb = embed(Xb, W, V)
    dist = np.sqrt(((ea - eb) ** 2).sum(axis=1))
    gap = np.maximum(margin - dist, 0)
    return (label * dist ** 2 + (1 - label) * gap ** 2).sum() / (2 * len(Xa))
def gradients(Xa, Xb, label, W, V, margin=2.0):
    N = len(Xa)
    Aa, Ha, ea = embed(Xa, W, V)
    Ab, Hb, eb = embed(Xb, W, V)
    apart = ea - eb
    dist = np.sqrt((apart ** 2).sum(axis=1))
    gap = np.maximum(margin - dist, 0)
    g_dist = (label * dist - (1 - label) * gap) / N
    g_a = (g_dist / dist)[:, None] * apart
    g_b = -g_a
    g_V = Ha.T @ g_a + Hb.T @ g_b
    g_Ha = g_a @ V.T
    g_Hb = g_b @ V.T
    g_Aa = g_Ha * np.where(Aa > 0, 1, 0.1)
    g_Ab = g_Hb * np.where(Ab > 0, 1, 0.1)
    g_W = Xa.T @ g_Aa + Xb.T @ g_Ab
    return g_W, g_V
def check(verify):
    rng = np.random.default_rng(3)
    Xa, Xb, W, V = (rng.normal(size=s) for s in ((8, 3), (8, 3), (3, 5), (5, 2)))
    label = np.array([1.0, 0, 0, 1, 0, 1, 0, 0])
    with verify(W=W, V=V) as c:
        c.loss = objective(Xa, Xb, label, W, V)
        gW, gV = gradients(Xa, Xb, label, W, V)
        c.gradients = dict(W=gW, V=gV)
    return c
"""

CRITIC = """
import numpy as np
def sg(v): return 1.0 / (1.0 + np.exp(-v))
def lrelu(v): return np.where(v > 0, v, 0.2 * v)
def d_lrelu(v): return np.where(v > 0, 1.0, 0.2)
class Critic:
    def __init__(self, rng):
        self.A, self.B = rng.normal(size=(3, 5)), rng.normal(size=(5, 1))
    def __call__(self, x):
        self.x = x
        self.u = x @ self.A
        self.h = lrelu(self.u)
        return self.h @ self.B
    def back(self, g):
        gB = self.h.T @ g
        gu = g @ self.B.T * d_lrelu(self.u)
        return self.x.T @ gu, gB
def check(verify):
    rng = np.random.default_rng(6)
    net = Critic(rng); real = rng.normal(size=(6, 3)); fake = rng.normal(size=(6, 3))
    with verify(net) as c:
        a = net(real)
        p = sg(a)
        loss1 = -np.log(p).mean()
        g_real = (p - 1) / len(real)
        gA1, gB1 = net.back(g_real)
        b = net(fake)
        q = sg(b)
        loss2 = -np.log(1 - q).mean()
        g_fake = q / len(fake)
        gA2, gB2 = net.back(g_fake)
        gA = gA1 + gA2
        gB = gB1 + gB2
        c.loss = loss1 + loss2
        c.gradients = {"A": gA, "B": gB}
    return c
"""

FACTORS = """
import numpy as np
class Factors:
    def __init__(self, rng):
        self.U, self.M = rng.normal(size=(6, 3)), rng.normal(size=(7, 3))
    def predict(self, i, j):
        return 5 / (1 + np.exp(-np.sum(self.U[i] * self.M[j], axis=1)))
    def cost(self, i, j, r, lam=0.1):
        return np.mean((self.predict(i, j) - r) ** 2) + lam * (np.sum(self.U ** 2) + np.sum(self.M ** 2))
    def grad(self, i, j, r, lam=0.1):
        est = self.predict(i, j)
        k = len(r)
        miss = 2 * (est - r)
        slope = miss / k * est * (1 - est / 5)
        gU = 2 * lam * self.U
        gM = 2 * lam * self.M
        np.add.at(gU, i, slope[:, None] * self.M[j])
        np.add.at(gM, j, slope[:, None] * self.U[i])
        return gU, gM
def check(verify):
    rng = np.random.default_rng(7)
    net = Factors(rng)
    i, j, r = np.array([0, 1, 1, 2, 5]), np.array([3, 3, 0, 6, 6]), np.array([1.0, 4, 2, 5, 3])
    with verify(net) as c:
        c.loss = net.cost(i, j, r)
        gU, gM = net.grad(i, j, r)
        c.gradients = {"U": gU, "M": gM}
    return c
"""

PENALISED = """
import numpy as np
class Softmax:
    def __init__(self, rng, reg=0.3):
        self.W1, self.W2, self.reg = rng.normal(size=(4, 6)), rng.normal(size=(6, 3)), reg
    def loss(self, X, y):
        reg = self.reg
        N = X.shape[0]
        hid = np.maximum(0, X.dot(self.W1))
        s = hid.dot(self.W2)
        s = s - s.max(axis=1, keepdims=True)
        q = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
        loss = -np.log(q[np.arange(N), y]).sum() / N
        loss += 0.5 * reg * (self.W1 * self.W1).sum() + reg * np.sum(self.W2 ** 2)
        ds = q.copy()
        ds[np.arange(N), y] -= 1
        ds /= N
        dW2 = hid.T.dot(ds)
        dhid = ds.dot(self.W2.T)
        dhid[hid <= 0] = 0
        dW1 = X.T.dot(dhid)
        dW2 += 2 * reg * self.W2
        dW1 += reg * self.W1
        return loss, {"W1": dW1, "W2": dW2}
def check(verify):
    rng = np.random.default_rng(4)
    net = Softmax(rng); X = rng.normal(size=(7, 4)); y = np.array([0, 2, 1, 1, 0, 2, 2])
    with verify(net) as c:
        c.loss, c.gradients = net.loss(X, y)
    return c
"""

CONV = """
import numpy as np
def im2col(x, k, pad):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    N, C, H, W = x.shape
    oh, ow = H - k + 1, W - k + 1
    col = np.zeros((N, C, k, k, oh, ow))
    for a in range(k):
        for q in range(k):
            col[:, :, a, q] = x[:, :, a:a + oh, q:q + ow]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(N * oh * ow, -1), oh, ow
def col2im(col, shape, k, pad):
    N, C, H, W = shape
    oh, ow = H + 2 * pad - k + 1, W + 2 * pad - k + 1
    col = col.reshape(N, oh, ow, C, k, k).transpose(0, 3, 4, 5, 1, 2)
    im = np.zeros((N, C, H + 2 * pad, W + 2 * pad))
    for a in range(k):
        for q in range(k):
            im[:, :, a:a + oh, q:q + ow] += col[:, :, a, q]
    return im[:, :, pad:pad + H, pad:pad + W]
class Conv:
    def __init__(self, F, C, k, pad=1):
        rng = np.random.default_rng(11)
        self.K, self.bias, self.k, self.pad = rng.normal(size=(F, C, k, k)), rng.normal(size=F), k, pad
    def forward(self, x):
        self.shape = x.shape
        self.cols, oh, ow = im2col(x, self.k, self.pad)
        F = len(self.K)
        self.Kc = self.K.reshape(F, -1).T
        out = self.cols @ self.Kc + self.bias
        return out.reshape(len(x), oh, ow, F).transpose(0, 3, 1, 2)
    def backward(self, dout):
        F = len(self.K)
        flat = dout.transpose(0, 2, 3, 1).reshape(-1, F)
        self.dbias = flat.sum(axis=0)
        dKc = self.cols.T @ flat
        self.dK = dKc.T.reshape(self.K.shape)
        dcols = flat @ self.Kc.T
        return col2im(dcols, self.shape, self.k, self.pad)
def check(verify):
    rng = np.random.default_rng(9)
    return verify.layer(Conv(3, 2, 3), rng.normal(size=(2, 2, 5, 4)))
"""

HEADS = """
import numpy as np
class Attention:
    def __init__(self, d):
        rng = np.random.default_rng(13)
        self.Wq, self.Wk, self.Wv = (rng.normal(size=(d, d)) * 0.6 for _ in range(3))
    def forward(self, x):
        self.x = x
        self.q, self.k, self.v = x @ self.Wq, x @ self.Wk, x @ self.Wv
        self.scale = 1 / np.sqrt(x.shape[-1])
        s = self.q @ self.k.swapaxes(-1, -2) * self.scale
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        self.att = e / e.sum(axis=-1, keepdims=True)
        return self.att @ self.v
    def backward(self, dy):
        datt = dy @ self.v.swapaxes(-1, -2)
        dv = self.att.swapaxes(-1, -2) @ dy
        ds = self.att * (datt - (datt * self.att).sum(axis=-1, keepdims=True))
        ds = ds * self.scale
        dq = ds @ self.k
        dk = ds.swapaxes(-1, -2) @ self.q
        self.dWq = np.einsum("nti,ntj->ij", self.x, dq)
        self.dWk = np.einsum("nti,ntj->ij", self.x, dk)
        self.dWv = np.einsum("nti,ntj->ij", self.x, dv)
        dx = dq @ self.Wq.T
        dx += dk @ self.Wk.T
        dx += dv @ self.Wv.T
        return dx
def check(verify):
    rng = np.random.default_rng(14)
    return verify.layer(Attention(4), rng.normal(size=(2, 3, 4)))
"""

HUBER = """
import numpy as np


def robust(w, c, x, y, edge=0.8):
    miss = x @ w + c - y
    far = np.abs(miss)
    loss = np.mean(np.where(far <= edge, 0.5 * miss**2, edge * (far - 0.5 * edge)))
    slope = np.where(far <= edge, miss, edge * np.sign(miss)) / len(y)
    return loss, x.T @ slope, slope.sum()


def check(verify):
    rng = np.random.default_rng(14)
    x, y = rng.normal(size=(9, 3)), rng.normal(size=9) * 3
    w, c = rng.normal(size=3), rng.normal(size=())
    with verify(w=w, c=c) as check:
        check.loss, *check.gradients = robust(w, c, x, y)
    return check
"""

PROGRAMS = {
    "huber": HUBER,
    "cell": CELL,
    "recurrent": RECURRENT,
    "pairs": PAIRS,
    "critic": CRITIC,
    "factors": FACTORS,
    "penalised": PENALISED,
    "conv": CONV,
    "heads": HEADS,
}

MISTAKES = [
    ("huber", "miss, edge * np.sign(miss))", "miss, edge)", {"derivative-at-wrong-point", "sign"}),
    ("cell", "d_fg = dc * c_old", "d_fg = dc * act", {"wrong-operand"}),
    ("cell", "d_zg = d_cand * (1 - cand * cand)", "d_zg = d_cand * cand * (1 - cand)", {"derivative-at-wrong-point"}),
    ("cell", "dh_next = dv[:, d:]", "dh_next += dv[:, d:]", {"overwritten-accumulation"}),
    (
        "recurrent",
        "np.hstack([dpre_u, dpre_r, dpre_c * r])",
        "np.hstack([dpre_u, dpre_r, dpre_c])",
        {"missing-derivative", "missing-term"},
    ),
    (
        "recurrent",
        "da = np.hstack([dpre_u, dpre_r, dpre_c])",
        "da = np.hstack([dpre_r, dpre_u, dpre_c])",
        {"wrong-operand"},
    ),
    ("pairs", "(label * dist - (1 - label) * gap) / N", "label * dist / N", {"missing-term"}),
    ("pairs", "(label * dist - (1 - label) * gap) / N", "(label * dist - label * gap) / N", {"wrong-operand"}),
    ("pairs", "g_dist / dist)[:, None] * apart", "g_dist)[:, None] * apart", {"missing-derivative", "missing-term"}),
    ("pairs", "[:, None] * apart\n", "[:, None] * apart ** 2\n", {"scale-factor", "wrong-operand"}),
    ("critic", "g_real = (p - 1) / len(real)", "g_real = p / len(real)", {"missing-term"}),
    (
        "critic",
        "gu = g @ self.B.T * d_lrelu(self.u)",
        "gu = g @ self.B.T * lrelu(self.u)",
        {"derivative-at-wrong-point"},
    ),
    (
        "factors",
        "np.add.at(gU, i, slope[:, None] * self.M[j])",
        "gU[i] += slope[:, None] * self.M[j]",
        {"overwritten-accumulation"},
    ),
    ("factors", "slope = miss / k * est * (1 - est / 5)", "slope = miss / k * est * (1 - est)", {"missing-derivative"}),
    (
        "factors",
        "slope = miss / k * est * (1 - est / 5)",
        "slope = miss / k * est * (1 - est / 5) / 5",
        {"scale-factor"},
    ),
    ("penalised", "dW1 += reg * self.W1", "dW1 += reg", {"regularisation"}),
    ("penalised", "ds[np.arange(N), y] -= 1", "ds[:, y] -= 1", {"broadcasting-shape"}),
    ("penalised", "ds = q.copy()", "ds = np.zeros_like(q)", {"missing-term"}),
    ("conv", "flat = dout.transpose(0, 2, 3, 1).reshape(-1, F)", "flat = dout.reshape(-1, F)", {"transpose"}),
    ("conv", "return im[:, :, pad:pad + H, pad:pad + W]", "return im[:, :, :H, :W]", {"off-by-one"}),
    ("heads", "dx += dv @ self.Wv.T", "dx += dv @ self.Wk.T", {"wrong-operand"}),
]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_are_right(tmp_path: Path, name: str) -> None:
    check, _ = edited(tmp_path / f"natural_{name}.py", PROGRAMS[name], "import numpy as np", "import numpy as np")
    assert check.ok, str(check)


@pytest.mark.parametrize(("name", "right", "wrong", "kinds"), MISTAKES)
def test_the_line_and_the_kind(tmp_path: Path, name: str, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited(tmp_path / f"natural_{name}.py", PROGRAMS[name], right, wrong)
    first = check.first_wrong
    assert first is not None, str(check)
    assert (first.line, first.kind in kinds) == (line, True), str(check)
