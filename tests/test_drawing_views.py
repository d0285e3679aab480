"""Drawing: names and lines, views, numbers, folds, failures and differences."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.test_drawing import PURE, contrast, needs_pure, network
from tinygrad_scratch import Tensor, functional
from tinygrad_scratch.costs import seconds_in_words
from tinygrad_scratch.drawing import Drawing, diff, draw
from tinygrad_scratch.drawing.data import Box
from tinygrad_scratch.drawing.dot import CHANGES, HEAT
from tinygrad_scratch.drawing.formulas import ELEMENTWISE, PRODUCTS
from tinygrad_scratch.drawing.labels import ALARM, GRADIENT, QUIET
from tinygrad_scratch.drawing.numbers import numbers_of, numbers_of_each
from tinygrad_scratch.graph import Graph, Node
from tinygrad_scratch.nn import Dense, Module, Sequential
from tinygrad_scratch.rules.registry import RULES, label


def leaf(*shape: int, seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def boxes(drawing: Drawing) -> dict[str, Box]:
    """The boxes by title, of several alike the first."""
    found: dict[str, Box] = {}
    for box in drawing.scene.boxes:
        found.setdefault(box.title, box)
    return found


def arrows(drawing: Drawing) -> set[tuple[str, str]]:
    titles = {box.id: box.title for box in drawing.scene.boxes}
    return {(titles[arrow.tail], titles[arrow.head]) for arrow in drawing.scene.arrows}


# ---- names and lines -------------------------------------------------------------------------------------------------


class Net:
    """Someone's own network."""

    def __init__(self) -> None:
        self.w1, self.layers = leaf(3, 4), [leaf(4, 2, seed=1)]

    def forward(self, x: Any) -> Any:
        self.hidden = np.tanh(x @ self.w1)
        return self.hidden @ self.layers[0]


def test_values_go_by_the_names_of_variables() -> None:
    net = Net()
    x = np.ones((5, 3))
    out = net.forward(Tensor(x))
    named = Tensor(2.0, requires_grad=True, name="given")
    drawing = draw(np.sum(out * named))
    assert {"x", "w1", "hidden", "layers[0]", "out", "given"} <= boxes(drawing).keys()
    assert boxes(drawing)["x"].kind == "input"
    assert "self" not in drawing.source


def test_a_call_that_draw_makes_has_names_lines_and_inputs() -> None:
    def loss(x: Any, w: Any) -> Any:
        z = x @ w
        return np.sum(z**2)

    drawing = draw(loss, np.ones((2, 3)), np.ones((3, 1)))
    found = boxes(drawing)
    assert {name: found[name].kind for name in ("x", "w")} == {"x": "input", "w": "input"}
    source = found["z"].source
    assert source is not None
    assert (source.file, source.code) == ("tests/test_drawing_views.py", "z = x @ w")
    assert found["z ** 2"].source.code == "return np.sum(z**2)"  # type: ignore[union-attr]
    assert f'URL="tests/test_drawing_views.py#L{source.line}"' in drawing.source
    assert "z = x @ w\ntests/test_drawing_views.py" in drawing.source
    assert drawing == draw(loss, np.ones((2, 3)), np.ones((3, 1)))


def test_inputs_of_a_model_with_parameters_are_constants() -> None:
    network = Sequential(Dense(3, 2, bias=False))
    weight = network.parameters()[0]
    for drawing in (
        draw(network, np.ones((2, 3))),
        draw(lambda x: x @ weight, np.ones((2, 3))),
        draw(Net().forward, np.ones((2, 3))),
        draw(lambda data: data["x"] @ data["w"], {"x": np.ones((2, 3)), "w": weight}),
    ):
        (given,) = (box for box in drawing.scene.boxes if box.kind == "input")
        assert given.cotangent is None
        assert "parameter" in {box.kind for box in drawing.scene.boxes}


def test_numbers_and_indices_stay_what_they_are() -> None:
    drawing = draw(lambda x, i, power: x[i] ** power, np.ones(3), 1, 2)
    assert {box.title for box in drawing.scene.boxes} == {"x", "x[1]", "· ** 2"}


def test_functions_that_return_several_or_none() -> None:
    both = draw(lambda x: {"a": np.exp(x), "b": [np.sin(x)]}, np.ones(2))
    assert [box.title for box in both.scene.boxes if box.kind == "output"] == ["exp(x)", "sin(x)"]
    with pytest.raises(
        TypeError, match="draw\\(\\) called <lambda>, which returned an object of type int and no Tensor"
    ):
        draw(lambda x: 3, np.ones(2))


def test_recording_is_not_slowed_when_nobody_draws() -> None:
    """Names and lines are looked for by `draw` alone: no trace function is left, and none was there before."""
    before = sys.gettrace()
    seen: list[Any] = []

    def model(x: Any) -> Any:
        seen.append(sys.gettrace())
        return x * 2.0

    draw(model, np.ones(2))
    assert sys.gettrace() is before
    assert seen[0] is not before


# ---- derivatives -----------------------------------------------------------------------------------------------------

DOMAIN = {np.log1p: 0.5, np.power: 1.5}


@pytest.mark.parametrize("function", ELEMENTWISE, ids=label)
def test_formulas_say_what_the_rules_compute(function: Any) -> None:
    generator = np.random.default_rng(0)
    a, b = generator.uniform(0.5, 2.0, 4), generator.uniform(0.5, 2.0, 4)
    formulas = ELEMENTWISE[function]
    operands = (a > 1, a, b) if function is np.where else (a, b)[: len(formulas)]
    y = function(*operands)
    namespace = {name: getattr(np, name) for name in ("log", "sign", "sin", "cos", "sinh", "cosh")}
    names = {"y": y, **dict(zip("ab", operands, strict=False))}
    for place, formula in enumerate(formulas):
        if formula is not None:
            value = eval(formula.replace("{", "").replace("}", ""), namespace | names)
            expected = RULES[function][place](np.ones(4), y, *operands)
            np.testing.assert_allclose(np.broadcast_to(value, (4,)), expected, rtol=1e-12)


def test_the_chain_rule_of_the_article() -> None:
    drawing = draw(network()["J"], view="chain rule")
    found = boxes(drawing)
    assert [found[name].formula for name in ("a4", "z4", "w3", "a3")] == [
        "-(y - a4)",
        "∂J/∂a4 * (a4 * (1 - a4))",
        "a3ᵀ @ ∂J/∂z4",
        "∂J/∂z4 @ w3ᵀ",
    ]
    derivatives = [arrow.derivative for arrow in drawing.scene.arrows]
    assert {"∂z3/∂a2 = w2ᵀ", "∂z3/∂w2 = a2ᵀ", "∂a2/∂z2 = a2 * (1 - a2)", "∂J/∂a4 = -(y - a4)"} <= set(derivatives)
    assert found["J"].expression == "sum(0.5 * (y - a4) ** 2)"
    assert "∂z3/∂a2 = w2ᵀ</font>" in drawing.source


def test_a_sigmoid_written_by_hand_has_the_derivative_of_one() -> None:
    def model(z: Any) -> Any:
        a = 1 / (1 + np.exp(-z))
        return np.sum(a)

    drawing = draw(model, np.ones(3), view="chain rule")
    assert "∂a/∂z = a * (1 - a)" in [arrow.derivative for arrow in drawing.scene.arrows]
    assert boxes(drawing)["a"].expression == "1 / (1 + exp(-z))"


FORMULAS: dict[str, Callable[[Any, Any], Any]] = {
    "3": lambda a, b: 3 * a,
    "-0.5": lambda a, b: -a / 2,
    "0.5": lambda a, b: a / 2,
    "1": lambda a, b: a**1,
    "3 * a ** 2": lambda a, b: a**3,
    "1 / 4": lambda a, b: np.mean(a),
    "b": lambda a, b: a * b,
    "bᵀ": lambda a, b: a @ b,
    "cumsum′(a)": lambda a, b: np.cumsum(a),
    "…": lambda a, b: 2.0 * ((a @ b) @ b),
}


@pytest.mark.parametrize(("text", "function"), FORMULAS.items(), ids=FORMULAS)
def test_derivatives_on_arrows(text: str, function: Callable[[Any, Any], Any]) -> None:
    def model(a: Any, b: Any) -> Any:
        y = function(a, b)
        return y, b * 1.0

    drawing = draw(model, np.ones((2, 2)), np.full((2, 2), 2.0), view="chain rule")
    assert f"∂y/∂a = {text}" in [arrow.derivative for arrow in drawing.scene.arrows]


def test_formulas_of_the_backward_pass_give_its_numbers() -> None:
    """What the boxes say is run as NumPy, step by step, and compared with autograd."""
    values = network()
    drawing = draw(values["J"], view="backward", fold="names", gradients=True)
    namespace: dict[str, Any] = {name: value.numpy() for name, value in values.items()}
    for step in drawing.scene.steps:
        for name, formula in step.formulas.items():
            title = next(box.title for box in drawing.scene.boxes if box.id == name)
            text = re.sub("∂J/∂(\\w+)", "d_\\1", formula).replace("ᵀ", ".T")
            namespace[f"d_{title}"] = eval(text, namespace)
    weights = [values[name] for name in ("w1", "w2", "w3")]
    for name, gradient in zip(("w1", "w2", "w3"), values["J"].gradient(*weights), strict=True):
        np.testing.assert_allclose(namespace[f"d_{name}"], gradient.numpy(), rtol=1e-12)


def test_functions_with_formulas_are_those_of_the_table() -> None:
    assert all(function in RULES for function in (*ELEMENTWISE, *PRODUCTS))


# ---- views -----------------------------------------------------------------------------------------------------------


def test_backward_alone() -> None:
    drawing = draw(network()["J"], view="backward", fold="names")
    titles = {box.id: box.title for box in drawing.scene.boxes}
    edges = re.findall(r"\t(n\d+) -> (n\d+) ", drawing.source)
    assert [titles[tail] for tail, _ in edges].count("z3") == 2
    assert ("J", "a4") in [(titles[tail], titles[head]) for tail, head in edges]
    assert "value" not in drawing.source.replace("value: mean", "")


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"view='sideways' is none of 'both', 'forward', 'backward', 'chain rule', 'neur"
    ):
        draw(leaf(2) * 2.0, view="sideways")


def test_neurons_and_weights() -> None:
    values = network()
    drawing = draw(values["J"], view="neurons")
    lines = [line for line in drawing.source.splitlines() if "->" in line]
    assert len(lines) == 3 * 4 + 4 * 5 + 5 * 1
    weight = values["w1"].numpy()
    (line,) = (line for line in lines if line.startswith("\tn0_2 -> n1_3 "))
    assert f'tooltip="w1[2, 3] = {weight[2, 3]:.4g}"' in line
    assert ("style=dashed" in line) == (weight[2, 3] < 0)
    thickest = max(lines[:12], key=lambda line: float(re.findall(r"penwidth=(\S+)", line)[0]))
    tail, head = np.unravel_index(np.argmax(np.abs(weight)), weight.shape)
    assert thickest.startswith(f"\tn0_{tail} -> n1_{head} ")
    assert "penwidth=4.00" in thickest
    assert [f"<{title}>" in drawing.source for title in ("x", "a2", "a3", "a4", "w1", "w2", "w3")] == [True] * 7
    by_gradient = draw(values["J"], view="neurons", gradients=True)
    (gradient,) = values["J"].gradient(values["w1"])
    assert f"∂w1[2, 3] = {gradient.numpy()[2, 3]:.4g}" in by_gradient.source


def test_neurons_of_what_is_no_small_dense_network() -> None:
    with pytest.raises(ValueError, match=r'view="neurons" draws dense layers, x @ weight .* found none'):
        draw(np.sum(leaf(3)), view="neurons")
    with pytest.raises(ValueError, match="at most 120 neurons and 2,000 weights, and this one has 400 and 30,000"):
        draw(leaf(2, 100) @ leaf(100, 300), view="neurons")
    with pytest.raises(ValueError, match=r"of shape \(5, 2\) can't follow one of shape \(3, 4\)"):
        draw((leaf(2, 3) @ leaf(3, 4))[:, :1] * (leaf(2, 5) @ leaf(5, 2)), view="neurons")


# ---- numbers ---------------------------------------------------------------------------------------------------------


def test_values_and_gradients_in_full_when_small_and_statistics_when_large() -> None:
    def model(small: Any, large: Any) -> Any:
        return np.sum(small) * np.sum(large)

    small, large = np.array([[1.0, 2.0], [3.0, 4.0]]), np.concatenate([np.zeros(500), np.full(500, 2.0)])
    plain = draw(model, small, large)
    assert ">1 ± 1<" not in plain.source
    shown = draw(model, small, large, values=True)
    assert all(f'>{number}</font><br align="right"/></td>' in shown.source for number in (1, 2, 3, 4))
    assert {"1 ± 1", "0 … 2", "50% zeros"} <= set(re.findall(">([^<>]+)</font>", shown.source))
    assert "1,000" not in shown.source
    gradients = draw(model, small, large, gradients=True)
    assert "1e3" in re.findall(">([^<>]+)</font>", gradients.source)


def test_gradients_need_one_real_number() -> None:
    x = leaf(3)
    with pytest.raises(
        ValueError, match=r"gradients= and heat= need the gradient of one real number, but Tensor of shape"
    ):
        draw(x * 2.0, gradients=True)
    with pytest.raises(ValueError, match="is one of several outputs"):
        draw(np.sum(x), np.max(x), heat=True)
    assert all(box.gradient is None for box in draw(x * 2.0).scene.boxes)


def test_numbers_of_every_kind() -> None:
    numbers = numbers_of(np.array([np.nan, np.inf, -np.inf, 0.0, 4.0]))
    assert (numbers.nan, numbers.infinite, numbers.zeros, numbers.mean, numbers.greatest) == (1, 2, 1, 2.0, 4.0)
    assert numbers.numbers == ["nan", "inf", "-inf", 0.0, 4.0]
    assert numbers_of(np.array(1 + 2j)).numbers == "1+2j"
    assert numbers_of(np.zeros((0, 3))).mean is None
    assert numbers_of(np.array([True, False])).mean == 0.5
    big = numbers_of(np.full(1000, 1e300))
    assert big.spread == 0.0
    assert big.norm == pytest.approx(1e300 * 1000**0.5)
    assert big.numbers is None
    assert sum(numbers_of(np.arange(100.0)).histogram) == 100
    assert numbers_of(np.arange(100.0)).histogram == (5,) * 20


def test_numbers_of_several_arrays_are_those_of_each() -> None:
    rng = np.random.default_rng(0)
    alike = [*rng.normal(size=(3, 2, 3)), np.zeros((2, 3)), np.full((2, 3), -7.0), np.array([[np.nan, 1, 2]] * 2)]
    others = [rng.normal(size=300), np.array(3), np.zeros(0), np.array([1e308, -1e308]), np.full((2, 3), np.inf)]
    arrays = [*alike[:4], *others, *alike[4:]]
    for array, numbers in zip(arrays, numbers_of_each(arrays), strict=True):
        assert numbers == numbers_of(array)
        flat = array[np.isfinite(array)].astype(float)
        assert numbers.shape == array.shape
        assert numbers.zeros == np.count_nonzero(flat == 0)
        assert sum(numbers.histogram) == flat.size
        if flat.size:
            assert (numbers.least, numbers.greatest) == (flat.min(), flat.max())
            scale = max(np.abs(flat).max(), 1.0)
            assert numbers.spread == pytest.approx(np.std(flat / scale) * scale, rel=1e-12)


def test_what_goes_wrong_is_marked_where_it_begins() -> None:
    def model(x: Any) -> Any:
        scaled = x * 0.0
        logs = np.log(scaled)
        mixed = logs * 0.0
        return np.sum(mixed)

    with np.errstate(all="ignore"):
        drawing = draw(model, np.ones(4))
    found = boxes(drawing)
    assert found["logs"].first_troubles == ["infinite", "no gradient"]
    assert found["mixed"].first_troubles == ["NaN"]
    assert found["sum(mixed)"].troubles == ["NaN"]
    assert found["sum(mixed)"].first_troubles == []
    assert "⚠ NaN, first here" in drawing.source
    json.dumps(drawing.data, allow_nan=False)


@pytest.mark.parametrize(("factor", "trouble"), [(1e-9, "gradient vanishes"), (1e9, "gradient explodes")])
def test_gradients_that_vanish_or_explode(factor: float, trouble: str) -> None:
    def model(x: Any) -> Any:
        scaled = x * factor
        return np.sum(scaled)

    found = boxes(draw(model, np.ones(3)))
    assert found["x"].first_troubles == [trouble]
    assert found["scaled"].troubles == []


def test_units_that_answer_zero_to_every_sample_are_dead() -> None:
    x = np.array([[1.0, -1.0], [2.0, -3.0]])
    assert boxes(draw(lambda x: functional.relu(x), x))["relu(x)"].troubles == ["dead"]
    assert boxes(draw(lambda x: functional.relu(x), np.abs(x)))["relu(x)"].troubles == []
    assert boxes(draw(lambda x: np.maximum(x, 0.0), x * [-1, 1]))["maximum(x, 0)"].troubles == ["dead"]
    assert boxes(draw(lambda x: np.maximum(x, 0.0), np.eye(2)))["maximum(x, 0)"].troubles == []


def test_heat_and_costs() -> None:
    drawing = draw(network()["J"], heat=True, costs=True)
    assert {fill for fill in HEAT if fill in drawing.source} == set(HEAT)
    assert "root mean square" in drawing.source
    assert "48 multiply-adds" in drawing.source
    assert "160 B" in drawing.source


def test_times() -> None:
    """What takes long is told from what doesn't, also within a fold; nothing is timed unasked."""

    def model(x: Any) -> Any:
        inverse = np.linalg.inv(x)
        return np.sin(np.sum(inverse))

    x = np.eye(300)
    drawing = draw(model, x, times=True)
    found = boxes(drawing)
    slow, fast = found["inverse"].seconds, found["sin(·)"].seconds
    assert slow is not None
    assert fast is not None
    assert slow > 10 * fast > 0
    assert found["x"].seconds is None
    assert f">{seconds_in_words(slow)}<" in drawing.source
    (fold,) = (box for box in draw(model, x, times=True, fold=lambda node: "all").scene.boxes if box.kind == "fold")
    assert fold.seconds is not None
    assert fold.seconds > 10 * fast
    assert {box.seconds for box in draw(model, x).scene.boxes} == {None}


@pytest.mark.parametrize("fill", [*HEAT, *(change["fillcolor"] for change in CHANGES.values())])
def test_text_can_be_read_on_heat_and_changes(fill: str) -> None:
    assert all(contrast(text, fill) >= 4.5 for text in (QUIET, GRADIENT, "#1a1a1a"))
    assert contrast(ALARM, fill) >= 4.2  # it is bold, for which 3 is enough


# ---- folds -----------------------------------------------------------------------------------------------------------


class Block(Module):
    def __init__(self, width: int) -> None:
        self.inner = Dense(width, width, np.tanh, bias=False)
        self.outer = Dense(width, width, bias=False)

    def __call__(self, x: Any) -> Any:
        return x + self.outer(self.inner(x))


def blocks(count: int) -> Sequential:
    return Sequential(*(Block(4) for _ in range(count)), Dense(4, 1))


def test_fold_by_depth_and_class() -> None:
    network, x = blocks(3), np.ones((2, 4))
    whole = draw(network, x)
    assert [box.count for box in whole.scene.boxes if box.kind == "fold"] == []
    at_all = draw(network, x, fold=0)
    assert [(box.title, box.count, box.parameters) for box in at_all.scene.boxes if box.kind == "fold"] == [
        ("Sequential", 13, 3 * 32 + 5)
    ]
    by_layer = draw(network, x, fold=1)
    assert [box.path for box in by_layer.scene.boxes if box.kind == "fold"] == [f"layers.{i}" for i in range(4)]
    assert "∂L/∂layers.0" in [box.cotangent for box in by_layer.scene.boxes if box.kind == "fold"]
    by_class = draw(network, x, fold=Dense)
    assert [box.path for box in by_class.scene.boxes if box.kind == "fold"][:2] == ["layers.0.inner", "layers.0.outer"]
    assert "4 operations, 32 parameters" in by_layer.source
    assert repr(by_layer) == repr(whole)


def test_a_repeated_block_is_drawn_once_with_its_count() -> None:
    drawing = draw(blocks(5), np.ones((2, 4)), fold="repeats")
    (frame,) = (cluster for cluster in drawing.scene.clusters if cluster.kind == "repeat")
    assert (frame.title, frame.rounds, frame.parameters) == ("5 times", 5, 5 * 32)
    assert {box.rounds for box in drawing.scene.boxes if box.kind == "operation"} == {5}
    assert [arrow.again for arrow in drawing.scene.arrows].count(True) == 2  # to the block's first call, and around it
    inside = [cluster for cluster in drawing.scene.clusters if cluster.parent == frame.id]
    assert [cluster.path for cluster in inside] == ["layers.0"]
    assert sum(box.count for box in drawing.scene.boxes) == 21


def unrolled() -> Drawing:
    def recurrent(x: Any, h: Any, w: Any, u: Any) -> Any:
        for t in range(12):
            h = np.tanh(x[:, t] @ w + h @ u)
        return np.sum(h)

    shapes = [(2, 12, 3), (2, 4), (3, 4), (4, 4)]
    return draw(recurrent, *(np.random.default_rng(0).normal(size=shape) / 2 for shape in shapes), fold="repeats")


def test_an_unrolled_loop_is_rolled_up() -> None:
    drawing = unrolled()
    assert [cluster.title for cluster in drawing.scene.clusters] == ["12 times"]
    assert {box.title for box in drawing.scene.boxes} >= {"x", "w", "u", "h", "x[:, 0…11]", "· @ w", "h @ u", "sum(h)"}
    assert len(drawing.scene.boxes) == 4 + 5 + 1
    assert ("h", "h @ u") in arrows(drawing)


def test_numbers_and_places_that_differ_from_round_to_round_are_the_first_and_the_last() -> None:
    def scaled(x: Any) -> Any:
        for k in range(3):
            x = x * (0.5 + k) + np.sum(x[k : k + 2])
        return np.sum(x)

    boxes = draw(scaled, np.ones(6), fold="repeats").scene.boxes
    titles = ["x", "x * (0.5…2.5)", "x[0:2…2:4]", "sum(·)", "x", "sum(x)"]
    assert [box.title for box in boxes] == titles
    places = "∂L/∂x[0:2…2:4] at [1:3]…[2:4]"  # of the second round and the third
    assert boxes[4].formula == f"1 + {places} + ∂L/∂(x * (0.5…2.5)) * (1.5…2.5)"
    assert unrolled().scene.boxes[1].attributes == {"index": "(:, 0)…(:, 11)"}


def test_a_rolled_up_loop_has_its_backward_pass() -> None:
    """A step of a box is that of all its rounds. What comes to the first round alone has numbers, and they add up."""
    scene = unrolled().scene
    titles = {box.id: box.title for box in scene.boxes}
    steps = [(titles[step.box], {titles[to]: formula for to, formula in step.formulas.items()}) for step in scene.steps]
    assert steps[-3:] == [
        ("h @ u", {"h": "∂L/∂(h @ u) @ uᵀ", "u": "Σ hᵀ @ ∂L/∂(h @ u)"}),
        ("· @ w", {"x[:, 0…11]": "∂L/∂(· @ w) @ wᵀ", "w": "Σ x[:, 0…11]ᵀ @ ∂L/∂(· @ w)"}),
        ("x[:, 0…11]", {"x": "Σ ∂L/∂x[:, 0…11] at [:, 0]…[:, 11]"}),
    ]
    come: dict[str, Any] = {}
    for step in scene.steps:
        come |= step.parts | step.sums
    for box in scene.boxes[:-1]:
        assert box.gradient is not None
        assert come.get(box.id, box.gradient) == box.gradient
    assert [name for name, part in scene.steps[0].parts.items() if part is None] == [scene.boxes[-2].id]


def test_what_is_not_repeated_is_not_folded() -> None:
    drawing = draw(lambda x: np.sum(np.exp(np.sin(x) * np.cos(x))), np.ones(3), fold="repeats")
    assert drawing.scene.clusters == []


def test_fold_by_a_rule() -> None:
    def rule(node: Node) -> str | None:
        return "squares" if node.function in (np.multiply, np.power) else None

    def model(x: Any, c: Any) -> Any:
        first = (x * 2.0) ** 2 * c
        return np.sum(np.exp(first) ** 2)

    drawing = draw(model, np.ones(3), np.ones(3), fold=rule)
    folds = [box for box in drawing.scene.boxes if box.kind == "fold"]
    assert [(box.title, box.count) for box in folds] == [("squares", 3), ("squares", 1)]
    assert [box.title for box in drawing.scene.boxes if box.kind == "input"] == []
    assert "3 operations, 6 parameters" in drawing.source


def test_folds_one_after_the_other() -> None:
    drawing = draw(blocks(6), np.ones((2, 4)), fold=(1, "repeats"))
    (block, head) = (box for box in drawing.scene.boxes if box.kind == "fold")
    assert (block.path, block.rounds, block.count) == ("layers.0", 6, 24)
    assert head.path == "layers.6"
    assert any(arrow.tail == arrow.head and arrow.again for arrow in drawing.scene.arrows)


@pytest.mark.parametrize("fold", ["sideways", -1, True, 1.5, ("repeats", "other")])
def test_unknown_folds_are_refused(fold: Any) -> None:
    with pytest.raises(ValueError, match=r"is no way to fold a drawing. Pass a depth of modules"):
        draw(leaf(2) * 2.0, fold=fold)


# ---- large and strange graphs ----------------------------------------------------------------------------------------


def test_hundreds_of_thousands_of_operations_are_drawn_in_bounded_time() -> None:
    y = leaf()
    for _ in range(300_000):
        y = y * 1.0
    start = time.process_time()
    drawing = draw(y)
    rolled = draw(y, fold="repeats")
    assert time.process_time() - start < 20
    assert repr(drawing) == "Drawing(more than 200,000 operations)"
    assert "and more than 199,500 earlier operations" in drawing.source
    assert [cluster.title for cluster in rolled.scene.clusters] == ["50,000 times"]


@needs_pure
def test_values_used_all_over_a_big_graph_are_mentioned_where_they_are_used(tmp_path: Path) -> None:
    """Hundreds of arrows through the whole picture would keep a renderer busy for minutes."""

    def model(x: Any, w: Any) -> Any:
        for _ in range(130):
            x = x * 0.9 + np.tanh(x @ w)
        return np.sum(x)

    drawing = draw(model, np.ones((2, 2)), np.ones((2, 2)), limit=2000)
    assert drawing.source.count("class=mention") > 100
    start = time.perf_counter()
    drawing.save(tmp_path / "big.svg")
    assert time.perf_counter() - start < 20


@needs_pure
def test_a_huge_drawing_tells_a_shape_once() -> None:
    x: Any = leaf(3)
    for _ in range(400):
        x = np.sin(x)
    drawing = draw(np.sum(x))
    cells = drawing.source.count("(3,)</font></td>")
    assert cells == len(drawing.scene.boxes) - 1, "that of each value but the sum"
    assert draw(np.sum(np.sin(leaf(3)))).source.count("(3,)</font>") == 4
    assert draw(np.sum(x), view="backward").source.count("(3,)</font>") == cells


def test_gradients_are_known_also_where_older_values_are_left_out() -> None:
    x = leaf(3)
    value: Any = x
    for _ in range(20):
        value = value * 2.0
    drawing = draw(np.sum(value), limit=5)
    sizes = [box.gradient.greatest for box in drawing.scene.boxes if box.gradient is not None]
    assert sizes == [8.0, 4.0, 2.0, 1.0, 1.0]


def test_what_a_function_is_given_is_counted_as_its_input() -> None:
    w = leaf(3, 2)
    assert repr(draw(lambda x: np.sum(x @ w), np.ones((4, 3)))) == "Drawing(2 operations, 1 parameter, 1 input)"
    assert repr(draw(lambda x, y: np.sum(x * y), np.ones(3), np.ones(3))) == "Drawing(2 operations, 2 inputs)"


@needs_pure
@pytest.mark.parametrize("view", ["both", "forward"])
def test_title_of_a_tall_parameter_stands_below_the_rim_of_its_cylinder(view: str) -> None:
    weights = Tensor(np.arange(20.0).reshape(20, 1), requires_grad=True, name="weights")
    picture = draw(np.ones((3, 20)) @ weights, values=True, view=view).content(".svg").decode()
    cylinder = re.search(r'class="node parameter".*?</g>', picture, re.DOTALL)
    assert cylinder
    rim = re.findall(r'<path [^>]*d="([^"]*)"', cylinder[0])[1]
    heights = [float(height) for height in re.findall(r",(-[\d.]+)", rim)]
    title = re.search(r'y="(-[\d.]+)"[^>]*>weights<', cylinder[0])
    assert title
    assert float(title[1]) - 9 > min(heights) + 0.75 * (
        max(heights) - min(heights)
    )  # letters are 9 high; a Bézier curve


@needs_pure
def test_what_is_left_out_does_not_keep_the_renderer_busy(tmp_path: Path) -> None:
    x = leaf(2, 2)
    for i in range(3000):
        x = np.tanh(x @ leaf(2, 2, seed=i))
    drawing = draw(np.sum(x), fold="names")
    drawing.save(tmp_path / "rest.svg")
    assert "earlier operation" in drawing.source


STRANGE: dict[str, Callable[[], Any]] = {
    "one node": lambda: leaf(2),
    "a constant": lambda: Tensor(1.0),
    "empty arrays": lambda: np.sum(leaf(0, 3) * 2.0),
    "NaN everywhere": lambda: np.sum(Tensor(np.full((3, 3), np.nan), requires_grad=True) * np.nan),
    "infinity": lambda: np.sum(Tensor(np.full(3, np.inf), requires_grad=True)),
    "complex numbers": lambda: np.sum(np.abs(Tensor([1j, 2.0], requires_grad=True))),
    "five axes": lambda: np.sum(leaf(1, 2, 1, 2, 1)),
    "a division by zero": lambda: np.sum(leaf(3) / 0.0),
    "a division by an integer of zero": lambda: np.sum(leaf(3) / np.int64(0)),
    "numbers that are no floats": lambda: np.sum(np.abs(leaf(3) * np.True_ * 1j) ** (1 + 2j) * 10**200),
    "long doubles": lambda: np.sum(Tensor(np.ones(3, np.longdouble), requires_grad=True) * np.longdouble("1e4000")),
    "several outputs": lambda: sum(np.sum(part) for part in np.linalg.svd(leaf(2, 2))),
    "a scalar of each dtype": lambda: Tensor(np.float16(1), requires_grad=True) * np.float32(2),
}


@needs_pure
@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("view", ["both", "forward", "backward", "chain rule"])
def test_strange_graphs_are_drawn(make: Callable[[], Any], view: str, tmp_path: Path) -> None:
    with np.errstate(all="ignore"):
        tensor = make()
    drawing = draw(tensor, view=view, values=True, costs=True, times=True)
    for suffix in (".svg", ".json", ".mmd"):
        assert drawing.save(tmp_path / f"strange{suffix}").stat().st_size > 0


def test_a_shared_module_and_a_module_that_holds_itself() -> None:
    layer = Dense(2, 2, bias=False)
    layer.itself = layer  # type: ignore[attr-defined]
    drawing = draw(lambda x: layer(layer(x)), np.ones((1, 2)))
    assert [box.kind for box in drawing.scene.boxes].count("parameter") == 1
    assert len(drawing.scene.clusters) == 2


# ---- forms -----------------------------------------------------------------------------------------------------------

HOSTILE = '</td>"<script>\\N'


def test_json_says_all(tmp_path: Path) -> None:
    drawing = draw(network()["J"], fold="names")
    data = json.loads(drawing.save(tmp_path / "net.json").read_text(encoding="utf-8"))
    assert data == drawing.data
    (box,) = (box for box in data["boxes"] if box["title"] == "z3")
    assert (box["shape"], box["dtype"], box["expression"]) == ([4, 5], "float64", "a2 @ w2")
    assert box["multiply_adds"] == 4 * 4 * 5
    assert np.shape(box["value"]["numbers"]) == np.shape(box["gradient"]["numbers"]) == (4, 5)
    steps = [step["box"] for step in data["steps"]]
    order = [box["id"] for box in data["boxes"] if box["kind"] in ("operation", "output")]
    assert steps == order[::-1]


def test_attributes_of_a_call() -> None:
    found = boxes(draw(lambda x: np.sum(x, axis=1, keepdims=True), np.ones((2, 3))))
    assert found["sum(x, axis=1, keepdims=True)"].attributes == {"axis": "1", "keepdims": "True"}


def test_mermaid_text() -> None:
    def model(x: Any, w: Any) -> Any:
        z = x @ w
        return np.sum(z * z)

    drawing = draw(model, np.ones((2, 3)), np.ones((3, 1)))
    assert drawing.content(".mmd").decode() == (
        "flowchart TD\n"
        '  n0[/"x<br/>(2, 3)<br/>∂L/∂x"/]\n'
        '  n1[/"w<br/>(3, 1)<br/>∂L/∂w"/]\n'
        '  n2("z<br/>x @ w<br/>(2, 1)<br/>∂L/∂z")\n'
        '  n3("z * z<br/>(2, 1)<br/>∂L/∂(z * z)")\n'
        '  n4(["sum(·)<br/>scalar<br/>∂L/∂sum(·) = 1"])\n'
        "  n0 --> n2\n  n2 -.-> n0\n"
        "  n1 --> n2\n  n2 -.-> n1\n"
        '  n2 -->|"2 times"| n3\n  n3 -.-> n2\n'
        "  n3 --> n4\n  n4 -.-> n3\n"
    )


def test_mermaid_frames_and_hostile_names() -> None:
    drawing = draw(Sequential(Dense(2, 1)), np.ones((1, 2)))
    text = drawing.content(".mmd").decode()
    assert text.count("subgraph ") == text.count("  end\n") == 2
    hostile = draw(Tensor(1.0, requires_grad=True, name=HOSTILE) * 2.0).content(".mmd").decode()
    assert "<script" not in hostile
    assert hostile.count('"') == 4
    assert "#60;/td#62;#34;#60;script#62;#92;N" in hostile


def test_pdf_needs_the_systems_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    drawing = draw(leaf(2) * 2.0)
    with pytest.raises(RuntimeError, match="needs the program `dot`, which is not on the PATH"):
        drawing.save(tmp_path / "net.pdf")
    with pytest.raises(RuntimeError, match="leave dot=True out"):
        drawing.save(tmp_path / "net.svg", dot=True)
    assert list(tmp_path.iterdir()) == []


def test_networkx() -> None:
    pytest.importorskip("networkx")
    graph = draw(network()["J"], fold="names").to_networkx()
    titles = dict(graph.nodes(data="title"))
    assert {(titles[a], titles[b]) for a, b in graph.edges} >= {("z3", "a3"), ("w2", "z3"), ("a4", "J")}
    assert [4, 5] in [shape for _, shape in graph.nodes(data="shape")]


@needs_pure
def test_ids_of_boxes_arrows_and_frames_are_those_of_the_data() -> None:
    drawing = draw(blocks(2), np.ones((2, 4)))
    svg = drawing.content(".svg").decode()
    data = drawing.data
    for part in (*data["boxes"], *data["arrows"], *data["clusters"]):
        assert f'id="{part["id"]}"' in svg


# ---- failures --------------------------------------------------------------------------------------------------------


def test_a_failed_call_is_drawn_with_the_shapes_that_did_not_fit() -> None:
    def model(x: Any, w: Any) -> Any:
        h = np.tanh(x @ w)
        return h + np.ones(3)

    drawing = draw(model, np.ones((2, 3)), np.ones((3, 4)))
    assert isinstance(drawing.error, ValueError)
    assert repr(drawing).endswith("; ValueError)")
    (culprit,) = (box for box in drawing.scene.boxes if box.kind == "failed")
    assert culprit.title == "h + ·"
    assert culprit.source is not None
    assert culprit.source.code == "return h + np.ones(3)"
    assert any("(2, 4)" in note for note in culprit.notes)
    assert any("(3,)" in note for note in culprit.notes)
    assert {("x", "x @ w"), ("x @ w", "h"), ("h", "h + ·")} <= arrows(drawing)
    assert "∂" not in drawing.source
    assert drawing.scene.steps == []


def test_an_exception_is_drawn() -> None:
    w = leaf(3, 4)
    hidden = np.exp(w)
    with pytest.raises(ValueError, match="matmul") as caught:
        hidden @ leaf(5, 6)
    drawing = draw(caught.value)
    assert drawing.error is caught.value
    assert {("w", "hidden"), ("hidden", "hidden @ ·")} <= arrows(drawing)


def test_a_layer_that_refuses_its_input_is_the_culprit() -> None:
    drawing = draw(Sequential(Dense(3, 4), Dense(5, 1)), np.ones((2, 3)))
    (culprit,) = (box for box in drawing.scene.boxes if box.kind == "failed")
    assert culprit.title == "Dense(5, 1)"
    assert "takes inputs of shape" in culprit.notes[0]
    assert len(drawing.scene.boxes) == 5


def test_a_failure_before_anything_was_computed() -> None:
    def model(x: Any) -> Any:
        raise KeyError("no such layer")

    drawing = draw(model, np.ones(2))
    assert [box.kind for box in drawing.scene.boxes][-1] == "failed"
    assert "no such layer" in drawing.source
    bare = draw(KeyError("nothing"))
    assert [box.title for box in bare.scene.boxes] == ["KeyError"]
    assert repr(bare) == "Drawing(nothing; KeyError)"


def test_interrupts_are_not_swallowed() -> None:
    def model(x: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw(model, np.ones(2))


# ---- differences -----------------------------------------------------------------------------------------------------


def change(drawing: Drawing) -> dict[str, str | None]:
    return {box.title: box.change for box in drawing.scene.boxes}


def test_what_was_added_removed_and_changed() -> None:
    w, b = leaf(3, 2), leaf(2)

    def before(x: Any) -> Any:
        return np.sum(np.tanh(x @ w))

    def after(x: Any) -> Any:
        return np.mean(np.tanh(x @ w + b))

    drawing = diff(before, after, np.ones((4, 3)))
    assert change(drawing) == {
        "x": None,
        "w": "changed",
        "x @ w": "changed",
        "b": "added",
        "· + b": "added",
        "tanh(·)": "changed",
        "mean(·)": "added",
        "sum(·)": "removed",
    }
    assert repr(drawing) == "Drawing(3 added, 1 removed, 3 changed, 1 the same)"
    titles = {box.id: box.title for box in drawing.scene.boxes}
    removed = {(titles[a.tail], titles[a.head]) for a in drawing.scene.arrows if a.change == "removed"}
    assert removed == {("x @ w", "tanh(·)"), ("tanh(·)", "sum(·)")}
    value = np.tanh(np.ones((4, 3)) @ w.numpy() + b.numpy()) - np.tanh(np.ones((4, 3)) @ w.numpy())
    assert f"value differs by up to {np.abs(value).max():.3g}" in boxes(drawing)["tanh(·)"].notes


def test_the_same_twice_and_two_recordings() -> None:
    values = network()
    same = diff(values["J"], network()["J"])
    assert repr(same) == "Drawing(15 the same)"
    changed = boxes(diff(values["J"], values["J"] * 2.0))
    assert (changed["J"].change, changed["J * 2"].change) == ("changed", "added")
    assert changed["J"].notes == ["gradient differs by up to 1"]


def test_shapes_arguments_and_nan_that_differ() -> None:
    drawing = diff(lambda x: np.sum(x[:, 1:] ** 2), lambda x: np.sum(x[:, :1] ** 3), np.ones((2, 3)))
    notes = [note for box in drawing.scene.boxes for note in box.notes]
    assert "was (2, 2) float64" in notes
    assert "was given 2, now 3" in notes
    with np.errstate(all="ignore"):
        lost = diff(lambda x: np.log(x), lambda x: np.log(-x), np.ones(2))
    assert "value differs, also in NaN or infinity" in [note for box in lost.scene.boxes for note in box.notes]


def test_models_that_fail_are_not_compared() -> None:
    with pytest.raises(ValueError, match="matmul"):
        diff(lambda x: x @ x, lambda x: x, np.ones((2, 3)))
    with pytest.raises(TypeError, match="draws Tensors"):
        diff(np.ones(2), leaf(2))


@needs_pure
def test_a_difference_is_rendered(tmp_path: Path) -> None:
    diff(blocks(1), blocks(2), np.ones((2, 4))).save(tmp_path / "diff.svg")
    source = diff(leaf(2) * 2.0, leaf(2) * 3.0).source.encode()
    done = subprocess.run([str(PURE), "-Tdot"], input=source, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_only_the_newest_records_become_nodes() -> None:
    y = leaf()
    for _ in range(1000):
        y = y * 1.0
    assert len([node for node in Graph(y, newest=10).nodes if node.function is not None]) == 10
    assert len(Graph(y).nodes) == 1002


def test_the_outputs_of_a_call_of_several_come_from_it() -> None:
    def decomposed(x: Any) -> Any:
        u, s, v = np.linalg.svd(x)
        return np.sum(u) + np.sum(s) + np.sum(v)

    drawing = draw(decomposed, np.diag([3.0, 2.0]))
    assert {("x", "linalg.svd(x)"), ("linalg.svd(x)", "u"), ("linalg.svd(x)", "s"), ("linalg.svd(x)", "v")} < set(
        arrows(drawing)
    )
    assert boxes(drawing)["s"].expression == "·[1]"
    assert boxes(drawing)["linalg.svd(x)"].formula == "∂L/∂v at [2] + ∂L/∂s at [1] + ∂L/∂u at [0]"
    assert ">3 arrays<" in drawing.source
    assert repr(diff(decomposed, lambda x: decomposed(2.0 * x), np.diag([3.0, 2.0]))).startswith("Drawing(1 added, ")


def test_a_value_that_is_read_in_parts() -> None:
    drawing = draw(lambda x: np.sum(x[0] * x[1] + x[2]), np.ones((3, 2)), gradients=True)
    gradient = boxes(drawing)["x"].gradient
    assert gradient is not None
    assert gradient.numbers == [[1.0, 1.0]] * 3
