"""Several losses that are descended together and never added up: the loss is the sum of them, or a mix."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

TWO_HEADS = """
import numpy as np

rng = np.random.default_rng(11)
notes, pitch, length = rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), rng.normal(size=(9, 3))
ear = rng.normal(size=(4, 5)) * 0.5
to_pitch, to_length = rng.normal(size=(5, 2)), rng.normal(size=(5, 3))

for evening in range(4):
    heard = np.tanh(notes @ ear)
    off_pitch, off_length = heard @ to_pitch - pitch, heard @ to_length - length
    pitch_mse = np.mean(off_pitch**2)
    length_mse = np.mean(off_length**2)
    d_pitch, d_length = 2 * off_pitch / off_pitch.size, 2 * off_length / off_length.size
    d_heard = d_pitch @ to_pitch.T + d_length @ to_length.T
    d_to_pitch, d_to_length = heard.T @ d_pitch, heard.T @ d_length
    d_ear = notes.T @ (d_heard * (1 - heard**2))
    to_pitch -= 0.2 * d_to_pitch
    to_length -= 0.2 * d_to_length
    ear -= 0.2 * d_ear
    print(evening, pitch_mse, length_mse)
"""
ONE_STEP = """
import numpy as np

rng = np.random.default_rng(3)
x, near, far = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=(8, 2))
w = rng.normal(size=(3, 2))

for turn in range(4):
    off_near, off_far = x @ w - near, x @ w - far
    near_loss, far_loss = np.mean(off_near**2), np.mean(off_far**2)
    d_near, d_far = x.T @ off_near / 8, x.T @ off_far / 8
    w -= 0.1 * (0.8 * d_near + 0.2 * d_far)
    print(near_loss, far_loss)
"""
WEIGHTED = TWO_HEADS.replace("+ d_length @", "+ 0.25 * d_length @").replace("0.2 * d_to_length", "0.05 * d_to_length")


@pytest.mark.parametrize(
    ("text", "loss", "fitting"),
    [
        (TWO_HEADS, "pitch_mse + length_mse", "3 of 3"),
        (WEIGHTED, "pitch_mse + 0.25 length_mse", "3 of 3"),
        (ONE_STEP, "0.8 near_loss + 0.2 far_loss", "1 of 1"),
        (ONE_STEP.replace("0.8 * d_near + 0.2 * d_far", "d_near + d_far"), "near_loss + far_loss", "1 of 1"),
    ],
    ids=["two heads", "two heads, one of less weight", "one matrix, weighted", "one matrix"],
)
def test_losses_that_are_not_added_up(text: str, loss: str, fitting: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, check
    assert any(f"{loss} is taken; {fitting} gradients fit it" in note for note in check.notes), check


@pytest.mark.parametrize(
    ("right", "wrong", "name"),
    [
        ("(1 - heard**2)", "(1 - heard)", "d_ear"),
        ("+ d_length @", "- d_length @", "d_heard"),
        ("d_to_length = heard.T @ d_pitch, heard.T", "d_to_length = heard.T @ d_pitch, (heard**2).T", "d_to_length"),
    ],
    ids=["slope", "sign", "operand"],
)
def test_a_mistake_is_told_by_their_sum(right: str, wrong: str, name: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TWO_HEADS.replace(right, wrong))
    assert check.first_wrong is not None
    assert check.first_wrong.name == name, check
    assert any("pitch_mse + length_mse is taken; 2 of 3" in note for note in check.notes), check


CALLED_TWICE = """
import numpy as np

rng = np.random.default_rng(21)
bars, tone, tempo = rng.normal(size=(11, 4)), rng.normal(size=(11, 1)), rng.normal(size=(11, 1))
ear = 0.5 * rng.normal(size=(4, 5))
to_tone, to_tempo = rng.normal(size=(5, 1)), rng.normal(size=(5, 1))

def hear(reader, goal):
    heard = np.tanh(bars @ ear)
    miss = heard @ reader - goal
    loss = np.mean(miss**2)
    dout = 2 * miss / len(bars)
    return loss, heard.T @ dout, bars.T @ (dout @ reader.T * (1 - heard**2))

def freed(g, other):
    dot = np.sum(g * other)
    return g - dot / np.sum(other**2) * other if dot < 0 else g

for lesson in range(6):
    tone_loss, d_tone, g = hear(to_tone, tone)
    tempo_loss, d_tempo, k = hear(to_tempo, tempo)
    ear -= 0.1 * (g + k)
    to_tone -= 0.1 * d_tone
    to_tempo -= 0.1 * d_tempo
    if lesson % 4 == 0:
        print(tone_loss, tempo_loss)
"""


def test_a_function_that_is_called_twice_gives_two_losses(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, CALLED_TWICE)
    assert check.ok, str(check)
    assert check.entry.loss_name == "tone_loss + tempo_loss"
    nameless = CALLED_TWICE.replace("tone_loss, d_tone", "_, d_tone").replace("tempo_loss, d_tempo", "_, d_tempo")
    assert check_of_script(tmp_path, nameless.replace("print(tone_loss, tempo_loss)", "print(lesson)")).ok


def test_a_mistake_in_what_two_calls_add_is_told(tmp_path: Path) -> None:
    once = CALLED_TWICE.replace("range(6)", "range(1)")
    check, line = edited_script(tmp_path, once, "0.1 * (g + k)", "0.1 * (g - k)")
    assert told(check) == (line, "sign"), str(check)
    check, _ = edited_script(tmp_path, once, "0.1 * (g + k)", "0.1 * g")
    assert check.first_wrong.kind == "missing-term", str(check)
    assert check.entry.loss_name == "tone_loss + tempo_loss"


def test_gradients_of_two_calls_that_are_added_by_weights_of_their_own_are_those_of_no_loss(tmp_path: Path) -> None:
    at_odds = CALLED_TWICE.replace("\n\ndef hear", "\ntempo, to_tempo = tone + 0.1 * tempo, 0.2 - to_tone\n\ndef hear")
    at_odds = at_odds.replace("range(6)", "range(1)")  # later they are at odds no more
    check = check_of_script(tmp_path, at_odds.replace("(g + k)", "(freed(g, k) + freed(k, g))"))
    assert "by weights that are those of no sum" in str(check.problem), str(check)
