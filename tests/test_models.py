"""The models: each reaches what it says it does, at a smaller size here and in full by its command."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import digits_mlp, two_moons
from models.data import digits, moons, split
from tinygrad_scratch.functional import sigmoid
from tinygrad_scratch.nn import accuracy, predict


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


def assert_pictures(folder: Path, *names: str) -> None:
    assert sorted(os.listdir(folder)) == sorted(names)
    for name in names:
        assert ElementTree.fromstring((folder / name).read_text(encoding="utf-8")).tag.endswith("svg")


# ---- data ------------------------------------------------------------------------------------------------------------


def test_what_is_held_out_is_not_learned_from() -> None:
    data = split(np.arange(50), 2 * np.arange(50), 0.3, np.random.default_rng(0))
    assert len(data.test_x) == 15
    assert sorted([*data.x, *data.test_x]) == list(range(50))
    np.testing.assert_array_equal(data.y, 2 * data.x)
    np.testing.assert_array_equal(data.test_y, 2 * data.test_x)


def test_moons_are_half_circles() -> None:
    points, labels = moons(60, 0.0, np.random.default_rng(0))
    upper, lower = points[labels[:, 0] == 0], points[labels[:, 0] == 1]
    np.testing.assert_allclose(np.linalg.norm(upper, axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(lower - [1, 0.5], axis=1), 1)
    assert np.all(upper[:, 1] >= 0)
    assert np.all(lower[:, 1] <= 0.5)


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "tinygrad_scratch\[data\]"'):
        digits(np.random.default_rng(0))


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


def test_digits_in_short() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed, so there are no digits to learn from here")
    generator = np.random.default_rng(1)
    data = digits(generator)
    assert data.x.shape == (1438, 64)
    assert (data.x.min(), data.x.max()) == (0.0, 1.0)
    network = digits_mlp.make_network(generator)
    digits_mlp.train(network, data, generator, epochs=5)
    assert accuracy(predict(network, data.test_x), data.test_y) > 0.93
    assert [len(line) for line in digits_mlp.drawn(data.x[0])] == [16] * 8


def test_the_program_digits_mlp(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed, so there are no digits to learn from here")
    lines = run("digits_mlp", tmp_path)
    assert any("97% or more" in line for line in lines)
    assert_pictures(tmp_path, "digits_mlp.svg")
