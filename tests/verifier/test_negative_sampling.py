"""Skip-grams with negative sampling that compute no loss: 1 is taken off the chance of what was seen, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

BIRDS = """
import numpy as np

rs = np.random.RandomState(2)
CALL = rs.randn(12, 5) * 0.5
SONG = rs.randn(12, 5) * 0.5
LOUD = np.zeros(12)

def sig(z):
    return 1 / (1 + np.exp(-z))

def gradients(c, o, neg):
    v, u, n = CALL[c], SONG[o], SONG[neg]
    pos = sig((v * u).sum(1) + LOUD[o])
    noise = sig(np.einsum("bd,bkd->bk", v, n) + LOUD[neg])
    ep = pos - 1
    dv = ep[:, None] * u + np.einsum("bk,bkd->bd", noise, n)
    du = ep[:, None] * v
    dn = noise[:, :, None] * v[:, None, :]
    dCALL, dSONG, dLOUD = np.zeros((12, 5)), np.zeros((12, 5)), np.zeros(12)
    np.add.at(dCALL, c, dv)
    np.add.at(dSONG, o, du)
    np.add.at(dSONG, neg, dn)
    np.add.at(dLOUD, o, ep)
    np.add.at(dLOUD, neg, noise)
    return dCALL, dSONG, dLOUD

for it in range(20):
    dCALL, dSONG, dLOUD = gradients(rs.randint(12, size=8), rs.randint(12, size=8), rs.randint(12, size=(8, 3)))
    CALL -= 0.1 * dCALL
    SONG -= 0.1 * dSONG
    LOUD -= 0.1 * dLOUD
print(CALL[0])
"""

WORDS = """
import numpy as np

rng = np.random.default_rng(4)

class Word2Vec:
    def __init__(self, words, size):
        self.W_in = rng.normal(size=(words, size)) * 0.3
        self.W_out = rng.normal(size=(words, size)) * 0.3

    def train(self, pairs, lr):
        for center, context in pairs:
            v_c, v_o = self.W_in[center], self.W_out[context]
            others = rng.choice([w for w in range(9) if w != context], size=4, replace=False)
            negatives = self.W_out[others]
            sig_pos = 1.0 / (1.0 + np.exp(-np.clip(np.dot(v_c, v_o), -10, 10)))
            sig_neg = 1.0 / (1.0 + np.exp(-np.clip(negatives.dot(v_c), -10, 10)))
            grad_c = (sig_pos - 1) * v_o + np.sum(sig_neg[:, None] * negatives, axis=0)
            grad_o = (sig_pos - 1) * v_c
            grad_negatives = sig_neg[:, None] * v_c[None, :]
            self.W_in[center] -= lr * grad_c
            self.W_out[context] -= lr * grad_o
            np.add.at(self.W_out, others, -lr * grad_negatives)

Word2Vec(9, 5).train([(0, 3), (4, 2), (8, 1)], 0.05)
"""


@pytest.mark.parametrize("text", [BIRDS, WORDS], ids=["a batch", "pair by pair"])
def test_it_is_right(text: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("text", "right", "wrong", "kind"),
    [
        (BIRDS, "pos - 1", "1 - pos", "sign"),
        (BIRDS, '"bk,bkd->bd", noise, n)', '"bk,bkd->bd", noise, n) / 3', "scale-factor"),
        (BIRDS, "du = ep[:, None] * v", "du = ep[:, None] * u", "wrong-operand"),
        (BIRDS, "np.add.at(dSONG, neg, dn)", "dSONG[neg] += dn", "overwritten-accumulation"),
        (WORDS, "grad_o = (sig_pos - 1) * v_c", "grad_o = (sig_pos - 1) * v_o", "wrong-operand"),
    ],
)
def test_a_mistake_is_told(text: str, right: str, wrong: str, kind: str, tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, text, right, wrong)
    assert told(check) == (line, kind), str(check)
