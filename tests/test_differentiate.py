"""The transforms: grad, value_and_grad, vjp, jacobian and hessian, alone, nested, and on programs that people write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from tinygrad_scratch import Tensor, grad, hessian, hessian_vector_product, jacobian, jvp, no_grad, value_and_grad, vjp
from tinygrad_scratch.functional import log_softmax, sigmoid, softmax

Array = np.ndarray[Any, Any]
Program = Callable[..., Any]


class Point(NamedTuple):
    x: Any
    y: Any


DRAW = np.random.default_rng(7)
W, V = DRAW.normal(size=(3, 4)), DRAW.normal(size=(5, 3))


def leaf(data: Any, **keywords: Any) -> Any:
    """A Tensor that requires a gradient. Any, as NumPy's stubs would have its functions return arrays."""
    return Tensor(data, requires_grad=True, **keywords)


def complex_step(function: Program, *arguments: Array) -> list[Array]:
    """The gradients of a scalar program that NumPy runs on complex numbers too; no digits are lost."""
    found = []
    for place, argument in enumerate(arguments):
        slopes = np.empty(argument.shape)
        for i in np.ndindex(*argument.shape):
            moved = argument.astype(complex)
            moved[i] += 1e-30j
            slopes[i] = np.imag(function(*arguments[:place], moved, *arguments[place + 1 :])) / 1e-30
        found.append(slopes)
    return found


# ---- argnums and structure -------------------------------------------------------------------------------------------


def cost(a: Any, b: Any, c: Any = 1.0) -> Any:
    return np.sum(a * a * b) * c


A, B = np.array([1.0, 2.0]), np.array([3.0, 4.0])


@pytest.mark.parametrize(
    ("argnums", "wanted"),
    [
        (0, 2 * A * B),
        (1, A * A),
        (-1, A * A),
        (-2, 2 * A * B),
        (np.int64(1), A * A),
        ((0, 1), (2 * A * B, A * A)),
        ([1, 0], (A * A, 2 * A * B)),
        ((-1,), (A * A,)),
        ((), ()),
    ],
)
def test_argnums(argnums: Any, wanted: Any) -> None:
    value, found = value_and_grad(cost, argnums)(A, B)
    assert value == 19.0
    assert type(found) is type(wanted)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(grad(cost, argnums)(A, B, c=2.0), np.multiply(wanted, 2.0))


@pytest.mark.parametrize(
    ("argnums", "message"),
    [(2, "argnums names argument 2, but cost was called with 2 by position"), (-3, "argnums names argument -3")],
)
def test_argnums_beyond_the_arguments_are_refused(argnums: int, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        grad(cost, argnums)(A, B)


@pytest.mark.parametrize("argnums", [(0, 0), (0, -2)])
def test_argnums_that_name_one_argument_twice_are_refused(argnums: Any) -> None:
    """The first of two variables for one argument would silently have the gradient 0."""
    with pytest.raises(ValueError, match=r"argnums=\(0, .*names one argument of cost twice"):
        grad(cost, argnums)(A, B)


def test_containers_keep_their_structure() -> None:
    tree = {"w": [A, (B, 2.0)], "p": Point(A * 10, np.float32(3.0))}

    def total(tree: Any) -> Any:
        return np.sum(tree["w"][0] * tree["w"][1][0]) * tree["w"][1][1] + np.sum(tree["p"].x) * tree["p"].y

    found = grad(total)(tree)
    assert type(found["w"]) is list
    assert type(found["w"][1]) is tuple
    assert type(found["p"]) is Point
    np.testing.assert_array_equal(found["w"][0], 2 * B)
    np.testing.assert_array_equal(found["w"][1][0], 2 * A)
    assert found["w"][1][1] == 11.0
    np.testing.assert_array_equal(found["p"].x, [3.0, 3.0])
    assert found["p"].y == 30.0
    assert found["p"].y.dtype == np.float32
    np.testing.assert_array_equal(grad(lambda t: np.sum(grad(total)(t)["w"][0] ** 2))(tree)["w"][1][0], 8 * B)


def test_one_array_in_two_places_is_two_variables() -> None:
    first, second = grad(lambda pair: np.sum(pair[0] * pair[0] * pair[1]))([A, A])
    np.testing.assert_array_equal(first, 2 * A * A)
    np.testing.assert_array_equal(second, A * A)


def test_jacobians_are_of_one_array() -> None:
    with pytest.raises(TypeError, match=r"jacobian is of one array, but argument 0 of .* is a dict"):
        jacobian(lambda tree: tree["a"] * 2.0)({"a": A})
    with pytest.raises(TypeError, match="argnums"):
        jacobian(np.multiply, argnums=(0, 1))(A, B)  # type: ignore[arg-type]


# ---- what goes in and comes out --------------------------------------------------------------------------------------


def test_plain_arguments_give_plain_writable_arrays() -> None:
    x = np.array([1.0, 2.0])
    value, slope = value_and_grad(lambda v: np.sum(v + v[::-1]))(x)
    assert isinstance(value, np.float64)
    assert type(slope) is np.ndarray
    first, second = grad(lambda a, b: np.sum(a + b), argnums=(0, 1))(x, x)
    for result in (slope, first, jacobian(lambda v: v)(x), hessian(lambda v: np.sum(v * v))(x)):
        result += 100.0
    np.testing.assert_array_equal(second, [1.0, 1.0])
    np.testing.assert_array_equal(x, [1.0, 2.0])
    assert isinstance(grad(np.sin)(0.5), np.float64)
    assert grad(np.sin)(np.float32(0.5)).dtype == np.float32
    assert type(grad(np.sin)(np.array(0.5))) is np.ndarray


def test_tensor_arguments_give_tensors() -> None:
    x = leaf([1.0, 2.0])
    (slope,) = (grad(lambda v: np.sum(v**3))(x),)
    assert type(slope) is Tensor
    slope.sum().backward()
    np.testing.assert_array_equal(x.grad, [6.0, 12.0])
    constant = grad(lambda v: np.sum(v**3))(Tensor([1.0]))
    assert type(constant) is Tensor
    assert not constant.requires_grad


@pytest.mark.parametrize("argument", [3, np.array([1, 2]), True, [1.0, 2], {"a": 3}, "text", None])
def test_arguments_that_are_no_floats_are_refused(argument: Any) -> None:
    with pytest.raises(
        TypeError, match=r"A gradient was asked for with respect to argument 0 .*not floats.*3\.0 for 3"
    ):
        grad(lambda x: 1.0)(argument)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: x * 1.0, ValueError, r"needs a function that returns one number.*shape \(2,\).*use jacobian or vjp"),
        (lambda x: x[:1], ValueError, r"shape \(1,\)"),
        (lambda x: (x, x), TypeError, "returned a tuple"),
        (lambda x: None, TypeError, "returned a NoneType"),
        (lambda x: "text", TypeError, "holds numbers"),
        (lambda x: np.array([np.sum(x)]), TypeError, "would be lost if it were turned into an array"),
        (lambda x: np.sum(x * 1j), ValueError, "complex"),
        (lambda x: float(np.sum(x)), TypeError, "would be lost if it were turned into a float"),
    ],
)
def test_results_that_are_no_number_are_refused(function: Program, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        grad(function)(A)


def test_functions_that_ignore_return_or_fix() -> None:
    np.testing.assert_array_equal(grad(lambda x: 3.0)(A), [0.0, 0.0])
    np.testing.assert_array_equal(grad(lambda x, y: np.sum(y), argnums=(0, 1))(A, B), ([0.0, 0.0], [1.0, 1.0]))
    assert grad(lambda x: x)(2.0) == 1.0
    assert grad(lambda x: np.floor(x))(2.5) == 0.0
    assert grad(lambda x: leaf(7.0))(2.0) == 0.0
    np.testing.assert_array_equal(jacobian(lambda x: x)(A), np.eye(2))
    np.testing.assert_array_equal(jacobian(lambda x: np.ones(3))(A), np.zeros((3, 2)))
    np.testing.assert_array_equal(hessian(lambda x: np.sum(x))(A), np.zeros((2, 2)))
    assert grad(grad(lambda x: x))(2.0) == 0.0


def test_errors_of_the_function_are_its_own() -> None:
    def fails(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        grad(fails)(1.0)
    with pytest.raises(FloatingPointError), np.errstate(all="raise"):
        grad(np.log)(0.0)


def test_transforms_record_under_no_grad() -> None:
    with no_grad():
        assert grad(grad(np.exp))(0.0) == 1.0
        value, pull_back = vjp(lambda x: x * x, A)
    np.testing.assert_array_equal(pull_back(np.ones(2))[0], 2 * A)
    assert type(value) is np.ndarray


def mutating(x: Any) -> Any:
    x *= 3.0
    return np.sum(x**2)


def test_plain_arguments_are_not_written_to() -> None:
    x = A.copy()
    with pytest.raises(ValueError, match=r"is a leaf.*Write to a copy"):
        grad(mutating)(x)
    np.testing.assert_array_equal(x, A)


@pytest.mark.parametrize("argument", [leaf(A), leaf(A) * 1.0], ids=["leaf", "computed"])
def test_a_gradient_is_that_of_the_argument_as_it_was_given(argument: Any) -> None:
    """It is 18 x, and not the 6 x of what the function wrote over it."""
    np.testing.assert_array_equal(grad(mutating)(argument).numpy(), 18 * A)
    np.testing.assert_array_equal(argument.numpy(), A)


# ---- nested: each derivative is with respect to its own variable -----------------------------------------------------

NESTED: dict[str, tuple[Callable[[], Any], float]] = {
    "inner constant": (lambda: grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0), 1.0),
    "inner depends": (lambda: grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0), 6.0),
    "same name": (lambda: grad(lambda x: grad(lambda x: x**3)(x) * x)(2.0), 36.0),
    "shadowed twice": (lambda: grad(lambda x: grad(lambda y: grad(lambda z: x * y * z)(y) * y)(x))(2.0), 4.0 * 2.0),
    "argument is outer": (lambda: grad(lambda x: grad(lambda y: y * y * x)(x))(3.0), 12.0),
    "value is inner": (lambda: grad(lambda x: value_and_grad(lambda y: x * y**2)(x)[0])(2.0), 12.0),
    "siblings": (lambda: grad(lambda x: grad(lambda y: x * y)(5.0) * grad(lambda y: y * y)(x))(3.0), 12.0),
    "closure over a gradient": (lambda: grad(lambda x: (lambda d: grad(lambda y: d * y)(1.0))(grad(np.sin)(x)))(0.5),
                                -np.sin(0.5)),
    "through a jacobian": (lambda: grad(lambda x: np.sum(jacobian(lambda y: y**3 * x)(A)))(3.0), 15.0),
    "through a hessian": (lambda: grad(lambda x: np.sum(hessian(lambda y: np.sum(y**3) * x)(A)))(1.0), 18.0),
    "through a pull-back": (lambda: grad(lambda x: vjp(lambda y: y * y * x, 3.0)[1](x)[0])(2.0), 24.0),
    "keyword from outside": (lambda: grad(lambda x: grad(lambda y, k: y * k)(2.0, k=x * x))(3.0), 6.0),
}  # fmt: skip


@pytest.mark.parametrize("name", NESTED)
def test_nested_transforms(name: str) -> None:
    compute, wanted = NESTED[name]
    np.testing.assert_allclose(compute(), wanted, rtol=1e-14)


def test_closures_over_tracked_tensors_keep_their_gradient() -> None:
    w = leaf([2.0, 3.0])
    slope = grad(lambda x: np.sum(w * x**2))(A)
    assert type(slope) is Tensor
    slope.sum().backward()
    np.testing.assert_array_equal(w.grad, 2 * A)
    value, pull_back = vjp(lambda x: w * x, A)
    np.sum(value * pull_back(np.ones(2))[0]).backward()
    np.testing.assert_array_equal(w.grad, 2 * A + 2 * w.numpy() * A)


@pytest.mark.parametrize(
    ("function", "x", "derivatives"),
    [
        (np.tanh, 0.3, lambda t: [1 - t**2, -2 * t * (1 - t**2), (6 * t**2 - 2) * (1 - t**2)]),
        (lambda x: x**4, 1.5, lambda y: [4 * 1.5**3, 12 * 1.5**2, 24 * 1.5]),
        (lambda x: x**-1.5, 2.0, lambda y: [-1.5 * y / 2, 3.75 * y / 4, -13.125 * y / 8]),
        (lambda x: 1 / x, 2.0, lambda y: [-1 / 4, 2 / 8, -6 / 16]),
        (sigmoid, 0.3, lambda s: [s * (1 - s), s * (1 - s) * (1 - 2 * s), s * (1 - s) * (1 - 6 * s + 6 * s * s)]),
        (
            lambda x: 1 / (1 + np.exp(-x)),
            0.3,
            lambda s: [s * (1 - s), s * (1 - s) * (1 - 2 * s), s * (1 - s) * (1 - 6 * s + 6 * s * s)],
        ),
        (lambda x: x**x, 1.0, lambda y: [1.0, 2.0, 3.0]),
        (lambda x: np.prod(np.stack([x, x, x * 2.0])), 1.5, lambda y: [6 * 1.5**2, 12 * 1.5, 12.0]),
    ],
    ids=["tanh", "x**4", "x**-1.5", "1/x", "sigmoid", "sigmoid by hand", "x**x", "prod"],
)
def test_three_orders(function: Program, x: float, derivatives: Any) -> None:
    wanted = derivatives(function(x))
    found = [grad(function)(x), grad(grad(function))(x), grad(grad(grad(function)))(x)]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, -1.0, 0.5])
def test_mixed_derivatives_of_a_power_agree(exponent: float) -> None:
    """x**(p-1) (1 + p log x), in either order, also at p = 0."""
    wanted = 3.0 ** (exponent - 1) * (1 + exponent * np.log(3.0))
    base_first = grad(lambda p: grad(lambda x: x**p)(3.0))(exponent)
    exponent_first = grad(lambda x: grad(lambda p: x**p)(exponent))(3.0)
    np.testing.assert_allclose([base_first, exponent_first], wanted, rtol=1e-14)


# ---- jacobian, hessian, vjp ------------------------------------------------------------------------------------------


def test_jacobians_have_the_shapes_of_result_and_argument() -> None:
    found = jacobian(lambda x: np.tensordot(W, x, 1))(V[:4])
    assert found.shape == (3, 3, 4, 3)
    np.testing.assert_allclose(found, np.einsum("ij,kl->ikjl", W, np.eye(3)))
    np.testing.assert_array_equal(jacobian(lambda a, b: a * b, 1)(A, B), np.diag(A))
    assert jacobian(lambda x: x[:0])(A).shape == (0, 2)
    assert jacobian(lambda x: x * x)(3.0) == 6.0


def test_hessians_against_their_formula() -> None:
    matrix = DRAW.normal(size=(4, 4))
    found = hessian(lambda x: x @ matrix @ x)(W[0])
    np.testing.assert_allclose(found, matrix + matrix.T, rtol=1e-14)
    logits = DRAW.normal(size=5)
    p = softmax(logits)
    curvature = hessian(lambda z: np.log(np.sum(np.exp(z))))(logits)
    np.testing.assert_allclose(curvature, np.diag(p) - np.outer(p, p), atol=1e-15)


def test_pull_backs_are_linear_and_may_be_used_again() -> None:
    value, pull_back = vjp(lambda x, y: x @ y, W, V[:4])
    np.testing.assert_allclose(value, W @ V[:4])
    g = DRAW.normal(size=(3, 3))
    for scale in (1.0, -2.0):
        left, right = pull_back(scale * g)
        np.testing.assert_allclose(left, scale * g @ V[:4].T)
        np.testing.assert_allclose(right, scale * W.T @ g)
    with pytest.raises(ValueError, match=r"gradient has shape \(2,\), but must have the shape \(3, 3\)"):
        pull_back(np.ones(2))


# ---- programs as people write them -----------------------------------------------------------------------------------


def top_of(z: Any) -> Any:
    """The largest of each row; of complex numbers the one whose real part is, so that a complex step goes through."""
    if np.iscomplexobj(z):
        return np.take_along_axis(z, np.argmax(np.real(z), axis=1)[:, None], 1)
    return z.max(axis=1, keepdims=True)


def cross_entropy(w: Any, x: Any) -> Any:
    """Softmax and cross-entropy by hand."""
    z = x @ w
    z = z - top_of(z)
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(5), [0, 1, 2, 3, 1]]))


def batch_norm(w: Any, x: Any) -> Any:
    z = x @ w
    normal = (z - z.mean(axis=0)) / np.sqrt(np.mean((z - z.mean(axis=0)) ** 2, axis=0) + 1e-5)
    return np.sum(normal**3 * w[0] + w[1]) / 5


def recurrent(w: Any, x: Any) -> Any:
    """A state that goes through one matrix again and again, kept in an array that is written step by step."""
    states = np.zeros_like(x @ w)
    state = x[0] @ w * 0.0
    for t in range(5):
        state = np.tanh(x[t] @ w + state * w[0])
        states[t] = state
    return np.sum(states[1:] * states[:-1]) + np.sum(state**2)


def log_sum_exp(w: Any, x: Any) -> Any:
    z = x @ w
    return np.sum((np.log(np.sum(np.exp(z - top_of(z)), axis=-1)) + np.squeeze(top_of(z), -1)) ** 2)


def polynomial(w: Any, x: Any) -> Any:
    """Horner's rule, in place."""
    y = np.zeros_like(x[:, 0] * w[0, 0])
    for coefficient in w.reshape(-1):
        y *= x[:, 0]
        y += coefficient
    return np.mean(y**2)


def chain_of_batches(w: Any, x: Any) -> Any:
    stack = np.stack([w.T @ w, w.T @ (w * 2.0), (w + 1.0).T @ w])
    product = stack @ np.swapaxes(stack, -1, -2) @ stack[0] @ np.broadcast_to(w[0], (3, 1, 4)).transpose(0, 2, 1)
    return np.sum(product[..., 0] * np.mean(x)) / 10


def convolution(w: Any, x: Any) -> Any:
    """A sliding window by slices, with padding written in place."""
    padded = np.zeros_like(np.concatenate([x, x[:2]]))
    padded[1:-1] = x
    out = sum(padded[k : k + 5] * w[k, :3] for k in range(3))
    return np.sum(np.tanh(out) ** 2)


COMPOSED = [cross_entropy, batch_norm, recurrent, log_sum_exp, polynomial, chain_of_batches, convolution]
every_program = pytest.mark.parametrize("program", COMPOSED, ids=lambda program: program.__name__)


@every_program
def test_programs_first_order(program: Program) -> None:
    found = grad(program, argnums=(0, 1))(W, V)
    for mine, truth in zip(found, complex_step(program, W, V), strict=True):
        np.testing.assert_allclose(mine, truth, rtol=1e-10, atol=1e-13)


@every_program
def test_programs_second_order(program: Program) -> None:
    """A Hessian-vector product against the difference of two complex-step gradients."""
    direction = np.random.default_rng(3).normal(size=W.shape)
    found = grad(lambda w: np.sum(grad(program)(w, V) * direction))(W)
    step = 1e-5
    there, back = (complex_step(lambda w: program(w, V), W + s * step * direction)[0] for s in (1, -1))
    wanted = (there - back) / (2 * step)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7 * np.abs(wanted).max())


@every_program
def test_programs_in_single_precision_stay_single(program: Program) -> None:
    w, v = W.astype(np.float32), V.astype(np.float32)
    value, found = value_and_grad(program)(w, v)
    assert value.dtype == found.dtype == np.float32
    np.testing.assert_allclose(found, grad(program)(W, V), rtol=2e-3, atol=2e-4)


def test_log_softmax_is_the_logarithm_of_softmax() -> None:
    g = np.random.default_rng(4).normal(size=V.shape)
    by_hand = grad(lambda x: np.sum(np.log(softmax(x)) * g))(V)
    np.testing.assert_allclose(grad(lambda x: np.sum(log_softmax(x) * g))(V), by_hand, rtol=1e-12, atol=1e-14)


def test_programs_against_jax() -> None:
    jax = pytest.importorskip("jax", exc_type=ImportError)
    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    def network(np: Any) -> Program:
        def loss(w: Any) -> Any:
            h = np.tanh(V @ w)
            p = np.exp(h) / np.sum(np.exp(h), axis=-1, keepdims=True)
            return np.sum(np.log(p)[:, 0] * np.max(h, axis=1)) + np.sum(np.abs(h)) ** 1.5

        return loss

    mine, theirs = network(np), network(jnp)
    np.testing.assert_allclose(grad(mine)(W), jax.grad(theirs)(W), rtol=1e-12)
    np.testing.assert_allclose(hessian(mine)(W), jax.hessian(theirs)(W), rtol=1e-10, atol=1e-12)


# ---- NaN -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function", [np.max, np.min, lambda x: np.sum(np.maximum(x, 0)), lambda x: np.minimum(x, 2)[0]]
)
def test_nan_does_not_hide_its_gradient(function: Callable[[Any], Any]) -> None:
    """A gradient of 0 would say that the value does not matter."""
    x = np.array([np.nan, 1.0])
    assert grad(function)(x)[0] == 1.0


# ---- forward mode, and products with the Hessian ---------------------------------------------------------------------


def test_jvp_is_the_jacobian_times_the_tangent() -> None:
    def function(x: Any, w: Any) -> Any:
        return np.tanh(x @ w["inner"]) * w["outer"]

    rng = np.random.default_rng(0)
    x, v = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    w, u = ({"inner": rng.normal(size=(3, 4)), "outer": rng.normal(size=4)} for _ in range(2))
    value, pushed = jvp(function, (x, w), (v, u))
    np.testing.assert_array_equal(value, function(x, w))
    h = 1e-30j
    moved = function(x + h * v, {name: w[name] + h * u[name] for name in w})
    np.testing.assert_allclose(pushed, np.imag(moved) / 1e-30, rtol=1e-13)
    assert type(pushed) is np.ndarray


def test_jvp_of_complex_numbers_and_of_constants() -> None:
    z, dz = np.array([1.0 + 2.0j]), np.array([0.5 - 1.0j])
    np.testing.assert_allclose(jvp(lambda z: np.exp(z) * z, (z,), (dz,))[1], np.exp(z) * (1 + z) * dz)
    np.testing.assert_allclose(jvp(np.abs, (z,), (dz,))[1], np.real(np.conj(z) * dz) / np.abs(z))
    np.testing.assert_allclose(jvp(np.conj, (z,), (dz,))[1], np.conj(dz))
    np.testing.assert_allclose(jvp(lambda x: x * (1 + 2j), (np.ones(1),), (np.ones(1),))[1], [1 + 2j])
    np.testing.assert_array_equal(jvp(lambda x: np.ones(2), (1.0,), (1.0,))[1], np.zeros(2))
    assert float(jvp(lambda x, y: 3.0 * y, (1.0, 2.0), (1.0, 0.0))[1]) == 0.0


def test_jvp_of_jvp_and_inside_grad() -> None:
    def speed(x: Any) -> Any:
        return jvp(np.sin, (x,), (1.0,))[1]

    np.testing.assert_allclose(jvp(speed, (0.3,), (1.0,))[1], -np.sin(0.3))
    np.testing.assert_allclose(grad(speed)(0.3), -np.sin(0.3))
    np.testing.assert_allclose(grad(lambda v: jvp(np.sin, (0.3,), (v,))[1] ** 2)(2.0), 4.0 * np.cos(0.3) ** 2)


def test_jvp_says_what_does_not_fit() -> None:
    with pytest.raises(TypeError, match=r"jvp takes the arguments of sin as one tuple.*jvp\(f, \(x,\), \(v,\)\)"):
        jvp(np.sin, 1.0, 1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"a tangent has the shapes \[\(3,\)\], but must have those.*\[\(2,\)\]"):
        jvp(np.sin, (np.ones(2),), (np.ones(3),))


def test_products_with_the_hessian() -> None:
    def cost(x: Any, w: Any) -> Any:
        return np.sum(np.sin(x * w[0]) * np.exp(w[1]))

    rng = np.random.default_rng(1)
    x, v = rng.normal(size=3), rng.normal(size=3)
    w, u = [rng.normal(size=3), rng.normal(size=3)], [rng.normal(size=3), rng.normal(size=3)]
    np.testing.assert_allclose(hessian_vector_product(cost)(x, w, v), hessian(cost)(x, w) @ v, rtol=1e-12)
    product = hessian_vector_product(cost, 1)(x, w, u)
    pull = vjp(lambda *w: cost(x, w), *(a + 1e-30j * b for a, b in zip(w, u, strict=True)))[1]
    for ours, slope in zip(product, pull(1.0 + 0j), strict=True):
        np.testing.assert_allclose(ours, np.imag(slope) / 1e-30, rtol=1e-12)
    with pytest.raises(ValueError, match="the vector has the shapes"):
        hessian_vector_product(cost)(x, w, np.ones(2))
    with pytest.raises(TypeError, match="takes its arguments and then a vector"):
        hessian_vector_product(cost)(x)
