"""Whole programs, as people write them in NumPy: each runs unchanged on arrays and on Tensors.

Their values are NumPy's. Their gradients are those of a complex step, or of differences, through the program on arrays;
where a program is smooth, its Hessian times a vector is that of differences of its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tests.cases.table import Case, Draw, above_one, complex_normal, distinct, domain, normal, positive
from tests.test_laws import assert_close, entrywise, slope, steady
from tinygrad_scratch import Tensor, grad, hessian_vector_product

small = domain(lambda generator, shape: 0.3 * generator.normal(size=shape))
between_grid_points = domain(
    lambda generator, shape: generator.integers(0, 4, shape) + generator.uniform(0.1, 0.9, shape)
)


@dataclass(frozen=True, eq=False)
class Program(Case):
    """A function of arrays that returns one number; `step` says that a complex step can differentiate it."""

    step: bool = False
    smooth: bool = True

    @property
    def analytic(self) -> bool:
        return self.step


PROGRAMS: list[Program] = []


def program(*arguments: Draw, step: bool = False, smooth: bool = True) -> Callable[[Any], Any]:
    def register(text: Any) -> Any:
        PROGRAMS.append(Program(text, arguments, step=step, smooth=smooth))
        return text

    return register


# ---- neural networks -------------------------------------------------------------------------------------------------


@program(normal(2, 5, 5), normal(3, 2, 3, 3), step=True)
def convolution_by_windows(x: Any, kernels: Any) -> Any:
    windows = sliding_window_view(x, (3, 3), axis=(1, 2))
    return np.sum(np.tanh(np.einsum("chwij,ocij->ohw", windows, kernels)) ** 2)


@program(normal(2, 4, 4), normal(3, 2, 3, 3), step=True)
def convolution_by_im2col(x: Any, kernels: Any) -> Any:
    rows = np.arange(2)[:, None] + np.arange(3)
    patches = x[:, rows[:, None, :, None], rows[None, :, None, :]]
    return np.sum(np.sin(np.tensordot(kernels, patches, axes=([1, 2, 3], [0, 3, 4]))))


@program(normal(2, 3, 3), normal(2, 2, 3, 3))
def convolution_by_loops(x: Any, kernels: Any) -> Any:
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    out = np.zeros_like(x, shape=(2, 3, 3))
    for o, i, j in np.ndindex(out.shape):
        out[o, i, j] = np.sum(padded[:, i : i + 3, j : j + 3] * kernels[o])
    return (out**3).sum()


@program(distinct(2, 4, 4), smooth=False)
def max_pooling(x: Any) -> Any:
    by_reshape = x.reshape(2, 2, 2, 2, 2).max(axis=(2, 4))
    by_windows = np.max(sliding_window_view(x, (2, 2), axis=(-2, -1))[:, ::2, ::2], axis=(-1, -2))
    return np.sum(by_reshape * by_windows)


@program(normal(2, 4, 3), normal(2, 5, 3), normal(2, 5, 3))
def attention(q: Any, k: Any, v: Any) -> Any:
    scores = np.einsum("htd,hsd->hts", q, k) / np.sqrt(q.shape[-1])
    scores = np.where(np.tril(np.ones((4, 5), bool), 1), scores, -1e9)
    scores -= scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores)
    weights /= weights.sum(-1, keepdims=True)
    return np.sum(np.einsum("hts,hsd->thd", weights, v).reshape(4, -1) ** 2)


@program(normal(5, 4))
def cross_entropy(z: Any) -> Any:
    z = z - z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -log_p[np.arange(5), [0, 3, 1, 1, 2]].mean()


@program(normal(4, 5), normal(5), normal(5))
def layer_norm(x: Any, gain: Any, bias: Any) -> Any:
    normalized = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return np.sum(np.sin(gain * normalized + bias))


@program(normal(4, 2, 3), small(7, 16), normal(16))
def lstm(x: Any, weights: Any, bias: Any) -> Any:
    h = np.zeros_like(x, shape=(2, 4))
    c = np.zeros_like(h)
    states = np.empty_like(x, shape=(4, 2, 4))
    for t in range(4):
        z = np.hstack([x[t], h]) @ weights + bias
        forget, take, show = np.split(1 / (1 + np.exp(-z[:, :12])), 3, axis=1)
        c *= forget
        c += take * np.tanh(z[:, 12:])
        h[:] = show * np.tanh(c)
        states[t] = h
    return np.sum(states**2)


class Perceptron:
    """A model that keeps its parameters in a dictionary."""

    def __init__(self, *weights: Any) -> None:
        self.parameters = {f"w{i}": w for i, w in enumerate(weights)}

    def __call__(self, x: Any) -> Any:
        for w in self.parameters.values():
            x = np.tanh(x @ w)
        return x

    def penalty(self) -> Any:
        return sum(0.1 * np.sum(w**2) for w in self.parameters.values())


@program(normal(3, 4), normal(4, 2), step=True)
def model_of_a_class(w0: Any, w1: Any) -> Any:
    model = Perceptron(w0, w1)
    return np.sum(model(np.arange(6.0).reshape(2, 3)) ** 2) + model.penalty()


@program(normal(5, 3), normal(6, 3))
def embeddings(table: Any, updates: Any) -> Any:
    ids = np.array([0, 2, 2, 4, 1, 0])
    updated = table.copy()
    np.add.at(updated, ids, updates * 2)
    return np.sum(updated[ids] ** 2)


@program(normal(4), positive(4))
def adam(x: Any, rates: Any) -> Any:
    x = x.copy()
    mean, square = np.zeros_like(x), np.zeros_like(x)
    for t in range(1, 5):
        slopes = 2 * x + np.cos(x) + 3
        mean = 0.9 * mean + 0.1 * slopes
        square[...] = 0.99 * square + 0.01 * slopes**2
        x -= 0.1 * rates * (mean / (1 - 0.9**t)) / (np.sqrt(square / (1 - 0.99**t)) + 1e-8)
    return np.sum(x**2)


# ---- linear algebra --------------------------------------------------------------------------------------------------


@program(normal(5, 3))
def gram_schmidt(a: Any) -> Any:
    q = a.copy()
    for j in range(3):
        for i in range(j):
            q[:, j] -= (q[:, i] @ q[:, j]) * q[:, i]
        q[:, j] /= np.linalg.norm(q[:, j])
    return np.sum(q * np.arange(15.0).reshape(5, 3))


@program(small(4, 4))
def qr_algorithm(a: Any) -> Any:
    s = a + a.T + np.diag([1.0, 4.0, 9.0, 16.0])
    for _ in range(5):
        q, r = np.linalg.qr(s)
        s = r @ q
    return np.sum(np.diag(s) ** 2 * np.arange(4))


@program(small(4, 4), step=True)
def elimination_in_place(a: Any) -> Any:
    a = a + 5 * np.eye(4)[[2, 1, 0, 3]]
    a[[0, 2]] = a[[2, 0]]
    for k in range(3):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return np.sum(np.log(np.diag(a))) + a[3, 0]


@program(normal(4, 4), normal(4))
def conjugate_gradients(a: Any, b: Any) -> Any:
    a = a @ a.T + 4 * np.eye(4)
    x = np.zeros_like(b)
    r, p = b - a @ x, b - a @ x
    for _ in range(3):
        step = (r @ r) / (p @ a @ p)
        x += step * p
        smaller = r - step * (a @ p)
        p *= (smaller @ smaller) / (r @ r)
        p += smaller
        r = smaller
    return np.sum(x**2)


@program(above_one(4, 4), step=True)
def determinant_by_recursion(a: Any) -> Any:
    def det(m: Any) -> Any:
        if m.shape == (1, 1):
            return m[0, 0]
        return sum((-1) ** j * m[0, j] * det(np.delete(m[1:], j, axis=1)) for j in range(len(m)))

    return det(a)


@program(normal(6, 3))
def principal_components(x: Any) -> Any:
    centred = x - x.mean(0)
    u, s, vh = np.linalg.svd(centred, full_matrices=False)
    kept = (u[:, :2] * s[:2]) @ vh[:2]
    _, vectors = np.linalg.eigh(np.cov(x, rowvar=False))
    return np.sum((centred - kept) ** 2) + np.sum((x @ vectors[:, ::-1][:, :2]) ** 4)


@program(normal(5, 3), normal(5, 3))
def procrustes(a: Any, b: Any) -> Any:
    u, _, vh = np.linalg.svd((a - a.mean(0)).T @ (b - b.mean(0)))
    return np.linalg.norm(a @ (u @ vh) - b)


@program(normal(6), normal(4))
def sparse_product(data: Any, x: Any) -> Any:
    rows, columns = np.array([0, 0, 1, 2, 3, 3]), np.array([1, 3, 2, 0, 1, 2])
    y, z = np.zeros_like(x), np.zeros_like(x)
    np.add.at(y, rows, data * np.take(x, columns))
    np.put(z, [0, 2], y[[1, 3]])
    return np.sum(y**2) + np.sum(z**3) + np.sum(np.add.reduceat(data * x[columns], [0, 2, 3, 4]) ** 3)


# ---- statistics ------------------------------------------------------------------------------------------------------


@program(normal(5, 2), normal(5), normal(3))
def gaussian_process(x: Any, y: Any, parameters: Any) -> Any:
    length, scale, noise = np.exp(parameters)
    squares = ((x[:, None] - x[None]) ** 2).sum(-1)
    lower = np.linalg.cholesky(scale * np.exp(-0.5 * squares / length**2) + noise * np.eye(5))
    weights = np.linalg.solve(lower.T, np.linalg.solve(lower, y))
    return 0.5 * y @ weights + np.log(np.diag(lower)).sum()


@program(normal(5, 2), small(2, 2), positive(2))
def kalman_filter(observed: Any, transition: Any, drift: Any) -> Any:
    x, covariance, likelihood = np.zeros(2), np.eye(2), 0.0
    for z in observed:
        x, covariance = transition @ x, transition @ covariance @ transition.T + np.diag(drift)
        surprise, spread = z - x, covariance + 0.5 * np.eye(2)
        likelihood -= 0.5 * (surprise @ np.linalg.solve(spread, surprise) + np.linalg.slogdet(spread)[1])
        gain = covariance @ np.linalg.inv(spread)
        x, covariance = x + gain @ surprise, (np.eye(2) - gain) @ covariance
    return likelihood


@program(normal(3), normal(3, 3), normal(3, 5))
def hidden_markov_model(start: Any, transitions: Any, emissions: Any) -> Any:
    start = start - np.logaddexp.reduce(start)
    transitions = transitions - np.logaddexp.reduce(transitions, axis=1, keepdims=True)
    alpha = np.empty_like(start, shape=(5, 3))
    alpha[0] = start + emissions[:, 0]
    for t, seen in enumerate([4, 2, 1, 3], start=1):
        alpha[t] = np.logaddexp.reduce(alpha[t - 1][:, None] + transitions, axis=0) + emissions[:, seen]
    return -np.logaddexp.reduce(alpha[-1])


@program(normal(5, 4))
def connectionist_loss(z: Any) -> Any:
    log_p = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
    labels = [0, 1, 0, 3, 0]
    alpha = np.full_like(z, -np.inf, shape=(5, 5))
    alpha[0, :2] = log_p[0, :2]
    for t in range(1, 5):
        for s, label in enumerate(labels):
            total = np.logaddexp(alpha[t - 1, s], alpha[t - 1, s - 1]) if s else alpha[t - 1, s]
            if s > 1 and label not in (0, labels[s - 2]):
                total = np.logaddexp(total, alpha[t - 1, s - 2])
            alpha[t, s] = total + log_p[t, label]
    return -np.logaddexp(alpha[-1, -1], alpha[-1, -2])


@program(normal(6, 2), normal(3, 2))
def soft_k_means(x: Any, centres: Any) -> Any:
    for _ in range(3):
        shares = np.exp(-np.sum((x[:, None, :] - centres[None, :, :]) ** 2, axis=2))
        shares = shares / shares.sum(axis=1, keepdims=True)
        centres = (shares.T @ x) / shares.sum(0)[:, None]
    return np.sum(centres**3)


@program(distinct(7), smooth=False)
def robust_losses(r: Any) -> Any:
    size = np.abs(r)
    huber = np.where(size < 1, 0.5 * r**2, size - 0.5).sum()
    same = np.sum(np.piecewise(size, [size <= 0.7, size > 0.7], [lambda v: 0.5 * v * v, lambda v: 0.7 * (v - 0.35)]))
    pinball = np.maximum(np.array([[0.1], [0.9]]) * r, (np.array([[0.1], [0.9]]) - 1) * r).mean()
    return huber + same + pinball + np.quantile(r, 0.3) * np.median(r)


@program(distinct(7), smooth=False)
def ranking(scores: Any) -> Any:
    relevance = np.array([3, 0, 1, 2, 0, 1, 3.0])
    order = np.argsort(-scores)
    gain = np.sum(scores[order] / np.log2(np.arange(2, 9)) * relevance[order])
    return gain + np.sum(np.sort(scores)[-3:] ** 2) + np.maximum.accumulate(scores) @ relevance


@program(normal(4, 3))
def missing_values(x: Any) -> Any:
    missing = np.arange(12).reshape(4, 3) % 5 == 1
    with_nan = np.where(missing, np.nan, x)
    return np.nanmean(with_nan, axis=0).sum() ** 2 + np.nanvar(with_nan) + np.nansum(with_nan**3)


@program(positive(12))
def weighted_histogram(weights: Any) -> Any:
    x = np.linspace(0, 1, 12) ** 2
    heights, _ = np.histogram(x, bins=4, range=(0, 1), weights=weights)
    return np.sum(heights**3) + np.sum(np.bincount((x * 4).astype(int), weights=weights) ** 2)


@program(normal(8), normal(8))
def polynomial_fit(x: Any, y: Any) -> Any:
    c = np.polyfit(x, y, 2)
    return np.sum((np.polyval(c, x) - y) ** 2) + c[0]


# ---- differential equations, signals ---------------------------------------------------------------------------------


@program(normal(2), positive(2))
def euler_into_a_trajectory(start: Any, rates: Any) -> Any:
    trajectory = np.empty_like(start, shape=(9, 2))
    trajectory[0] = start
    for n in range(8):
        x, v = trajectory[n]
        trajectory[n + 1, 0] = x + 0.1 * rates[0] * v
        trajectory[n + 1, 1] = v - 0.1 * rates[1] * np.sin(x)
    return np.sum(trajectory[::2] ** 2)


@program(normal(3), positive(3), step=True)
def runge_kutta(y: Any, p: Any) -> Any:
    def lorenz(y: Any) -> Any:
        return np.stack([p[0] * (y[1] - y[0]), y[0] * (p[1] - y[2]) - y[1], y[0] * y[1] - p[2] * y[2]])

    def states(y: Any, h: float = 0.05) -> Iterator[Any]:
        for _ in range(5):
            yield y
            k1 = lorenz(y)
            k2 = lorenz(y + h / 2 * k1)
            k3 = lorenz(y + h / 2 * k2)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + lorenz(y + h * k3))

    return np.trapezoid(np.stack([state[0] for state in states(y)]) ** 2, dx=0.05)


@program(normal(6, 6), normal(), step=True)
def heat_equation(u: Any, rate: Any) -> Any:
    for _ in range(3):
        new = u + 0.1 * rate * (np.roll(u, 1, axis=0) - 2 * u + np.roll(u, -1, axis=0))
        new[1:-1, 1:-1] += 0.1 * (new[1:-1, 2:] + new[1:-1, :-2] - 2 * new[1:-1, 1:-1])
        new[0], new[-1], new[:, 0] = new[1], new[-2], 0
        u = new
    return np.sum(u**2)


@program(normal(4, 4))
def gauss_seidel(f: Any) -> Any:
    u = np.zeros_like(f)
    for i in range(1, 3):
        for j in range(1, 3):
            u[i, j] = (u[i + 1, j] + u[i - 1, j] + u[i, j + 1] + u[i, j - 1] - f[i, j]) / 4
    return np.sum(u**2)


@program(normal(16), normal(9), normal(5))
def spectral_filters(x: Any, response: Any, kernel: Any) -> Any:
    spectrum = np.fft.rfft(x)
    spectrum = spectrum * response
    spectrum[5:] = 0
    filtered = np.fft.irfft(spectrum, n=16)
    convolved = np.fft.irfft(np.fft.rfft(x, 20) * np.fft.rfft(kernel, 20), 20)
    return np.sum(np.abs(np.fft.fft(filtered * np.hanning(16))) ** 2) + np.sum(convolved**3)


@program(normal(8))
def fourier_transform_by_recursion(x: Any) -> Any:
    def transform(a: Any) -> Any:
        n = len(a)
        if n == 1:
            return a + 0j
        even, odd = transform(a[::2]), transform(a[1::2])
        turned = np.exp(-2j * np.pi * np.arange(n // 2) / n) * odd
        return np.concatenate([even + turned, even - turned])

    return np.sum(np.abs(transform(x))[1:4] ** 3)


@program(complex_normal(3, 3), complex_normal(3), smooth=False)
def expected_energy(hamiltonian: Any, state: Any) -> Any:
    hamiltonian = (hamiltonian + hamiltonian.conj().T) / 2
    state = state / np.linalg.norm(state)
    return np.real(np.vdot(state, hamiltonian @ state)) + np.imag(state[0]) ** 2


@program(normal(6), between_grid_points(7), smooth=False)
def cubic_spline(y: Any, x: Any) -> Any:
    system = np.diag([1.0, 4, 4, 4, 4, 1]) + np.diag([1.0, 1, 1, 1, 0], -1) + np.diag([0, 1.0, 1, 1, 1], 1)
    right = np.zeros_like(y)
    right[1:-1] = 6 * np.diff(y, 2)
    m = np.linalg.solve(system, right)
    i = np.floor(x).astype(int)
    t = x - i
    cubic = (m[i] * (1 - t) ** 3 + m[i + 1] * t**3) / 6
    return np.sum((cubic + (y[i] - m[i] / 6) * (1 - t) + (y[i + 1] - m[i + 1] / 6) * t) ** 2)


# ---- dynamic programs, geometry, games with memory -------------------------------------------------------------------


@program(normal(5, 6))
def optimal_transport(cost: Any) -> Any:
    kernel, u = np.exp(-cost / 1.5), np.ones(5)
    for _ in range(10):
        v = (1 / 6) / (kernel.T @ u)
        u = (1 / 5) / (kernel @ v)
    return np.sum(u[:, None] * kernel * v * cost)


@program(normal(4), normal(5), smooth=False)
def time_warping(a: Any, b: Any) -> Any:
    table = np.full_like(a, np.inf, shape=(5, 6))
    table[0, 0] = 0
    for i in range(4):
        for j in range(5):
            table[i + 1, j + 1] = (a[i] - b[j]) ** 2 + min(table[i, j + 1], table[i + 1, j], table[i, j])
    return table[-1, -1]


@program(distinct(8), smooth=False)
def merge_sort(x: Any) -> Any:
    def merged(a: Any) -> Any:
        if len(a) < 2:
            return a
        left, right = list(merged(a[: len(a) // 2])), list(merged(a[len(a) // 2 :]))
        out = np.empty_like(a)
        for k in range(len(a)):
            out[k] = left.pop(0) if not right or (left and left[0] < right[0]) else right.pop(0)
        return out

    return merged(x) @ np.arange(8.0)


@program(normal(6), positive(1), step=True)
def discounted_rewards(rewards: Any, discount: Any) -> Any:
    factors = np.cumprod(np.concatenate([np.ones(1), np.repeat(discount, 5)]))
    returns = np.cumsum((rewards * factors)[::-1])[::-1] / factors
    return np.sum((returns - np.mean(returns)) ** 2)


@program(normal(4), normal(4), normal(3), step=True)
def quaternions(p: Any, q: Any, v: Any) -> Any:
    def times(a: Any, b: Any) -> Any:
        vector = a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:])
        return np.concatenate([[a[0] * b[0] - np.sum(a[1:] * b[1:])], vector])

    q = times(p, q)
    q = q / np.sqrt(np.sum(q**2))
    turned = times(times(q, np.concatenate([np.zeros(1), v])), q * np.array([1, -1, -1, -1]))
    return turned[1] + turned[2] * turned[3]


@program(normal(3), normal(4, 3))
def rotation_from_an_axis(w: Any, points: Any) -> Any:
    angle = np.linalg.norm(w)
    cross = np.zeros_like(w, shape=(3, 3))
    cross[0, 1], cross[0, 2], cross[1, 2] = -w[2] / angle, w[1] / angle, -w[0] / angle
    cross -= cross.T
    rotated = points @ (np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)
    return np.sum(np.arctan2(rotated[:, 1], rotated[:, 0])) + np.sum(rotated[:, 2] ** 3)


@program(normal(6), step=True)
def views_of_views(x: Any) -> Any:
    z = x * 1.0
    front, back, square = z[:3], z[::-1], z.reshape(2, 3)
    front *= 2
    back[0] = front[1] * 3
    square[1] += square[0]
    square.T[2, :] = 7 * z[0]
    z[1:] += z[:-1]
    return np.sum(z**2 * np.arange(6))


# ---- what holds for all ----------------------------------------------------------------------------------------------

every_program = pytest.mark.parametrize("case", PROGRAMS, ids=str)


@every_program
def test_value_and_gradient(case: Program) -> None:
    values = case.draw()
    inputs = [Tensor(value, requires_grad=True) for value in values]
    result = case.function(*inputs)
    np.testing.assert_allclose(result.numpy(), case.function(*values), rtol=1e-13)
    result.backward()
    true = entrywise(case, values, [np.ones(())])
    assert_close([tensor.grad for tensor in inputs], true, 1e-12 if case.step else 1e-8)


@pytest.mark.parametrize("case", [case for case in PROGRAMS if case.smooth], ids=str)
def test_second_order(case: Program) -> None:
    values = case.draw()
    vector = steady(case, "vector", values)

    def of_list(arguments: list[Any]) -> Any:
        return case.function(*arguments)

    def along(t: float) -> Any:
        return grad(of_list)([value + t * v for value, v in zip(values, vector, strict=True)])

    assert_close(hessian_vector_product(of_list)(values, vector), slope(along, False), 1e-7)
