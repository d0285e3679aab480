"""Losses of all samples that a loop watches before it goes through them one by one, each with a step of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

SONGS = """
import numpy as np

class Bend:
    def forward(self, v):
        return np.tanh(v)

    def backward(self, v, above):
        made = self.forward(v)
        return above * (1 - made * made)

class Product:
    def forward(self, A, v):
        return A @ v

    def backward(self, A, v, above):
        return np.outer(above, v), A.T @ above

bend, product = Bend(), Product()

class Beat:
    def forward(self, note, before, A, B, C):
        self.felt = product.forward(A, note) + product.forward(B, before)
        self.mood = bend.forward(self.felt)
        self.says = product.forward(C, self.mood)

    def backward(self, note, before, A, B, C, later, d_says):
        self.forward(note, before, A, B, C)
        dC, d_mood = product.backward(C, self.mood, d_says)
        d_felt = bend.backward(self.felt, d_mood + later)
        dB, d_before = product.backward(B, before, d_felt)
        dA, _ = product.backward(A, note, d_felt)
        return d_before, dA, dB, dC

class Singer:
    def __init__(self, draw):
        self.A, self.B, self.C = draw.normal(size=(6, 3)), 0.4 * draw.normal(size=(6, 6)), draw.normal(size=(2, 6))

    def beats(self, song):
        found, before = [], np.zeros(6)
        for note in song:
            beat = Beat()
            beat.forward(note, before, self.A, self.B, self.C)
            before = beat.mood
            found.append(beat)
        return found

    def far_off(self, song, aims):
        return 0.5 * sum(np.sum((beat.says - aim) ** 2) for beat, aim in zip(self.beats(song), aims)) / len(song)

    def loss(self, songs):
        total = 0.0
        for song, aims in songs:
            total += self.far_off(song, aims)
        return total / len(songs)

    def gradients(self, song, aims):
        beats, later = self.beats(song), np.zeros(6)
        dA, dB, dC = (np.zeros_like(each) for each in (self.A, self.B, self.C))
        for t in reversed(range(len(song))):
            before = beats[t - 1].mood if t else np.zeros(6)
            d_says = beats[t].says - aims[t]
            later, a, b, c = beats[t].backward(song[t], before, self.A, self.B, self.C, later, d_says)
            dA += a
            dB += b
            dC += c
        return dA, dB, dC

    def sing(self, songs, rate, times):
        for turn in range(times):
            print("loss", self.loss(songs))
            for i in range(len(songs)):
                dA, dB, dC = self.gradients(*songs[i])
                self.A -= rate * dA
                self.B -= rate * dB
                self.C -= rate * dC

draw = np.random.default_rng(8)
songs = [(draw.normal(size=(n, 3)), draw.normal(size=(n, 2))) for n in (4, 3)]
Singer(draw).sing(songs, 0.05, 2)
"""


def test_the_first_sample_is_judged(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SONGS)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("dB += b", "dB = b", "overwritten-accumulation"),
        ("bend.backward(self.felt,", "bend.backward(self.mood,", "derivative-at-wrong-point"),
        ("d_mood + later", "d_mood", "missing-term"),
    ],
)
def test_a_mistake_in_one_sample(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, SONGS, right, wrong)
    assert told(check) == (line, kind), str(check)
