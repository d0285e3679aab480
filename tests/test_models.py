"""The models: each reaches what it says it does, at a smaller size here and in full by its command."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models import autoencoder, char_rnn, char_transformer, digits_cnn, digits_mlp, physics, reading, text, two_moons
from models.data import digits, documentation, folds, in_parts, moons, split
from models.ngram import NGram
from models.show import drawn
from tinygrad_scratch.functional import sigmoid
from tinygrad_scratch.nn import accuracy, predict
from tinygrad_scratch.tensor import Tensor


def run(name: str, folder: Path) -> list[str]:
    """What a model prints, run by its command in a folder of its own."""
    root = str(Path(two_moons.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", f"models.{name}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    return lines


def run_smaller(
    module: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **sizes: Any
) -> list[str]:
    """What a model prints at a smaller size, where it need not reach what it reaches in full."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")
    for name, size in sizes.items():
        monkeypatch.setattr(module, name, size)
    assert module.main() in {0, 1}
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    return lines


def assert_pictures(folder: Path, *names: str) -> None:
    assert sorted(os.listdir(folder)) == sorted(names)
    for name in names:
        assert ElementTree.fromstring((folder / name).read_text(encoding="utf-8")).tag.endswith("svg")


def assert_plotted(folder: Path, lines: list[str], graph: str, picture: str) -> None:
    """The graph is drawn, and the picture by matplotlib, where that is installed; where it isn't, that is said."""
    there = importlib.util.find_spec("matplotlib") is not None
    assert_pictures(folder, *([graph, picture] if there else [graph]))
    assert any((f"drawn in {picture}" if there else "pip install") in line for line in lines)


def needs_digits() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed, so there are no digits to learn from here")


# ---- data ------------------------------------------------------------------------------------------------------------


def test_what_is_held_out_is_not_learned_from() -> None:
    data = split(np.arange(50), 2 * np.arange(50), 0.3, np.random.default_rng(0))
    assert len(data.test_x) == 15
    assert sorted([*data.x, *data.test_x]) == list(range(50))
    np.testing.assert_array_equal(data.y, 2 * data.x)
    np.testing.assert_array_equal(data.test_y, 2 * data.test_x)


def test_each_sample_is_held_out_once() -> None:
    x = np.random.default_rng(0).permutation(50)
    made = folds(x, -x, 4, np.random.default_rng(0))
    assert sorted(place for places, _ in made for place in places) == list(range(50))
    for places, part in made:
        np.testing.assert_array_equal(part.test_x, x[places])
        np.testing.assert_array_equal(part.test_y, -x[places])
        np.testing.assert_array_equal(part.y, -part.x)
        assert sorted([*part.x, *part.test_x]) == list(range(50))


def test_moons_are_half_circles() -> None:
    points, labels = moons(60, 0.0, np.random.default_rng(0))
    upper, lower = points[labels[:, 0] == 0], points[labels[:, 0] == 1]
    np.testing.assert_allclose(np.linalg.norm(upper, axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(lower - [1, 0.5], axis=1), 1)
    assert np.all(upper[:, 1] >= 0)
    assert np.all(lower[:, 1] <= 0.5)


def test_the_documentation_has_each_paragraph_once() -> None:
    paragraphs = documentation().strip("\n").split("\n\n")
    assert len(paragraphs) == len({" ".join(paragraph.split()) for paragraph in paragraphs}) > 1000


def test_a_text_is_cut_into_three_parts() -> None:
    cut = in_parts("the quick brown fox jumps over the lazy dog")
    parts = [cut.decode(part) for part in (cut.train, cut.validation, cut.test)]
    assert parts == ["the quick brown fox jumps over the", " laz", "y dog"]
    np.testing.assert_array_equal(cut.encode(parts[0]), cut.train)
    with pytest.raises(ValueError, match="substring"):
        cut.encode("?")


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install scikit-learn"):
        digits()


# ---- two moons -------------------------------------------------------------------------------------------------------


def test_two_moons_in_short() -> None:
    generator = np.random.default_rng(1)
    points, labels = moons(200, 0.1, generator)
    network = two_moons.make_network(generator)
    history = two_moons.train(network, points, labels, generator, epochs=60)
    assert history["accuracy"][-1] > 0.95
    letters = two_moons.in_letters(network, columns=20, rows=10).splitlines()
    assert {len(line) for line in letters} == {20}
    assert (letters[0][0], letters[-1][-1]) == (" ", "@")


def test_the_landscape_is_that_of_the_plane() -> None:
    def rising(points: Any) -> Any:
        return 10 * points[:, 1:]

    shades = two_moons.landscape(rising, columns=3, rows=2)
    middles = [two_moons.TOP - (two_moons.TOP - two_moons.BOTTOM) * part for part in (0.25, 0.75)]
    np.testing.assert_allclose(shades, np.repeat(sigmoid(10 * np.array(middles))[:, None], 3, axis=1))


def test_the_program_two_moons(tmp_path: Path) -> None:
    lines = run("two_moons", tmp_path)
    assert any("97% or more" in line for line in lines)
    assert_pictures(tmp_path, "two_moons.svg", "two_moons_boundary.svg")


# ---- digits ----------------------------------------------------------------------------------------------------------


def test_digits_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    needs_digits()
    generator = np.random.default_rng(1)
    x, y = digits()
    assert x.shape == (1797, 64)
    assert (x.min(), x.max()) == (0.0, 1.0)
    data = split(x, y, 0.2, generator)
    network = digits_mlp.make_network(generator)
    monkeypatch.setattr(digits_mlp, "EPOCHS", 5)
    digits_mlp.train(network, data, generator)
    assert accuracy(predict(network, data.test_x), data.test_y) > 0.93
    assert [len(line) for line in drawn(x[0])] == [16] * 8


def test_digits_by_convolutions_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    needs_digits()
    generator = np.random.default_rng(1)
    data = split(*digits(), 0.2, generator)
    network = digits_cnn.make_network(generator)
    monkeypatch.setattr(digits_cnn, "EPOCHS", 4)
    digits_cnn.train(network, data, generator)
    assert accuracy(predict(network, data.test_x), data.test_y) > 0.93


def test_a_digit_moved_by_parts_of_a_pixel_is_spread_over_its_neighbours() -> None:
    generator: Any = SimpleNamespace(uniform=lambda least, most, size: np.full(size, most))
    dot = np.zeros((1, 8, 8))
    dot[0, 3, 3] = 1
    moved = digits_cnn.moved(dot.reshape(1, 64), generator, most=0.25).reshape(8, 8)
    np.testing.assert_array_equal(moved[3:5, 3:5], np.outer([0.75, 0.25], [0.75, 0.25]))
    assert moved.sum() == 1


def test_digits_through_four_numbers_in_short() -> None:
    """Nearer than PCA, which is the best that linear layers of that width can do."""
    needs_digits()
    generator = np.random.default_rng(1)
    data = split(*digits(), 0.2, generator)
    network = autoencoder.make_network(generator)
    autoencoder.train(network, data, generator, epochs=20)
    linear = autoencoder.principal_components(data.x, autoencoder.WIDTH)
    found = autoencoder.error(predict(network, data.test_x), data.test_x)
    assert found < 0.9 * autoencoder.error(linear(data.test_x), data.test_x)
    assert predict(network[:1], data.test_x).shape == (len(data.test_x), autoencoder.WIDTH)


def test_principal_components_lose_what_the_smallest_singular_values_hold() -> None:
    x = np.random.default_rng(0).normal(size=(30, 5)) * [5, 4, 3, 2, 1]
    lost = x - autoencoder.principal_components(x, 3)(x)
    values = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    assert np.sum(lost**2) == pytest.approx(np.sum(values[3:] ** 2), rel=1e-12)


@pytest.mark.parametrize(("module", "wanted"), [(digits_mlp, "97%"), (digits_cnn, "98.5%")], ids=["mlp", "cnn"])
def test_the_programs_about_digits(
    module: Any, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needs_digits()
    monkeypatch.setattr(reading, "FOLDS", 2)
    lines = run_smaller(module, tmp_path, monkeypatch, capsys, EPOCHS=1)
    assert any("1797 digits" in line for line in lines)
    assert any(f"less than {wanted}" in line for line in lines)
    assert any(", read as " in line for line in lines)
    assert_pictures(tmp_path, module.PICTURE)


def test_the_program_autoencoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needs_digits()
    lines = run_smaller(autoencoder, tmp_path, monkeypatch, capsys, EPOCHS=2)
    assert_plotted(tmp_path, lines, "autoencoder.svg", "autoencoder_digits.svg")


# ---- text ------------------------------------------------------------------------------------------------------------


def some_text(length: int) -> Any:
    return in_parts(documentation()[:length])


def kneser_ney(train: str, context: str, character: str, discount: float, longest: bool = True) -> float:
    """The formula in NGram's docstring, by counting in strings."""
    alphabet = set(train)
    order = len(context) + 1
    grams = [train[i : i + order] for i in range(len(train) - order + 1)]
    if not longest:
        grams = [longer[1:] for longer in {train[i : i + order + 1] for i in range(len(train) - order)}]
    shorter = kneser_ney(train, context[1:], character, discount, False) if context else 1 / len(alphabet)
    after = [gram[-1] for gram in grams if gram[:-1] == context]
    if not after:
        return shorter
    return (max(after.count(character) - discount, 0) + discount * len(set(after)) * shorter) / len(after)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_ngrams_are_those_of_kneser_and_ney(order: int) -> None:
    train, unseen = "abracadabra, a cadabra", "a bad crab, rad"
    alphabet = sorted(set(train))
    train_numbers, numbers = (np.array([alphabet.index(c) for c in part]) for part in (train, unseen))
    found = NGram(train_numbers, len(alphabet), order).probabilities(numbers, 0.7)
    places = range(order - 1, len(unseen))
    wanted = [kneser_ney(train, unseen[i - order + 1 : i], unseen[i], 0.7) for i in places]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_ngrams_share_out_all_of_the_probability() -> None:
    sample = some_text(20_000)
    characters = len(sample.alphabet)
    ends = np.arange(characters)[:, None]
    texts = np.concatenate([np.tile(sample.test[:4], (characters, 1)), ends], axis=1)
    p = NGram(sample.train, characters, 5).probabilities(texts, 0.8)
    assert p.min() > 0
    assert p.sum() == pytest.approx(1, rel=1e-12)


def test_ngrams_too_long_for_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="12-grams of 100 characters are too many for numbers of 64 bits"):
        NGram(np.arange(100), 100, 12)


def test_windows_ask_for_each_character_once() -> None:
    numbers = np.arange(30)
    windows = text.windows(numbers, context=4, length=5)
    np.testing.assert_array_equal(windows[:, 4:].ravel(), numbers[4:29])
    np.testing.assert_array_equal(windows[:, :4].ravel()[:8], [0, 1, 2, 3, 5, 6, 7, 8])


def test_bits_are_counted_alike_for_networks_and_ngrams() -> None:
    """A network that says what a 2-gram model says needs as many bits."""
    sample = some_text(20_000)
    characters = len(sample.alphabet)
    ngram = NGram(sample.train, characters, 2)
    pairs = np.stack(np.meshgrid(np.arange(characters), np.arange(characters), indexing="ij"), axis=-1)
    table = np.log(ngram.probabilities(pairs, 0.8)[..., 0])
    by_network = text.bits_of_network(lambda numbers: table[numbers], sample.test, 8, 8)
    assert by_network == pytest.approx(text.bits_of_ngram(ngram, 0.8, sample.test, 8, 8), rel=1e-12)


def needed_by_ngrams(sample: Any, module: Any, order: int) -> float:
    ngram = NGram(sample.train, len(sample.alphabet), order)
    bits = [text.bits_of_ngram(ngram, d, sample.test, module.CONTEXT, module.LENGTH) for d in text.DISCOUNTS]
    return min(bits)


def test_the_lstm_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer bits than pairs of characters need, so it has learned to remember."""
    monkeypatch.setattr(char_rnn, "HIDDEN", 64)
    sample = some_text(60_000)
    network = char_rnn.CharRNN(len(sample.alphabet), np.random.default_rng(0))
    history = char_rnn.train(network, sample, epochs=6)
    assert len(history) == 6
    bits = text.bits_of_network(network, sample.test, char_rnn.CONTEXT, char_rnn.LENGTH)
    assert bits < needed_by_ngrams(sample, char_rnn, 2)


def weights_of(network: Any) -> list[Any]:
    return [parameter.numpy() for parameter in network.parameters()]


def assert_trained_alike(first: tuple[Any, Any], second: tuple[Any, Any], tolerance: float) -> None:
    """Two runs, each a history and a network: the same losses, and the same weights."""
    for name in ("loss", "validation_loss"):
        np.testing.assert_allclose(first[0][name], second[0][name], rtol=tolerance)
    for one, other in zip(weights_of(first[1]), weights_of(second[1]), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(1, np.abs(one).max()))


@pytest.fixture
def jitted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is compiled in a test."""
    from tinygrad_scratch.compiler import jit as module

    made: list[Any] = []
    jit: Any = module.jit

    def noted(*arguments: Any, **options: Any) -> Any:
        made.append(jit(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(module, "jit", noted)
    return made


def assert_two_compiled(jitted: list[Any]) -> None:
    """The gradients and the optimizer's step; what was never run has no source, and raises."""
    assert [bool(each.source) for each in jitted] == [True, True]


@pytest.mark.parametrize("module", [digits_mlp, digits_cnn], ids=["mlp", "cnn"])
def test_digits_are_learned_alike_by_jit(module: Any, monkeypatch: pytest.MonkeyPatch, jitted: list[Any]) -> None:
    needs_digits()
    monkeypatch.setattr(module, "EPOCHS", 2)

    def trained(jit: bool) -> tuple[Any, Any]:
        generator = np.random.default_rng(1)
        x, y = digits()
        network = module.make_network(generator)
        return module.train(network, split(x[:200], y[:200], 0.2, generator), generator, jit), network

    assert_trained_alike(trained(jit=False), trained(jit=True), 1e-9)
    assert_two_compiled(jitted)


def test_text_is_learned_alike_by_jit(monkeypatch: pytest.MonkeyPatch, jitted: list[Any]) -> None:
    sample = some_text(3_000)
    monkeypatch.setattr(char_rnn, "HIDDEN", 16)
    monkeypatch.setattr(char_rnn, "STEPS", 8)
    monkeypatch.setattr(char_transformer, "FEATURES", 16)
    monkeypatch.setattr(char_transformer, "BLOCKS", 1)

    def by_lstm(jit: bool) -> tuple[Any, Any]:
        network = char_rnn.CharRNN(len(sample.alphabet), np.random.default_rng(0))
        return char_rnn.train(network, sample, 1, jit), network

    def by_transformer(jit: bool) -> tuple[Any, Any]:
        generator = np.random.default_rng(0)
        network = char_transformer.CharTransformer(len(sample.alphabet), generator)
        return char_transformer.train(network, sample, generator, 1, jit), network

    for trained in (by_lstm, by_transformer):
        jitted.clear()
        assert_trained_alike(trained(jit=False), trained(jit=True), 1e-3)  # of float32, many steps later
        assert_two_compiled(jitted)


def test_the_lstm_reads_on_where_it_stopped() -> None:
    network = char_rnn.CharRNN(7, np.random.default_rng(0)).eval()
    numbers = np.random.default_rng(1).integers(0, 7, (2, 9))
    first, state = network.read(numbers[:, :4])
    second, _ = network.read(numbers[:, 4:], state)
    pieces = np.concatenate([first.numpy(), second.numpy()], axis=1)
    np.testing.assert_allclose(pieces, network(numbers).numpy(), rtol=1e-4, atol=1e-5)


def test_the_transformer_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(char_transformer, "FEATURES", 32)
    monkeypatch.setattr(char_transformer, "BLOCKS", 1)
    monkeypatch.setattr(char_transformer, "DROPOUT", 0.0)
    sample = some_text(40_000)
    generator = np.random.default_rng(0)
    network = char_transformer.CharTransformer(len(sample.alphabet), generator)
    char_transformer.train(network, sample, generator, epochs=3)
    bits = text.bits_of_network(network, sample.test, char_transformer.CONTEXT, char_transformer.LENGTH)
    assert bits < needed_by_ngrams(sample, char_transformer, 2)


def test_the_transformer_does_not_see_what_is_to_come() -> None:
    network = char_transformer.CharTransformer(7, np.random.default_rng(0)).eval()
    numbers = np.random.default_rng(1).integers(0, 7, 9)
    others = np.append(numbers[:5], 6 - numbers[5:])
    before, after = network(numbers).numpy(), network(others).numpy()
    np.testing.assert_array_equal(before[:5], after[:5])
    assert np.all(np.abs(before[5:] - after[5:]).max(axis=-1) > 1e-3)


@pytest.mark.parametrize(
    ("module", "sizes"),
    [(char_rnn, {"HIDDEN": 16}), (char_transformer, {"FEATURES": 16, "BLOCKS": 2})],
    ids=["char_rnn", "char_transformer"],
)
def test_the_programs_about_text(
    module: Any,
    sizes: dict[str, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(text, "SAMPLE", 50)
    monkeypatch.setattr(text, "ORDERS", range(2, 4))
    small = {"documentation": lambda: documentation()[:20_000], "EPOCHS": 1, "RIVAL": 3, **sizes}
    lines = run_smaller(module, tmp_path, monkeypatch, capsys, **small)
    assert any("fewer than the 3-gram" in line for line in lines)
    assert any(line.startswith("The ") for line in lines)
    assert_pictures(tmp_path, module.PICTURE)


# ---- physics ---------------------------------------------------------------------------------------------------------


def test_the_exact_solution_solves_the_equation() -> None:
    x, t = (Tensor(part, requires_grad=True) for part in np.random.default_rng(0).uniform(size=(2, 50, 1)))
    u = physics.exact(x, t)
    terms = np.max(np.abs(u.numpy()))
    assert np.max(np.abs(physics.residual(u, x, t).numpy())) < 1e-12 * max(terms, 1)
    np.testing.assert_allclose(physics.exact(np.array([0.0, 1.0]), 0.3), 0, atol=1e-15)


def test_physics_in_short() -> None:
    generator = np.random.default_rng(1)
    solution = physics.Solution(generator)
    before = physics.relative_error(solution)
    physics.train(solution, generator, steps=300)
    assert before > 0.3
    assert physics.relative_error(solution) < 0.05


def test_the_program_physics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run_smaller(physics, tmp_path, monkeypatch, capsys, STEPS=100)
    assert_plotted(tmp_path, lines, "physics.svg", "physics_curves.svg")
