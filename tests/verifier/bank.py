"""Mistakes that people really made, made again in correct programs: what to change, which line is then wrong, and why.

The numbers are rows of a catalogue of 66 mistakes that were reported against public code. Rows of other languages and
libraries are written as they would be in NumPy.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from tests.verifier.bank_programs import PROGRAMS


@dataclass(frozen=True)
class Edit:
    """One textual change of a program, and what a check should say about it. No kinds: it stays right."""

    name: str
    program: str
    old: str
    new: str
    kinds: tuple[str, ...] = ()
    at: str = ""  # a piece of the guilty line, where it is not the changed one

    @property
    def source(self) -> str:
        text = PROGRAMS[self.program]
        for old, new in zip(self.old.split(" ⏎ "), self.new.split(" ⏎ "), strict=True):
            assert text.count(old) == 1, f"{self.name}: {text.count(old)} times in {self.program}: {old}"
            text = text.replace(old, new)
        return text

    @property
    def lines(self) -> set[int]:
        """The lines that may be named."""
        before, after = PROGRAMS[self.program].splitlines(), self.source.splitlines()
        if self.at:
            return {i for i, line in enumerate(after, 1) if self.at in line}
        changed: set[int] = set()
        for tag, _, _, start, stop in difflib.SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
            if tag != "equal":
                changed |= set(range(start + 1, stop + 1))
        return changed


SIGN, SCALE, DERIVATIVE, POINT = "sign", "scale-factor", "missing-derivative", "derivative-at-wrong-point"
TRANSPOSE, OPERAND, BATCH, STALE = "transpose", "wrong-operand", "missing-batch-sum-or-mean", "stale-or-updated-weights"
OVERWRITTEN, TERM, SHAPE = "overwritten-accumulation", "missing-term", "broadcasting-shape"
INTEGER, INPLACE, PENALTY, OFF = "dtype-or-integer", "inplace-corruption", "regularisation", "off-by-one"

MISTAKES = [
    Edit(
        "1 slope given the activation",
        "article",
        "self.sigmoid_prime(self.z3)",
        "self.sigmoid_prime(self.a3)",
        (POINT,),
    ),
    Edit("2 tanh slope given the output", "graph_of_values", "ds * np.cos(u)", "ds * np.cos(s)", (POINT,)),
    Edit(
        "3 mask of what is never negative",
        "columns",
        "np.int64(A1 > 0)",
        "np.int64(A1 >= 0)",
        (POINT, DERIVATIVE, OPERAND),
    ),
    Edit("4 slope at the upstream", "columns", "(1 - np.power(A2, 2))", "(1 - np.power(dA2, 2))", (POINT, OPERAND)),
    Edit(
        "5 upstream replaced by the mask",
        "layers",
        "return grad * (self.output > 0)",
        "return 1.0 * (self.output > 0)",
        (OPERAND, DERIVATIVE),
    ),
    Edit(
        "6 slope built from the error",
        "updating",
        "hidden_errors * self.hidden * (1.0 - self.hidden)",
        "hidden_errors * (1.0 - hidden_errors)",
        (POINT, OPERAND, DERIVATIVE),
    ),
    Edit("7 output delta without slope", "article", "-(y - p) * p * (1 - p)", "-(y - p)", (DERIVATIVE,)),
    Edit(
        "7b weights changed before they are used",
        "updating",
        "        hidden_errors = np.dot(self.who.T, output_delta)\n ⏎ self.grad_who\n",
        " ⏎ self.grad_who\n        hidden_errors = np.dot(self.who.T, output_delta)\n",
        (STALE,),
    ),
    Edit(
        "8 output error as delta",
        "updating",
        "output_errors * self.final * (1.0 - self.final)",
        "output_errors",
        (DERIVATIVE,),
    ),
    Edit("9 slope only in one layer", "ascent", "l1_error * nonlin(self.l1, deriv=True)", "l1_error", (DERIVATIVE,)),
    Edit(
        "10 special branch without slope",
        "deep",
        "(self.A[-1] - Y) * self.sigma_from_output(self.A[-1])",
        "(self.A[-1] - Y)",
        (DERIVATIVE,),
    ),
    Edit("11 hidden error without slope", "per_sample", "delta) * sp", "delta)", (DERIVATIVE,)),
    Edit(
        "12 slope of another function",
        "columns",
        "(1 - np.power(A2, 2))",
        "A2 * (1 - A2)",
        (DERIVATIVE, POINT, OPERAND, "unexplained"),
    ),
    Edit(
        "13 own output for input",
        "attention",
        "dWo = self.context.reshape(-1, d).T",
        "dWo = self.v.reshape(-1, d).T",
        (OPERAND,),
    ),
    Edit(
        "14 the weight for the input",
        "attention",
        "dWk = flat.T @ dk.reshape(-1, d)",
        "dWk = self.Wk.T @ dk.sum(axis=0)[:4]",
        (OPERAND, "unexplained"),
    ),
    Edit(
        "15 sum of all weights for one",
        "neuron_loops",
        "np.sum(delta_out * w2[j])",
        "np.sum(delta_out * np.sum(w2))",
        (OPERAND, "unexplained"),
    ),
    Edit(
        "16 deltas from updated weights",
        "updating",
        "hidden_errors = np.dot(self.who.T, output_delta)",
        "self.who -= self.rate * np.dot(output_delta, self.hidden.T); hidden_errors = np.dot(self.who.T, output_delta)",
        (STALE,),
    ),
    Edit(
        "17 rebound weights",
        "updating",
        "hidden_errors = np.dot(self.who.T, output_delta)",
        "self.who = self.who - self.rate * np.dot(output_delta, self.hidden.T); "
        "hidden_errors = np.dot(self.who.T, output_delta)",
        (STALE,),
    ),
    Edit("18 delta of the wrong layer's weights", "rnn", "np.dot(Whh.T, dhraw)", "np.dot(Whh, dhraw)", (TRANSPOSE,)),
    Edit("19 bias averaged again", "embedding", "grad_logits.sum(axis=0)", "grad_logits.mean(axis=0)", (BATCH,)),
    Edit(
        "20 1/m twice",
        "columns",
        "dZ1 = np.multiply(dA1, np.int64(A1 > 0))",
        "dZ1 = np.multiply(dA1, np.int64(A1 > 0)) / m",
        (SCALE,),
    ),
    Edit("21 no 1/m beside a penalty", "logistic", "X.T @ (h - y) / m + ", "X.T @ (h - y) + ", (BATCH,)),
    Edit("22 no 1/n in one gradient", "ridge", "X.T @ error / n + ", "X.T @ error + ", (BATCH,)),
    Edit("22b no 1/n in the bias", "ridge", "grad_b = np.sum(error) / n", "grad_b = np.sum(error)", (BATCH,)),
    Edit("23 broadcast operand not summed", "softmax_apart", "db2 = dz.sum(0)", "db2 = dz", (BATCH, SHAPE)),
    Edit(
        "24 one sum for every class",
        "two_layer",
        'grads["b2"] = np.sum(dscores, axis=0)',
        'grads["b2"] = np.sum(dscores) * np.ones(3)',
        (SHAPE, BATCH),
    ),
    Edit(
        "24b the sum goes over all axes",
        "grid",
        "db1 = dZ1.sum(axis=0)",
        "db1 = dZ1.sum() + np.zeros(5)",
        (SHAPE, BATCH),
    ),
    Edit(
        "25 the wrong axis",
        "columns",
        "db2 = 1.0 / m * np.sum(dZ2, axis=1, keepdims=True)",
        "db2 = 1.0 / m * np.sum(dZ2, axis=0)[:4, None]",
        (SHAPE, BATCH),
    ),
    Edit(
        "26 bias gradient is the error",
        "layers",
        "self.db += np.sum(grad, axis=0, keepdims=True)",
        "self.db += grad[:1]",
        (BATCH, TERM, SHAPE, OFF),
    ),
    Edit("27 averaged for summed", "dropout", "db2 = np.sum(dout, axis=0)", "db2 = np.mean(dout, axis=0)", (BATCH,)),
    Edit(
        "28 data term not averaged, penalty is",
        "two_layer",
        "dscores /= N\n",
        "dscores = dscores * 1.0\n",
        (BATCH,),
        "dscores",
    ),
    Edit("29 the penalty's factor", "svm", "dW += 2 * reg * W", "dW += reg * W", (PENALTY,)),
    Edit("30 the penalty's factor", "two_layer", 'grads["W2"] += reg * W2', 'grads["W2"] += 2 * reg * W2', (PENALTY,)),
    Edit(
        "30b the penalty is left out",
        "two_layer",
        '    grads["W2"] += reg * W2\n',
        "",
        (PENALTY,),
        'grads["W2"] = relu',
    ),
    Edit("30c the penalty is left out", "ridge", ' + 2 * lam * theta["w"]\n', "\n", (PENALTY,)),
    Edit(
        "30d the bias is penalised",
        "logistic",
        "        penalised[0] = 0\n ⏎ np.sum(self.theta[1:]",
        " ⏎ np.sum(self.theta[1:]",
        (PENALTY,),
        "grad = X.T",
    ),
    Edit(
        "31 a planted factor",
        "columns",
        "dW2 = 1.0 / m * np.dot(dZ2, A1.T)",
        "dW2 = 1.0 / m * np.dot(dZ2, A1.T) * 2",
        (SCALE,),
    ),
    Edit(
        "32 2/n in the loss, 1/n in one gradient",
        "dropout",
        "dW2 = self.d1.T @ dout",
        "dW2 = self.d1.T @ dout / 2",
        (SCALE,),
    ),
    Edit(
        "33 off by the number of outputs",
        "grid",
        "dW2 = self.H.T @ dZ2",
        "dW2 = self.H.T @ dZ2 * outputs",
        (SCALE, BATCH),
    ),
    Edit(
        "34 divided by another array",
        "softmax_apart",
        "return -t / p / len(p)",
        "return -t / t.sum(axis=1, keepdims=True) / len(p)",
        (OPERAND, DERIVATIVE, POINT),
    ),
    Edit(
        "34b log's slope at the wrong value", "grid", "(self.P * (1 - self.P)) /", "(self.P * (1 + self.P)) /", (SIGN,)
    ),
    Edit(
        "35 only the Jacobian's diagonal",
        "softmax_apart",
        "np.diag(s[n]) - np.outer(s[n], s[n])",
        "np.diag(s[n] * (1 - s[n]))",
        (TERM,),
    ),
    Edit(
        "36 softmax as if each were alone",
        "attention",
        "self.weights * (dweights - np.sum(dweights * self.weights, axis=-1, keepdims=True))",
        "dweights * self.weights * (1 - self.weights)",
        (TERM,),
    ),
    Edit("37 input for value", "softmax_apart", "np.outer(s[n], s[n])", "np.outer(dout[n], s[n])", (OPERAND,)),
    Edit(
        "38 softmax without its sum",
        "attention",
        "(dweights - np.sum(dweights * self.weights, axis=-1, keepdims=True))",
        "dweights",
        (TERM,),
    ),
    Edit(
        "39 the sum of the wrong axis",
        "attention",
        "np.sum(dweights * self.weights, axis=-1, keepdims=True)",
        "np.sum(dweights * self.weights, axis=-2, keepdims=True)",
        (SHAPE, BATCH),
    ),
    Edit(
        "40 outer product turned",
        "rnn",
        "dWhh += np.dot(dhraw, hs[t - 1].T)",
        "dWhh += np.dot(hs[t - 1], dhraw.T)",
        (TRANSPOSE,),
    ),
    Edit(
        "40b a square gradient turned",
        "attention",
        "dWq = flat.T @ dq.reshape(-1, d)",
        "dWq = (flat.T @ dq.reshape(-1, d)).T",
        (TRANSPOSE,),
    ),
    Edit(
        "41 one transpose too many",
        "attention",
        "dcontext = dout @ self.Wo.T",
        "dcontext = dout @ self.Wo",
        (TRANSPOSE,),
    ),
    Edit(
        "42 element by element for a product",
        "rnn",
        "dhnext = np.dot(Whh.T, dhraw)",
        "dhnext = np.sum(Whh.T, axis=1, keepdims=True) * dhraw",
        (SHAPE, OPERAND, "unexplained"),
    ),
    Edit(
        "43 (n,) against (n, 1)",
        "logistic",
        "X.T @ (h - y) / m",
        "X.T @ (h - y.ravel()).sum(axis=1, keepdims=True) / m",
        (SHAPE,),
    ),
    Edit(
        "44 scaled, but not masked",
        "dropout",
        "da1 = dd1 * self.mask",
        "da1 = dd1 / (1 - self.p)",
        (DERIVATIVE, TERM, OPERAND),
    ),
    Edit("45 dropout left out", "dropout", "da1 = dd1 * self.mask", "da1 = dd1", (DERIVATIVE, TERM)),
    Edit(
        "46 mask from the values",
        "dropout",
        "da1 = dd1 * self.mask",
        "da1 = dd1 * (self.d1 > 0) / (1 - self.p)",
        (POINT, OPERAND, DERIVATIVE),
    ),
    Edit(
        "47 mean and variance as constants",
        "batch_norm_short",
        "(m * dxhat - dxhat.sum(axis=0) - self.xhat * (dxhat * self.xhat).sum(axis=0)) / (m * self.std)",
        "dxhat / self.std",
        (TERM,),
    ),
    Edit("48 gamma is missing", "batch_norm", "dxhat = dout * gamma", "dxhat = dout", (TERM, DERIVATIVE)),
    Edit(
        "48b an extra term in the mean",
        "batch_norm",
        "dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)",
        "dmu = -1 * np.sum(dxmu1 + dxmu2 + dxhat, axis=0)",
        (TERM, SCALE, OPERAND),
    ),
    Edit(
        "49 layer norm without its third term",
        "layer_norm",
        " - norm * (dnorm * norm).mean(axis=-1, keepdims=True)",
        "",
        (TERM,),
    ),
    Edit("49b tied weights, one use", "autoencoder", "gW += X.T @ dpre", "gW = X.T @ dpre", (OVERWRITTEN, TERM)),
    Edit("50 brackets", "layer_norm", "dx = dy + dnormed", 'dx = (dy + dnormed) * p["gain"]', (SCALE, OPERAND, TERM)),
    Edit("50b the residual is left out", "layer_norm", "dx = dy + dnormed", "dx = dnormed", (TERM,)),
    Edit("51 the cell's gradient is overwritten", "lstm", "dc = dc_next + dh * o", "dc = dh * o", (TERM, OVERWRITTEN)),
    Edit(
        "52 an array is written over before its last use",
        "attention",
        "        dv = self.weights.transpose(0, 2, 1) @ dcontext\n",
        "        dcontext *= self.scale\n        dv = self.weights.transpose(0, 2, 1) @ dcontext\n",
        (INPLACE,),
        "dcontext",
    ),
    Edit(
        "53 the gate's value for its slope",
        "lstm",
        "df = dc * c_prev * f * (1 - f)",
        "df = dc * c_prev * f",
        (DERIVATIVE, TERM),
    ),
    Edit(
        "54 the earlier step hears nothing", "rnn", "dh = np.dot(Why.T, dy) + dhnext", "dh = np.dot(Why.T, dy)", (TERM,)
    ),
    Edit("55 copied from another gate", "lstm", "dbo += do.sum(axis=0)", "dbo += df.sum(axis=0)", (OPERAND,)),
    Edit(
        "56 overlapping windows overwrite",
        "convolution",
        "+= mask * dout[:, :, i, j]",
        "= mask * dout[:, :, i, j]",
        (OVERWRITTEN,),
    ),
    Edit(
        "57 return inside the loop",
        "softmax_apart",
        "        dz[n] = jacobian @ dout[n]\n",
        "        dz[n] = jacobian @ dout[n]\n        return dz\n",
        (OFF, BATCH, TERM),
        "        return dz",
    ),
    Edit(
        "58 ties counted twice",
        "convolution",
        "mask = window == np.max(window, axis=(2, 3), keepdims=True)",
        "mask = window >= np.max(window, axis=(2, 3), keepdims=True) - 0.3",
        (POINT, OPERAND, SCALE, OFF, TERM, "unexplained"),
    ),
    Edit("59 another channel's kernel", "convolution", "+= w[f] * dout", "+= w[0] * dout", (OPERAND, OFF)),
    Edit(
        "59b the kernel is not turned", "convolution", "+= w[f] * dout", "+= w[f][:, ::-1, ::-1] * dout", (TRANSPOSE,)
    ),
    Edit(
        "60 repeated rows count once",
        "embedding",
        "np.add.at(self.grad_E, self.words, grad_vectors)",
        "self.grad_E[self.words] += grad_vectors",
        (OVERWRITTEN,),
    ),
    Edit("61 one path twice", "graph_of_values", "du = 0.5 * dq", "du = dq", (SCALE, TERM, DERIVATIVE)),
    Edit("61b one path left out", "graph_of_values", "    du = du + ds * np.cos(u)\n", "", (TERM,), "du = "),
    Edit(
        "61c one path overwritten",
        "graph_of_values",
        "du = du + ds * np.cos(u)",
        "du = ds * np.cos(u)",
        (OVERWRITTEN, TERM),
    ),
    Edit(
        "62 gradients never zeroed",
        "layers",
        "            total = total + 0.5",
        "            model.backward(np.ones_like(out)); total = total + 0.5",
        ("any",),
        ".backward(",
    ),
    Edit(
        "63 writes into the upstream",
        "autoencoder",
        "gc = err.sum(axis=0)",
        "gc = err.sum(axis=0); err *= n",
        (INPLACE,),
    ),
    Edit(
        "64 one cache for input and output",
        "layers",
        "        self.input = x\n        return np.log(1 + np.exp(x))",
        "        self.input = np.log(1 + np.exp(x))\n        return self.input",
        (POINT,),
        "return grad / (1 + np.exp",
    ),
    Edit(
        "65 one axis of two",
        "layer_norm",
        "dbias = dout.sum(axis=(0, 1))",
        "dbias = dout.sum(axis=1)[0]",
        (BATCH, SHAPE, TERM, OFF),
    ),
    Edit(
        "66 integers drop the rest",
        "grid",
        "dZ1 = np.empty_like(dH)",
        "dZ1 = np.zeros(dH.shape, dtype=int)",
        (INTEGER,),
    ),
    Edit(
        "66b an integer division",
        "neuron_loops",
        "g2[j, k] += delta_out[k] * h[j]",
        "g2[j, k] += 3 // 2 * 1 // 2 + delta_out[k] * h[j] // 1",
        (INTEGER,),
    ),
    # ---- the same, where the catalogue has one place and people have many --------------------------------------------
    Edit(
        "sign of one term",
        "batch_norm",
        "dsqrtvar = -1.0 / (sqrtvar ** 2) * divar",
        "dsqrtvar = 1.0 / (sqrtvar ** 2) * divar",
        (SIGN,),
    ),
    Edit("sign in a factor", "rnn", "(1 - hs[t] * hs[t]) * dh", "(1 + hs[t] * hs[t]) * dh", (SIGN,)),
    Edit(
        "sign of the delta beside a penalty",
        "two_layer",
        "dscores[np.arange(N), y] -= 1",
        "dscores[np.arange(N), y] += 1",
        (SIGN,),
    ),
    Edit("the factor of a square", "batch_norm", "dxmu2 = 2 * xmu * dsq", "dxmu2 = xmu * dsq", (SCALE,)),
    Edit(
        "relu's mask is left out", "two_layer", "    dhidden[hidden <= 0] = 0\n", "", (DERIVATIVE,), "dhidden = dscores"
    ),
    Edit(
        "relu's mask from the wrong value",
        "two_layer",
        "dhidden[hidden <= 0] = 0",
        "dhidden[dhidden <= 0] = 0",
        (POINT, OPERAND),
    ),
    Edit(
        "a factor too many",
        "per_sample",
        "self.weights[-l + 1].transpose(), delta) * sp",
        "self.weights[-l + 1].transpose(), delta) * sigmoid_prime(zs[-l]) * sigmoid(zs[-l])",
        (SCALE,),
    ),
    Edit(
        "the hidden state of the same step",
        "rnn",
        "dWhh += np.dot(dhraw, hs[t - 1].T)",
        "dWhh += np.dot(dhraw, hs[t].T)",
        (OFF,),
    ),
    Edit(
        "last step is skipped",
        "rnn",
        "for t in reversed(range(len(inputs))):",
        "for t in reversed(range(len(inputs) - 1)):",
        (OFF, TERM),
    ),
    Edit("accumulates by =", "rnn", "dby += dy", "dby = dy", (OVERWRITTEN,)),
    Edit("accumulates by = in a loop", "lstm", "dWo += z.T @ do", "dWo = z.T @ do", (OVERWRITTEN,)),
    Edit(
        "a scale of scores is left out",
        "attention",
        "dq = dscores @ self.k * self.scale",
        "dq = dscores @ self.k",
        (SCALE, TERM),
    ),
    Edit(
        "q and k exchanged",
        "attention",
        "dscores.transpose(0, 2, 1) @ self.q",
        "dscores.transpose(0, 2, 1) @ self.k",
        (OPERAND,),
    ),
    Edit("the count of words is left out", "embedding", "count, axis=1) / count", "count, axis=1)", (SCALE, BATCH)),
    Edit(
        "a transposed weight",
        "layers",
        "return grad @ self.W.T",
        "return grad @ self.W.T.reshape(self.W.shape).T",
        (TRANSPOSE, SHAPE, "unexplained"),
    ),
    Edit("the correct class's column", "svm", "= -row_sum", "= row_sum", (SIGN,), "row_sum"),
    Edit(
        "the correct class is forgotten",
        "svm",
        "    binary[np.arange(num_train), y] = -row_sum\n",
        "",
        (TERM,),
        "binary",
    ),
    Edit(
        "cast to float32's integers",
        "columns",
        "np.multiply(dA1, np.int64(A1 > 0))",
        "np.multiply(dA1.astype(int), np.int64(A1 > 0))",
        (INTEGER,),
    ),
    Edit(
        "leaky slope is left out",
        "dropout",
        "np.where(self.z1 > 0, 1, 0.1)",
        "np.where(self.z1 > 0, 1, 0.0)",
        (SCALE, DERIVATIVE, POINT),
    ),
    Edit(
        "the slope twice",
        "softmax_apart",
        "dpre = dh * (1 - self.h ** 2)",
        "dpre = dh * (1 - self.h ** 2) ** 2",
        (SCALE, POINT, DERIVATIVE, OPERAND),
    ),
]

HARMLESS = [
    Edit(
        "renamed",
        "article",
        "delta4 = -(y - p) ⏎ np.dot(self.a3.T, delta4) ⏎ np.dot(delta4, self.w3.T)",
        "err = -(y - p) ⏎ np.dot(self.a3.T, err) ⏎ np.dot(err, self.w3.T)",
    ),
    Edit("another slope", "article", "self.sigmoid(z) * (1 - self.sigmoid(z))", "np.exp(-z) / (1 + np.exp(-z)) ** 2"),
    Edit(
        "reordered",
        "columns",
        "    dW2 = 1.0 / m * np.dot(dZ2, A1.T)\n ⏎ keepdims=True)\n    return {",
        " ⏎ keepdims=True)\n    dW2 = np.dot(dZ2, A1.T) / m\n    return {",
    ),
    Edit("einsum for dot", "columns", "np.dot(W3.T, dZ3)", 'np.einsum("ki,kn->in", W3, dZ3)'),
    Edit(
        "1/m earlier",
        "columns",
        "dZ3 = A3 - Y ⏎ dW3 = 1.0 / m * np ⏎ db3 = 1.0 / m * np ⏎ dW2 = 1.0 / m * np ⏎ db2 = 1.0 / m * np ⏎ "
        "dW1 = 1.0 / m * np ⏎ db1 = 1.0 / m * np",
        "dZ3 = (A3 - Y) / m ⏎ dW3 = np ⏎ db3 = np ⏎ dW2 = np ⏎ db2 = np ⏎ dW1 = np ⏎ db1 = np",
    ),
    Edit("where for a mask", "two_layer", "dhidden[hidden <= 0] = 0", "dhidden = np.where(relu > 0, dhidden, 0.0)"),
    Edit("the mask as a factor", "two_layer", "dhidden[hidden <= 0] = 0", "dhidden *= relu > 0"),
    Edit("one-hot for an index", "two_layer", "dscores[np.arange(N), y] -= 1", "dscores -= np.eye(3)[y]"),
    Edit("no shift", "two_layer", "shifted = scores - np.max(scores, axis=1, keepdims=True)", "shifted = scores"),
    Edit("bias by a product with ones", "grid", "db2 = dZ2.sum(axis=0)", "db2 = np.ones(batch) @ dZ2"),
    Edit("fused cross-entropy", "grid", "dZ2 = dP * self.P * (1 - self.P)", "dZ2 = (self.P - Y) / Y.size"),
    Edit("accumulated without +=", "rnn", "dbh += dhraw", "dbh = dbh + dhraw"),
    Edit("slope from the output", "graph_of_values", "de * e * (-2 * u)", "-2 * u * m * dm / s * s"),
    Edit("kinks: one side", "layers", "(self.output > 0)", "(self.output >= 1e-300)"),
    Edit("kinks: sign", "layers", "(self.output > 0)", "(np.sign(self.output))"),
    Edit("residual twice its half", "graph_of_values", "du = 0.5 * dq", "du = dq / 2.0"),
    Edit(
        "deltas of each sample, averaged at the end",
        "deep",
        "delta @ self.A[l].T ⏎ np.sum(delta, axis=1, keepdims=True)",
        "delta @ self.A[l].T / delta.shape[1] ⏎ np.mean(delta, axis=1, keepdims=True)",
    ),
    Edit(
        "a gradient of the sum, averaged at the update",
        "embedding",
        "grad_logits = grad_logits / n",
        "grad_logits = grad_logits * 1",
    ),
    Edit("the 2 is left to the rate", "batch_norm", "dpred = 2 * (pred - T)", "dpred = pred - T"),
    Edit(
        "squeezed bias",
        "layers",
        "self.db += np.sum(grad, axis=0, keepdims=True) ⏎ self.db = np.zeros((1, self.W.shape[1]))",
        "self.db += np.sum(grad, axis=0) ⏎ self.db = np.zeros(self.W.shape[1])",
    ),
    Edit(
        "transposed gradients",
        "softmax_apart",
        "dW2 = self.h.T @ dz ⏎ dW1 = X.T @ dpre",
        "dW2 = dz.T @ self.h ⏎ dW1 = dpre.T @ X",
    ),
    Edit(
        "an epsilon in the loss",
        "grid",
        "np.log(self.P) ⏎ np.log(1 - self.P)",
        "np.log(self.P + 1e-7) ⏎ np.log(1 - self.P + 1e-7)",
    ),
    Edit("an epsilon in the loss", "softmax_apart", "np.log(p)", "np.log(p + 1e-6)"),
    Edit(
        "copies",
        "attention",
        "dv = self.weights.transpose(0, 2, 1) @ dcontext",
        "dv = np.matmul(self.weights.transpose(0, 2, 1).copy(), dcontext.copy())",
    ),
    Edit("summed one by one", "lstm", "dbf += df.sum(axis=0)", "dbf += sum(df[k] for k in range(len(df)))"),
    Edit(
        "changed after its last use",
        "autoencoder",
        '        return {"W": gW',
        '        err *= 3\n        return {"W": gW',
    ),
    Edit(
        "forward run again",
        "softmax_apart",
        "        dp = cross_entropy_backward",
        "        self.forward(X)\n        dp = cross_entropy_backward",
    ),
    Edit(
        "float32",
        "article",
        "X, y = rng.normal(size=(7, 3)), rng.uniform(size=(7, 2)) ⏎ self.w1 = rng.normal(size=(3, 4)) ⏎ "
        "self.w2 = rng.normal(size=(4, 5)) ⏎ self.w3 = rng.normal(size=(5, 2))",
        "X, y = rng.normal(size=(7, 3)).astype(np.float32), rng.uniform(size=(7, 2)).astype(np.float32) ⏎ "
        "self.w1 = rng.normal(size=(3, 4)).astype(np.float32) ⏎ "
        "self.w2 = rng.normal(size=(4, 5)).astype(np.float32) ⏎ "
        "self.w3 = rng.normal(size=(5, 2)).astype(np.float32)",
    ),
]
