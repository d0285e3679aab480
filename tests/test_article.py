"""The article's network: its hand-derived backprop against autograd, its figures, and the program that shows both."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import article
from models.handwritten import HandwrittenNetwork

sizes = st.integers(min_value=1, max_value=6)


# ---- autograd finds what was derived by hand -------------------------------------------------------------------------


def assert_alike(weights: list[Any], inputs: Any, labels: Any) -> None:
    """delta4, delta3, delta2 and the three weight gradients, to 1e-12 of the largest number in each."""
    pairs = article.compare_gradients(weights, inputs, labels)
    assert list(pairs) == ["delta4", "dJdW3", "delta3", "dJdW2", "delta2", "dJdW1"]
    for name, (by_hand, by_autograd) in pairs.items():
        assert by_hand.shape == by_autograd.shape
        assert np.max(np.abs(by_hand)) > 0
        np.testing.assert_allclose(by_hand, by_autograd, rtol=0, atol=1e-12 * np.max(np.abs(by_hand)), err_msg=name)


def article_weights() -> list[Any]:
    return [weight.numpy() for weight in article.make_network(np.random.RandomState(1)).parameters()]


def test_hand_derived_gradients_on_the_data_of_the_article() -> None:
    assert_alike(article_weights(), article.INPUTS, article.LABELS)


@given(st.tuples(sizes, sizes, sizes, sizes, sizes), st.floats(0.1, 3), st.integers(0, 2**32 - 1))
def test_hand_derived_gradients_on_drawn_data_sizes_and_weights(
    lengths: tuple[int, int, int, int, int], spread: float, seed: int
) -> None:
    n, i, j, k, m = lengths
    generator = np.random.default_rng(seed)
    weights = [spread * generator.normal(size=shape) for shape in ((i, j), (j, k), (k, m))]
    assert_alike(weights, generator.normal(size=(n, i)), generator.uniform(size=(n, m)))


def test_hand_derived_gradients_are_slopes_of_the_cost() -> None:
    """So that hand and autograd are not wrong together."""
    weights = article_weights()
    step = 1e-5

    def cost(moved: list[Any]) -> Any:
        network = HandwrittenNetwork(*moved)
        network.forward(article.INPUTS)
        return network.cost(article.LABELS)

    network = HandwrittenNetwork(*weights)
    network.forward(article.INPUTS)
    for place, gradient in enumerate(network.backward(article.LABELS)):
        for index in np.ndindex(gradient.shape):
            ahead, behind = ([weight.copy() for weight in weights] for _ in range(2))
            ahead[place][index] += step
            behind[place][index] -= step
            assert gradient[index] == pytest.approx((cost(ahead) - cost(behind)) / (2 * step), rel=1e-7, abs=1e-10)


def test_the_comparison_sees_a_wrong_line(monkeypatch: pytest.MonkeyPatch) -> None:
    backward = HandwrittenNetwork.backward

    def careless(self: HandwrittenNetwork, labels: Any) -> Any:
        found = backward(self, labels)
        self.delta3 = np.dot(self.delta4, self.w3.T) * self.a3
        return found

    monkeypatch.setattr(HandwrittenNetwork, "backward", careless)
    verdicts = {cells[0]: alike for cells, alike in article.check_gradients(article_weights())}
    assert verdicts == {"delta4": True, "dJdW3": True, "delta3": False, "dJdW2": True, "delta2": True, "dJdW1": True}


# ---- the figures that the article prints -----------------------------------------------------------------------------


def test_both_listings_of_the_article() -> None:
    generator = np.random.RandomState(1)
    first, second = article.make_network(generator), article.make_network(generator)
    costs_of_first = article.train(first, range(5000))
    costs_of_second = article.train(second, range(5000))
    assert [f"{p:.8f}" for p in first(article.INPUTS).numpy().ravel()] == [
        "0.02039406",
        "0.96795662",
        "0.97199464",
        "0.02758648",
    ]
    assert [f"{costs_of_second[epoch]:.12g}" for epoch in range(0, 5000, 1000)] == [
        "0.688239103472",
        "0.0192991528354",
        "0.00398719767284",
        "0.00202819194556",
        "0.00132494673741",
    ]
    np.testing.assert_allclose(
        [costs_of_first[epoch] for epoch in range(0, 5000, 1000)],
        [0.7805472029773239, 0.09984527943090868, 0.008364308706989045, 0.00353015455292702, 0.0021299322747488844],
        rtol=1e-10,
    )
    np.testing.assert_allclose(
        second(article.INPUTS).numpy().ravel(), [0.02423092, 0.97672749, 0.97949908, 0.01989055], atol=5e-9
    )


# ---- the program -----------------------------------------------------------------------------------------------------


def test_the_program_in_a_process_of_its_own(tmp_path: Path) -> None:
    root = str(Path(article.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "models.article"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("The article's network")
    assert max(map(len, lines)) <= 80
    assert done.stdout.count("alike") == 4 + 5 + 6
    assert "differs" not in done.stdout
    for printed in (*article.PREDICTIONS, *article.COSTS.values()):
        assert any(line.split().count(printed) == 2 for line in lines)
    assert [line.split()[0] for line in lines if "dJ/d" in line] == list(article.BY_HAND)
    assert "Training" not in done.stdout
    assert "drawn in article.svg" in done.stdout
    picture = (tmp_path / "article.svg").read_text(encoding="utf-8")
    for text in ("x", "y", "w1", "w2", "w3", "z2", "a2", "z3", "a3", "z4", "∂J/∂z4", "∂J/∂w1"):
        assert f">{text}<" in picture


def test_a_difference_is_shown_and_makes_the_program_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(article, "PREDICTIONS", ("0.02039406", "0.96795662", "0.97199464", "0.02758649"))
    assert article.main() == 1
    output = capsys.readouterr().out
    assert output.count("differs") == 1
    assert "0.02758649   0.02758648   differs" in output


def test_a_terminal_sees_the_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(article, "EPOCHS", 2)
    monkeypatch.setattr(article, "COSTS", {0: article.COSTS[0]})
    article.main()
    output = capsys.readouterr().out
    assert "Training the first network" in output
    assert "Training the second network" in output
