"""Writing in place: a program that writes has NumPy's values, and the gradient of what it computes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import Tensor, grad, no_grad

Array = np.ndarray[Any, Any]
Program = Callable[[Any], Any]

X: Array = np.array([[0.3, -0.7, 1.1], [0.9, 0.4, -0.2]])


def leaf(data: Any, **keywords: Any) -> Any:
    """A Tensor that requires a gradient. Any, as NumPy's stubs would have its functions return arrays."""
    return Tensor(data, requires_grad=True, **keywords)


def complex_step(function: Program, x: Array) -> Array:
    """The gradient of a program that NumPy runs on complex numbers too; no digits are lost."""
    slopes = np.empty(x.shape)
    for i in np.ndindex(*x.shape):
        moved = x.astype(complex)
        moved[i] += 1e-30j
        slopes[i] = np.imag(function(moved)) / 1e-30
    return slopes


# ---- programs --------------------------------------------------------------------------------------------------------
# Each is run as it stands by NumPy and on Tensors. `x` is a Tensor or a complex array of shape (2, 3).


def element_by_element(x: Any) -> Any:
    out = np.zeros_like(x)
    for i in range(2):
        for j in range(3):
            out[i, j] = x[i, j] * x[i, (j + 1) % 3]
    return out


def running_state(x: Any) -> Any:
    states = np.empty_like(x)
    state = x[0] * 0.0
    for i, row in enumerate(x):
        state = np.tanh(state + row)
        states[i] = state
    return states * states


def every_operator(x: Any) -> Any:
    z = x.copy()
    z += x
    z -= 0.25
    z *= x + 2.0
    z /= x * x + 1.0
    z **= 3
    return z


def matrix_in_place(x: Any) -> Any:
    z = x[:, :2] * 1.0
    z @= x[:, 1:]
    return z @ z


def slices_and_steps(x: Any) -> Any:
    z = x * 1.0
    z[0] = x[1] ** 2
    z[:, ::2] *= 3.0
    z[1, ::-1] += z[0]
    return z * x


def mask(x: Any) -> Any:
    z = x * 2.0
    z[np.real(x) > 0] *= x[np.real(x) > 0]
    z[np.real(x) < -0.5] = 5.0
    return z * z


def fancy(x: Any) -> Any:
    z = x * 1.0
    z[[1, 0]] = x * x
    z[[0, 1], [2, 0]] += x[0, :2]
    z[:, [0, 2]] *= 2.0
    return z


def repeated_index(x: Any) -> Any:
    """NumPy keeps the last write, and adds once."""
    z = x * 1.0
    z[[0, 0, 1]] = np.sin(x[[0, 1, 0]])
    z[1, [2, 2, 0]] += x[0] * x[1]
    return z * z


def shift_onto_itself(x: Any) -> Any:
    z = x * 1.0
    z[:, 1:] = z[:, :-1]
    z[:, 1:] += z[:, :-1] * z[:, 1:]
    z[...] = z[::-1]
    return z * x


def through_row(x: Any) -> Any:
    z = x * x
    row = z[0]
    row *= x[1]
    row[1] = x[0, 0] ** 2
    return z


def through_transpose(x: Any) -> Any:
    z = x * x
    z.T[0] = x[:, 2] * 3.0
    flipped = z.T[::-1]
    flipped[0] += x[:, 0]
    return z + flipped.T * x


def through_reshape(x: Any) -> Any:
    z = x * x
    z.reshape(-1)[2:5] = x[0] * x[1]
    np.ravel(z)[0] += x[1, 1]
    z.reshape(3, 2)[1] *= 2.0
    return z


def view_of_view(x: Any) -> Any:
    z = np.sin(x)
    inner = z[:, 1:].T[::-1][0]
    inner *= x[:, 0]
    inner[...] += 1.0
    return z * z


def overlapping(x: Any) -> Any:
    z = x * 1.0
    left, right = z[:, :2], z[:, 1:]
    left *= 2.0
    right += left
    left[1] = right[0]
    return z * (left.sum() + right.sum())


def read_after_base_was_written(x: Any) -> Any:
    z = x * x
    row, column = z[1], z[:, 0]
    z[1, 0] = x[0, 1]
    z *= x
    return row.sum() * column


def saved_value(x: Any) -> Any:
    z = np.exp(x)
    y = z * z
    z[0] = 0.0
    w = z * y
    z *= 7.0
    return y + w


def two_names(x: Any) -> Any:
    z = x * 1.0
    other = z
    other += x * x
    return z * other


def functions_that_write(x: Any) -> Any:
    z = x * 1.0
    np.put(z, [0, -1, 0], x[1] * x[0])
    np.putmask(z, np.array([[True, False, False], [True, False, True]]), x * x)
    np.place(z, np.array([[False, True, False], [True, False, True]]), x[0, :2] * 3.0)
    np.put_along_axis(z, np.array([[2], [0]]), x[:, 1:2] ** 2, axis=1)
    np.put_along_axis(z, np.array([4]), x[1, :1] * 5.0, axis=None)
    np.fill_diagonal(z[:, 1:], x[0, 0] * x[1, 1])
    np.copyto(z[0], x[1] * z[1], where=np.array([True, False, True]))
    np.add.at(z, (np.array([0, 0]), np.array([1, 1])), x[1, :2])
    z.put([2, 3], x[0, 1:] * 2.0)
    return z * x


def row_of_all_elements(x: Any) -> Any:
    z = np.sin(x)
    z.T.flat[1] = x[0, 1] * x[1, 1]
    z.flat[[0, 2]] = x[1, :2] * 2.0
    z.flat[4:] *= 3.0
    w = z.view()
    w.flat = [x[0, 0] * 1.0, 2.0] if type(x) is Tensor else np.array([x[0, 0], 2.0])
    z += x
    return w * z.flat[3] + sum(z.flat) + z.flat.copy().reshape(2, 3) ** 2


def order_in_place(x: Any) -> Any:
    z = x * x * x
    row = z[0]
    row.sort()
    z.sort(axis=0)
    z[1].partition(1)
    return z * np.arange(6.0).reshape(2, 3)


def broadcast_write(x: Any) -> Any:
    z = np.zeros_like(x)
    z[...] = x[0]
    z[:, 1] = x[1, 1] * 2.0
    z += x[:, :1]
    return z * z


def write_with_leading_ones(x: Any) -> Any:
    z = np.zeros_like(x[0])
    z[...] = x[None, :1, 1:2]
    z[1:] += x[0, :2]
    z[0] = x[1:, 1:2][0, 0]
    return z * z


def rows_in_a_loop(x: Any) -> Any:
    z = x * 1.0
    for k, row in enumerate(z):
        row *= k + 2.0
        row[0] = row[1] * row[2]
    return z * x


def swap_rows(x: Any) -> Any:
    z = x * [[1.0], [2.0]]
    z[0], z[1] = z[1], z[0]  # a trap of NumPy's: both right sides are views
    return z * x


def number_in_place(x: Any) -> Any:
    z = (x[0] * x[1])[0, ...]
    y = np.sin(z)
    z *= x[0, 1]
    z[...] = z * z + y
    z[()] = z + 1.0
    number = z[...]
    number += x[0, 2]
    z.fill(0.5 * z.size)
    return number * x + y


def number_in_base(x: Any) -> Any:
    """A cotangent of no axis comes out of NumPy as a scalar, which has no memory to write to."""
    z = x[0] * x[1]
    first = z[0, ...]
    first[..., None][...] *= 3.0
    first[..., None][...] += x[0, 1]
    return z.sum() + np.cos(first) * x[0, 2]


def fortran_view(x: Any) -> Any:
    z = (x.T * 1.0).T
    flat = np.ravel(z, order="F")
    flat[0] = 5.0
    flat[1:3] *= x[1, :2]
    return z * x


def fortran_view_of_a_copy(x: Any) -> Any:
    z = x.T.copy().T
    z[0, 1] = x[1, 1] ** 2
    z.T.reshape(-1)[3] *= 2.0
    return z * z


def copies_that_look_like_views(x: Any) -> Any:
    z = (x.T * 1.0).T
    z[0, 0] = 1.0
    flat = z.reshape(-1)
    flat *= 2.0
    picked = z[[0]]
    picked += 1.0
    strided = np.ravel(z[:, 0])
    strided *= 3.0
    return z * z + flat.sum() + picked.sum() + strided.sum()


def pieces(x: Any) -> Any:
    z = x * x
    left, right = np.split(z, [1], axis=1)
    left += 1.0
    right[:, 0] = x[:, 0]
    np.squeeze(z[:1])[1:] *= 2.0
    np.moveaxis(z, 0, 1)[2] -= x[:, 1]
    np.flip(z)[0, 0] *= 3.0
    np.expand_dims(z, 1)[1, 0, 0] = 0.5
    return z * z


def out_argument(x: Any) -> Any:
    z = np.zeros_like(x)
    np.multiply(x, x, out=z)
    np.add(z, 1.0, z)
    np.add(z[0], x[1], out=z[1])
    np.copyto(z[:, :1], x[:, 2:])
    return z * x


def fills(x: Any) -> Any:
    z = np.full_like(x, x[0, 1])
    z[1].fill(x[1, 2] * 2.0)
    return z * z


def view_outlives_base(x: Any) -> Any:
    row = (x * x)[1]
    row[0] = x[0, 0]
    return row * row


PROGRAMS = [
    element_by_element, running_state, every_operator, matrix_in_place, slices_and_steps, mask, fancy, repeated_index,
    shift_onto_itself, through_row, through_transpose, through_reshape, view_of_view, overlapping,
    read_after_base_was_written, saved_value, two_names, broadcast_write, functions_that_write, row_of_all_elements,
    order_in_place, write_with_leading_ones, rows_in_a_loop,
    swap_rows, number_in_place, number_in_base, fortran_view, fortran_view_of_a_copy,
    copies_that_look_like_views, pieces, out_argument, fills, view_outlives_base,
]  # fmt: skip

every_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)


def loss_of(program: Program) -> Program:
    """One number of a program's result, to which every element contributes in its own way."""

    def loss(x: Any) -> Any:
        result = program(x)
        return np.sum(np.sin(result) * (1.0 + np.arange(result.size).reshape(result.shape)))

    return loss


@every_program
def test_values_are_numpys(program: Program) -> None:
    t = leaf(X)
    np.testing.assert_allclose(program(t).numpy(), program(X.copy()), rtol=1e-14)
    np.testing.assert_array_equal(t.numpy(), X)


@every_program
def test_gradients(program: Program) -> None:
    loss = loss_of(program)
    np.testing.assert_allclose(grad(loss)(X), complex_step(loss, X), rtol=1e-12, atol=1e-13)


@every_program
def test_second_derivatives(program: Program) -> None:
    """The derivative of the gradient along one direction, against that of the complex program along two."""
    loss, direction = loss_of(program), np.array([[1.0, -2.0, 0.5], [0.3, 1.5, -1.0]])
    second = grad(lambda x: np.sum(grad(loss)(x) * direction))(X)
    step = 1e-5
    there, back = (complex_step(loss, X + sign * step * direction) for sign in (1, -1))
    np.testing.assert_allclose(second, (there - back) / (2 * step), rtol=1e-6, atol=1e-6)


@every_program
def test_backward_twice_adds_twice(program: Program) -> None:
    t = leaf(X)
    loss = loss_of(program)(t)
    loss.backward()
    once = t.grad
    assert once is not None
    once = once.copy()
    loss.backward()
    np.testing.assert_array_equal(t.grad, 2 * once)


# ---- drawn programs --------------------------------------------------------------------------------------------------

# fmt: off
VIEWS = [
    "{0}[...]", "{0}.T", "{0}[::-1]", "{0}[1:]", "{0}[:, 0]", "{0}[..., ::2]", "{0}[None]", "{0}[0]", "{0}[0, ...]",
    "{0}.reshape(-1)", "np.reshape({0}, -1, order='F')", "np.reshape({0}, {0}.shape[::-1])", "np.ravel({0})",
    "np.ravel({0}, 'F')", "{0}.swapaxes(0, -1)", "np.squeeze({0})", "np.expand_dims({0}, -1)",
    "np.moveaxis({0}, 0, -1)",
    "np.flip({0})", "np.rot90({0})", "np.array_split({0}, 2)[1]", "np.atleast_2d({0})", "np.rollaxis({0}, -1)",
]
COPIES = [
    "{0}.copy()", "np.sin({0})", "{0} * 1.5", "{0} + {1}", "{0} * {1}", "np.zeros_like({0})", "{0}[[0, -1, 0]]",
    "np.where(np.real({0}) > 0, {0}, {1})", "{0} @ {1}", "np.roll({0}, 1)", "np.concatenate([{0}, {0}])",
    "np.copy({0}, order='K')", "np.full_like({0}, 0.5)", "np.zeros_like({0}.T)",
]
WRITES = [
    "{0} += {1}", "{0} *= {1}", "{0} -= 0.3", "{0} **= 2", "{0} /= 2 + {1} * {1}", "{0}[...] = {1}", "{0}[0] = {1}",
    "{0}[0] = 0.7", "{0}[1:] += {1}", "{0}[1:] = {0}[:-1]", "{0}[::-1] += {0}", "{0}[[0, 0]] = {1}",
    "{0}[[0, 0]] += 0.2", "{0}[np.real({0}) > 0.2] *= 0.5", "{0}[-1] = {0}[0]", "{0}.T[...] = {1}",
    "{0}.reshape(-1)[0] = 0.4", "np.copyto({0}, {1})", "{0}[0], {0}[-1] = {0}[-1], {0}[0]", "{0}.fill(0.25)",
    "{0}[:, 0] = {1}", "{0}[..., None][...] += 0.1", "{0}[np.array([0, 1]), 0] = 0.9", "np.multiply({0}, 0.5, {0})",
    "for row in {0}: row *= 0.7", "{0}[None][0, 0] = {1}", "del {0}",
]
# fmt: on
SHAPES = [(2, 2, 3), (2, 3, 3), (2, 4), (2, 3, 1), (2, 2, 2)]


def drawn(seed: int) -> tuple[Array, list[str]]:
    """A start and a program that NumPy runs, in real and in complex numbers."""
    draw = np.random.default_rng(seed)
    x = draw.uniform(-1, 1, SHAPES[seed % len(SHAPES)])
    names, lines = ["a", "b"], ["a = x[0] * 1.0", "b = (x[1] * 1.0).T"]
    for place in range(draw.integers(3, 12)):
        kind = draw.choice(["view", "copy", "write"], p=[0.4, 0.15, 0.45])
        texts = {"view": VIEWS, "copy": COPIES, "write": WRITES}[str(kind)]
        line = str(draw.choice(texts)).format(*draw.choice(names, 2))
        if kind != "write":
            line, names = f"v{place} = {line}", [*names, f"v{place}"]
        lines.append(line)
    lines = running(lines, x.copy())
    return x, running(lines, x.astype(complex))


def running(lines: list[str], x: Array) -> list[str]:
    """The lines that raise nothing and make no scalar, which is no array to write to."""
    space: dict[str, Any] = {"np": np, "x": x}
    kept = []
    for line in lines:
        before = dict(space)
        try:
            exec(line, space)
        except (ValueError, IndexError, TypeError, NameError):
            continue
        if any(isinstance(space[name], np.generic) for name in arrays_of(space)):
            space = before
        else:
            kept.append(line)
    return kept


def arrays_of(space: dict[str, Any]) -> list[str]:
    return sorted(name for name in space if re.fullmatch(r"a|b|v\d+", name))


@pytest.mark.parametrize("seed", range(400))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_drawn_programs(seed: int) -> None:
    x, lines = drawn(seed)

    def variables(x: Any) -> dict[str, Any]:
        space: dict[str, Any] = {"np": np, "x": x}
        exec("\n".join(lines), space)
        return {name: space[name] for name in arrays_of(space)}

    def loss(x: Any) -> Any:
        return sum(np.sum(np.cos(v) * (1.0 + np.arange(v.size).reshape(v.shape))) for v in variables(x).values())

    truth, computed = variables(x.copy()), variables(leaf(x))
    assert truth.keys() == computed.keys()
    for name in truth:
        np.testing.assert_allclose(computed[name].numpy(), truth[name], rtol=1e-11, err_msg=f"{name} of {lines}")
    wanted = complex_step(loss, x)
    scale = max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(grad(loss)(x), wanted, rtol=1e-9, atol=1e-10 * scale, err_msg=str(lines))


# ---- dtypes ----------------------------------------------------------------------------------------------------------


def test_writes_are_cast_to_the_target_and_gradients_back() -> None:
    x, single = leaf(X), Tensor(np.zeros((2, 3), np.float32))
    single[...] = x * 3.0
    single += x
    assert single.dtype == np.float32
    single.sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad, np.full((2, 3), 4.0))


@pytest.mark.parametrize(
    "write",
    [
        lambda target, x: target.__setitem__(0, x[0]),
        lambda target, x: target.__setitem__((0, 0), x[0, 0]),
        lambda target, x: target.__iadd__(x),
        lambda target, x: np.add(x, 1.0, out=target),
        lambda target, x: np.copyto(target, x),
    ],
    ids=["row", "element", "+=", "out=", "copyto"],
)
def test_a_gradient_is_not_cut_off_by_an_integer_target(write: Any) -> None:
    target = Tensor(np.ones((2, 3), int))
    with pytest.raises(TypeError, match=r"dtype|cast"):
        write(target, leaf(X))
    np.testing.assert_array_equal(target.numpy(), np.ones((2, 3)))


def test_integers_are_written_in_place_as_in_numpy() -> None:
    counts = Tensor([5, 6, 7])
    row = counts[:2]
    row //= 2
    row += 1
    counts[2] = 0
    assert counts.tolist() == [3, 4, 0]


# ---- refused writes, which change nothing ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "write",
    [
        lambda w: w.__setitem__(0, 1.0),
        lambda w: w.__iadd__(1.0),
        lambda w: w[0].__setitem__(1, 2.0),
        lambda w: w.T.__imul__(2.0),
        lambda w: w.reshape(-1)[2:].fill(0.0),
        lambda w: np.add(w, 1.0, out=w),
        lambda w: np.copyto(w[0], 3.0),
    ],
    ids=["item", "+=", "row", "transpose", "fill", "out=", "copyto"],
)
def test_leaves_are_written_under_no_grad_alone(write: Any) -> None:
    w = leaf(X, name="w")
    with pytest.raises(ValueError, match=r"Tensor 'w' .*is a leaf.*can't be written to.*with no_grad\(\): w -= rate"):
        write(w)
    np.testing.assert_array_equal(w.numpy(), X)
    loss = np.sum(w * w)
    with no_grad():
        write(w)
    assert (w.numpy() != X).any()
    assert w.requires_grad
    assert w.name == "w"
    loss.backward()
    np.testing.assert_array_equal(w.grad, 2 * X)


def test_computed_tensors_are_not_written_under_no_grad() -> None:
    w = leaf(X)
    z, copied = w * 2.0, (w * 2.0).detach().copy()
    view = z[0]
    with no_grad():
        for write in (lambda: z.fill(0.0), lambda: view.__iadd__(1.0), lambda: np.copyto(z, 1.0)):
            with pytest.raises(ValueError, match="would cut it off from its history"):
                write()
        copied += 1.0
    np.testing.assert_array_equal(z.numpy(), 2.0 * X)
    np.testing.assert_array_equal(copied.numpy(), 2.0 * X + 1.0)


FAILING: dict[str, tuple[Callable[[Any, Any], Any], type[Exception]]] = {
    "index": (lambda z, x: z.__setitem__(5, 1.0), IndexError),
    "shape": (lambda z, x: z.__setitem__(0, x), ValueError),
    "mask": (lambda z, x: z.__setitem__(np.ones(3, bool), 1.0), IndexError),
    "text": (lambda z, x: z.__setitem__(0, "a"), (TypeError)),
    "broadcast of the target": (lambda z, x: z[0].__iadd__(x), ValueError),
    "dtype": (lambda z, x: z.__iadd__(1j), TypeError),
    "inner": (lambda z, x: z.__imatmul__(x), ValueError),
    "out": (lambda z, x: np.add(z, np.ones((2, 2, 3)), out=z), ValueError),
    "read-only view": (lambda z, x: np.broadcast_to(z, (4, 2, 3)).fill(0.0), ValueError),
    "masked": (lambda z, x: z.__setitem__(0, np.ma.array([1.0, 2.0, 3.0], mask=[True, False, False])), TypeError),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_write_that_fails_changes_nothing(name: str) -> None:
    write, error = FAILING[name]
    x = leaf(X)
    z = x * 2.0
    row = z[1]
    with pytest.raises(error):
        write(z, x)
    np.testing.assert_array_equal(z.numpy(), 2.0 * X)
    np.sum(row * z).backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad, complex_step(lambda v: np.sum(v[1] * v * 4.0), X))


def test_writing_into_a_broadcast_view_says_why() -> None:
    constant: Any = Tensor(X[0])
    wide: Any = np.broadcast_to(constant, (2, 3))
    with pytest.raises(ValueError, match="read-only"):
        wide[0] = 1.0


# ---- views and recording ---------------------------------------------------------------------------------------------


def test_views_taken_under_no_grad_stay_constants() -> None:
    w = leaf([1.0, 2.0])
    with no_grad():
        first = w[:1]
        w[1] = 5.0
    assert not first.requires_grad
    w.grad = None
    np.sum(first * w).backward()
    np.testing.assert_array_equal(w.grad, [1.0, 1.0])


def test_views_of_constants_taken_under_no_grad_learn_what_is_written_later() -> None:
    """Buffers are often made under no_grad(): a gradient that is written into them must not be lost."""
    w = leaf([1.0, 2.0])
    with no_grad():
        buffer = Tensor(np.zeros(2))
        head, tail = buffer[:1], buffer[1:]
    head[...] = w[:1] ** 2
    buffer[1] = w[1] ** 3
    np.sum(head + tail).backward()
    np.testing.assert_array_equal(w.grad, [2.0, 12.0])


def test_views_of_parameters_follow_their_updates() -> None:
    w = leaf(X)
    row = w[0]
    before = np.sum(row**2)
    with no_grad():
        w *= 2.0
    after = np.sum(row**2)
    np.testing.assert_array_equal(row.numpy(), 2.0 * X[0])
    np.testing.assert_allclose(before.gradient(w)[0].numpy()[0], 2.0 * X[0])
    np.testing.assert_allclose(after.gradient(w)[0].numpy()[0], 4.0 * X[0])


def test_gradients_are_tensors_of_their_own() -> None:
    """Several arguments may have one cotangent; clipping one gradient in place must leave the others."""
    for compute in (lambda x, y: x + y, lambda x, y: x.T + y.T, lambda x, y: np.concatenate([x, y])):
        x, y = leaf(X), leaf(X)
        dx, dy = np.sum(compute(x, y)).gradient(x, y, create_graph=True)
        dx *= 0.5
        np.testing.assert_array_equal(dy.numpy(), np.ones((2, 3)))


def test_gradients_of_views_and_duplicates_are_tensors_of_their_own() -> None:
    x, seed = leaf(X), Tensor(np.ones((3, 2)))
    y = x.T
    dx, dy, again, given = (y * 1.0).gradient(x, y, x, y, gradient=seed, create_graph=True)
    dx *= 0.5
    given += 1.0
    for untouched in (dy, again, seed):
        np.testing.assert_array_equal(untouched.numpy(), np.ones(untouched.shape))


def test_cotangents_handed_in_are_not_written_to() -> None:
    x, seed = leaf(X), Tensor(np.ones((2, 3)))
    (dx,) = (x + 1.0).gradient(x, gradient=seed, create_graph=True)
    dx *= 0.5
    np.testing.assert_array_equal(seed.numpy(), np.ones((2, 3)))


def test_thousands_of_views_of_views() -> None:
    z = leaf(X) * 1.0
    view = z
    for _ in range(3000):
        view = view[...]
    z[0] = 7.0
    view[1] += 1.0
    np.testing.assert_array_equal(view.numpy(), [[7.0, 7.0, 7.0], X[1] + 1.0])
    np.testing.assert_array_equal(z.numpy(), view.numpy())


def test_writes_to_a_part_of_complex_numbers_are_refused() -> None:
    z = Tensor([1 + 2j]) * 1
    with pytest.raises(TypeError, match="a part of complex numbers"):
        z.real[...] = 5.0
    np.testing.assert_array_equal(z.numpy(), [1 + 2j])


def test_numbers_are_not_written_to_as_in_numpy() -> None:
    """Where NumPy returns a number and no array, another name for it keeps its value, and += may broadcast."""
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    for number in (np.sum(x), x[0], x[1] * x[2], np.exp(x[0]), x.max(), np.linalg.slogdet(np.diag(x))[1]):
        before, kept = number.item(), number
        number += 1
        assert (kept.item(), number.item()) == (before, before + 1)
    total = x[0]
    total += x
    np.testing.assert_array_equal(total.numpy(), [2, 3, 4])
    with no_grad():
        total = x[0]
        total *= 2
    assert total.item() == 2
    parameter: Any = np.sum(Tensor([1.0, 2.0]))
    parameter.requires_grad = True
    kept = parameter
    with no_grad():
        parameter -= 1.0
    assert kept.item() == 2
    z = x * 1.0
    place = z[0, ...]
    place += 1
    np.testing.assert_array_equal(z.numpy(), [2, 2, 3])
    column = number.T.reshape(-1)
    column += 1
    assert (number.item(), column.item()) == (before + 1, before + 2)


def test_a_number_broadcast_is_read_only() -> None:
    z = Tensor(2.0, requires_grad=True).copy()
    with pytest.raises(ValueError, match="read-only view"):
        np.broadcast_to(z, (2,))[0] = 1.0
    z.reshape(1)[0] = 3.0
    assert z.item() == 3


def test_complex_numbers_are_not_written_into_real_ones() -> None:
    z: Any = Tensor([1.0, 2.0])
    c = Tensor([1j, 2.0], requires_grad=True)
    writes: list[Callable[[], Any]] = [
        lambda: z.__setitem__(0, c[0]),
        lambda: z.put([0], c[:1]),
        lambda: z.__iadd__(c),
        lambda: np.exp(c, out=z),
    ]
    for write in writes:
        with pytest.raises(TypeError, match=r"\.real|\.astype"):
            write()
    z[...] = c.real
    np.testing.assert_array_equal(z.numpy(), [0.0, 2.0])


def test_writes_one_after_the_other_leave_the_cotangents_that_were_asked_for() -> None:
    x = Tensor(np.array([1.0, 2.0, 3.0, 4.0]), requires_grad=True)
    filled, states, values = x * 1.0, [], []
    for i in range(3):
        value = x[i + 1] ** 2
        filled[i : i + 2] = value
        values.append(value)
        states.append(filled.copy())
    total = np.sum(filled**2) + sum(np.sum(state) for state in states)
    gradients = total.gradient(x, filled, *values)
    # filled ends as [v0, v1, v2, v2], of which v1 was written over v0's second entry, and v2 over v1's
    v = [4.0, 9.0, 16.0]
    of_values = [2 * v[0] + 2 + 1 + 1, 2 * v[1] + 2 + 1, 4 * v[2] + 2]
    assert np.allclose(gradients[1].numpy(), 2 * np.array([v[0], v[1], v[2], v[2]]) + 1)  # and as the last copy
    assert np.allclose([g.numpy() for g in gradients[2:]], of_values)
    own = np.array([0.0, 0.0, 1.0, 2.0])  # what the copies still held of x: x[2] in one, and x[3] in two
    assert np.allclose(
        gradients[0].numpy(), own + np.array([0.0, *(np.array(of_values) * 2 * np.array([2.0, 3.0, 4.0]))])
    )
