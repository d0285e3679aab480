"""Initial weights: ranges, variances, orthogonality, and the fans of a kernel."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch.nn import (
    Dense,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    orthogonal,
    standard_normal,
)

VARIANCES: dict[Any, Any] = {
    glorot_uniform: lambda inputs, outputs: 2 / (inputs + outputs),
    glorot_normal: lambda inputs, outputs: 2 / (inputs + outputs),
    he_uniform: lambda inputs, outputs: 2 / inputs,
    he_normal: lambda inputs, outputs: 2 / inputs,
    lecun_uniform: lambda inputs, outputs: 1 / inputs,
    lecun_normal: lambda inputs, outputs: 1 / inputs,
    standard_normal: lambda inputs, outputs: 1.0,
}
generators = pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])


@generators
@pytest.mark.parametrize("initializer", VARIANCES)
@pytest.mark.parametrize(
    ("shape", "inputs", "outputs"),
    [((100, 300), 100, 300), ((40, 20, 5, 3), 20 * 15, 40 * 15), ((80, 60, 3), 180, 240)],
)
def test_mean_and_variance(initializer: Any, make: Any, shape: Any, inputs: int, outputs: int) -> None:
    weight = initializer(shape, make(0))
    assert weight.shape == shape
    assert weight.dtype == float
    variance = VARIANCES[initializer](inputs, outputs)
    assert np.var(weight) == pytest.approx(variance, rel=0.05)
    assert abs(np.mean(weight)) < 4 * np.sqrt(variance / weight.size)
    if initializer.__name__.endswith("uniform"):
        assert np.max(np.abs(weight)) <= np.sqrt(3 * variance)
        assert np.max(np.abs(weight)) == pytest.approx(np.sqrt(3 * variance), rel=0.01)
    np.testing.assert_array_equal(weight, initializer(shape, make(0)))


@generators
@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (4, 2, 3), (12, 2, 3)], ids=str)
@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_orthogonal(make: Any, shape: tuple[int, ...], gain: float) -> None:
    weight = orthogonal(shape, make(0), gain=gain)
    assert weight.shape == shape
    matrix = weight.reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, gain**2 * np.eye(min(matrix.shape)), atol=1e-13)


def test_every_orthogonal_matrix_is_as_likely() -> None:
    """Without the correction of signs, the diagonal would be negative on the whole."""
    generator = np.random.default_rng(0)
    drawn = [orthogonal((3, 3), generator) for _ in range(2000)]
    assert np.max(np.abs(np.mean(drawn, axis=0))) < 0.06
    assert np.mean([np.linalg.det(q) > 0 for q in drawn]) == pytest.approx(0.5, abs=0.05)


def test_a_layer_takes_any_of_them() -> None:
    for initializer in (*VARIANCES, orthogonal, functools.partial(orthogonal, gain=2.0)):
        assert Dense(3, 4, generator=np.random.default_rng(0), initializer=initializer).weight.shape == (3, 4)
    assert glorot_uniform((0, 0), np.random.default_rng(0)).shape == (0, 0)


@pytest.mark.parametrize("initializer", [*list(VARIANCES)[:-1], orthogonal])
def test_a_vector_has_no_fans(initializer: Any) -> None:
    with pytest.raises(ValueError, match=r"A weight of shape \(3,\) has no inputs and outputs"):
        initializer((3,), np.random.default_rng(0))
