"""What NumPy's functions show of an array in place: writes to either are seen in the other, also where gradients flow.

The programs run as they stand on NumPy's complex arrays, which tell the true gradient, and on Tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from tests.test_views import X, complex_step, leaf
from tinygrad_scratch import jit, no_grad, value_and_grad

Program = Callable[[Any], Any]


def diagonal_after_a_write(x: Any) -> Any:
    z = x * x
    diagonal, corner = np.diagonal(z), np.diag(z, 1)
    z[0, :2] = x[1, 1] * 3.0
    z *= x
    return np.sum(diagonal) * corner


def windows_after_a_write(x: Any) -> Any:
    z = x * x
    windows = sliding_window_view(z, (2, 2))
    z[0, 1] *= x[1, 2]
    return windows * windows


def write_through_windows(x: Any) -> Any:
    z = x * x
    windows = sliding_window_view(z, 2, axis=1, writeable=True)
    windows[0, 1] = x[1, :2] * 3.0
    windows[:, 0, 0] += x[0, 0]
    return z * windows.sum()


def write_through_overlapping_windows(x: Any) -> Any:
    """Each element stands in several windows, and a window is written alone."""
    z = np.zeros_like(x)
    windows = sliding_window_view(z, (1, 2), writeable=True)
    for j in range(2):
        windows[:, j, 0] += x[:, 1:] * x[0, j]
    first, rest = windows[0], windows[1:]
    first[0] = first[1] * x[1, 1]
    rest.T[0, 0, 0] *= 3.0
    windows[[0, 1], [1, 0]] *= x[0, 2]
    np.multiply(first[1], x[1, 0], out=first[1])
    return z * x + np.sum(windows)


def write_through_windows_of_windows(x: Any) -> Any:
    z = x * 1.0
    windows = sliding_window_view(sliding_window_view(z.reshape(6)[1:], 3), 2, axis=1)
    shown = sliding_window_view(sliding_window_view(z.reshape(6)[1:], 3, writeable=True), 2, axis=1, writeable=True)
    shown[1, 0] = x[0, :2]
    shown[0, 0, 1] = x[1, 1] * x[0, 0]
    return z * np.sum(windows * windows)


def write_through_grids(x: Any) -> Any:
    row, column = x[0] * 1.0, x[:, 0] * 1.0
    across, down = np.meshgrid(row, column, sparse=True, copy=False)
    across *= 2.0
    down[1] = x[0, 1] * x[1, 0]
    return row * across + down * np.sum(column)


def grids_of_their_own(x: Any) -> Any:
    row, column = x[0] * 1.0, x[:, 0] * 1.0
    across, down = np.meshgrid(row, column)
    across *= 2.0
    down[1] = x[0, 1]
    return row * across + down * np.sum(column)


def write_through_trimmed(x: Any) -> Any:
    z = x[0] * 1.0
    z[0] = 0.0
    rest = np.trim_zeros(z)
    rest *= x[1, :2]
    return z * x


def write_to_pieces(x: Any) -> Any:
    z = x * 1.0
    left, right = np.split(z, [1], axis=1)
    left *= x[:, 1:2]
    right[0] = x[1, :2] * x[0, :2]
    return z * z


def copies(x: Any) -> Any:
    """None of these shows its argument: what is written to them does not reach it."""
    z = x * 1.0
    made = [
        np.take(z, [0, 1], axis=1), np.repeat(z, 1, axis=0), np.tile(z, 1), np.sort(z), np.tril(z), np.block([z]),
        np.resize(z, (2, 3)), np.delete(z, 0, axis=1), np.pad(z, 0), np.pad(z, 0, "edge"), np.compress([True], z, 0),
        np.diag(z[0]), np.select([np.ones((2, 3), bool)], [z]), np.insert(z, 0, z[0], axis=0), np.stack([z[0]]),
    ]  # fmt: skip
    for each in made:
        each *= x[0, 1]
    return z * z + sum(np.sum(each) for each in made)


PROGRAMS = [
    diagonal_after_a_write,
    windows_after_a_write,
    write_through_windows,
    write_through_overlapping_windows,
    write_through_windows_of_windows,
    write_through_grids,
    grids_of_their_own,
    write_through_trimmed,
    write_to_pieces,
    copies,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_programs_have_numpys_values_and_the_true_gradient(program: Program) -> None:
    x = leaf(X)
    y = program(x)
    np.testing.assert_allclose(y.data, program(X.copy()), rtol=1e-14)
    y.sum().backward()
    truth = complex_step(lambda moved: np.sum(program(moved)), X)
    np.testing.assert_allclose(x.grad, truth, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_compiled_programs_are_the_same(program: Program) -> None:
    value, slope = jit(value_and_grad(lambda x: np.sum(program(x))))(X)
    np.testing.assert_allclose(value, np.sum(program(X.copy())), rtol=1e-14)
    truth = complex_step(lambda moved: np.sum(program(moved)), X)
    np.testing.assert_allclose(slope, truth, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    "show",
    [
        np.diagonal,
        np.diag,
        lambda z: np.broadcast_to(z, (2, 2, 3)),
        lambda z: sliding_window_view(z, (2, 2)),
    ],
    ids=["np.diagonal", "np.diag", "np.broadcast_to", "sliding_window_view"],
)
def test_what_numpy_makes_read_only_can_not_be_written_to(show: Any) -> None:
    view = show(leaf(X) * 1.0)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1.0


@pytest.mark.parametrize(
    "write",
    [
        lambda windows: np.add.at(windows, [0], 1.0),
        lambda windows: windows.__imul__(2.0),
        lambda windows: windows.__setitem__(0, 1.0),
        lambda windows: windows[0].fill(1.0),
    ],
    ids=["np.add.at", "*=", "windows[0] = 1.0", "fill"],
)
def test_a_write_to_several_places_of_one_element_is_refused(write: Any) -> None:
    windows = sliding_window_view(leaf(X) * 1.0, (2, 2), writeable=True)
    with pytest.raises(ValueError, match=r"shows an element several times.*one window after the other"):
        write(windows)


def test_strides_by_hand_are_refused_where_a_gradient_would_be_lost() -> None:
    x = leaf(X)
    with pytest.raises(TypeError, match=r"t\.numpy\(\)"):
        as_strided(x, (2, 2), (8, 8))
    with no_grad():
        assert as_strided(x, (2, 2), (8, 8)).tolist() == [[0.3, -0.7], [-0.7, 1.1]]
