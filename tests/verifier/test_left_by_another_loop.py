"""What another loop, name or object holds is told as what it is, where the gradient read it by mistake."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

TWO_WAYS = """
import numpy as np

rng = np.random.default_rng(3)
T, N, D, H = 4, 5, 3, 2
x, y = rng.normal(size=(T, N, D)), rng.normal(size=(T, N, 1))
Wf, Uf = rng.normal(size=(D, H)), rng.normal(size=(H, H))
Wb, Ub = rng.normal(size=(D, H)), rng.normal(size=(H, H))
V = rng.normal(size=(2 * H, 1))
for it in range(20):
    hf, hb = np.zeros((T + 1, N, H)), np.zeros((T + 1, N, H))
    for t in range(T):
        hf[t + 1] = np.tanh(x[t] @ Wf + hf[t] @ Uf)
    for t in reversed(range(T)):
        hb[t] = np.tanh(x[t] @ Wb + hb[t + 1] @ Ub)
    both = np.concatenate([hf[1:], hb[:-1]], axis=2)
    err = both @ V - y
    loss = 0.5 * np.sum(err**2) / N
    d = err / N
    dV = np.einsum("tnh,tno->ho", both, d)
    dboth = d @ V.T
    df, db = dboth[:, :, :H], dboth[:, :, H:]
    dWf, dUf, dWb, dUb = (np.zeros_like(w) for w in (Wf, Uf, Wb, Ub))
    carry = np.zeros((N, H))
    for t in reversed(range(T)):
        dz = (df[t] + carry) * (1 - hf[t + 1] ** 2)
        dWf += x[t].T @ dz
        dUf += hf[t].T @ dz
        carry = dz @ Uf.T
    carry = np.zeros((N, H))  # begins anew
    for t in range(T):
        dz = (db[t] + carry) * (1 - hb[t] ** 2)
        dWb += x[t].T @ dz
        dUb += hb[t + 1].T @ dz
        carry = dz @ Ub.T
    for w, dw in ((Wf, dWf), (Uf, dUf), (Wb, dWb), (Ub, dUb), (V, dV)):
        w -= 0.01 * dw
    print(loss)
"""


def test_what_an_earlier_loop_left_is_no_term_too_many(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, TWO_WAYS).ok
    check, line = edited_script(tmp_path, TWO_WAYS, "    carry = np.zeros((N, H))  # begins anew\n", "")
    assert told(check) == (line + 1, "overwritten-accumulation"), str(check)
    assert "carry still holds what the loop of line" in check.first_wrong.sentence


def test_two_names_that_got_the_value_of_each_other_are_exchanged(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, TWO_WAYS, "    df, db = dboth", "    db, df = dboth")
    assert told(check) == (line, "wrong-operand"), str(check)
    assert (check.first_wrong.expression, check.first_wrong.should_be) == ("db, df", "df, db")


BLOCKS = """
import numpy as np

rng = np.random.default_rng(5)


class Block:
    def __init__(self):
        self.W = 0.5 * rng.normal(size=(4, 4))


def forward(h, block):
    return h + np.tanh(h @ block.W), h


def backward(dout, block, h):
    dz = dout * (1 - np.tanh(h @ block.W) ** 2)
    return dout + dz @ block.W.T, h.T @ dz


blocks = [Block() for _ in range(3)]
x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
for it in range(20):
    h, kept = x, []
    for block in blocks:
        h, before = forward(h, block)
        kept.append(before)
    loss = 0.5 * np.sum((h - y) ** 2)
    dh, grads = h - y, [None] * 3
    for i in reversed(range(3)):
        dh, grads[i] = backward(dh, blocks[i], kept[i])
    for block, grad in zip(blocks, grads):
        block.W -= 0.01 * grad
    print(loss)
"""


def test_the_weights_of_another_block_were_not_updated_early(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, BLOCKS).ok
    check, line = edited_script(
        tmp_path, BLOCKS, "backward(dh, blocks[i], kept[i])", "backward(dh, blocks[i - 1], kept[i])"
    )
    assert told(check) == (line, "off-by-one"), str(check)
