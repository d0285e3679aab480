"""Drawing: what a picture shows, that it is the same in every run, and how it reaches a file."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import weakref
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_scratch import Tensor, no_grad
from tinygrad_scratch.drawing import Drawing, draw, render
from tinygrad_scratch.drawing.dot import ARROW, BOX, FRAME, FRAME_FILLS, GRADIENT_ARROW, KINDS
from tinygrad_scratch.drawing.labels import GRADIENT, QUIET
from tinygrad_scratch.functional import sigmoid
from tinygrad_scratch.graph import next_order, note_module

SCRIPTS = sysconfig.get_path("scripts")
PURE = shutil.which("graphviz-pure", path=SCRIPTS)
needs_pure = pytest.mark.skipif(PURE is None, reason="graphviz-pure is not installed on this platform")
needs_scripts = pytest.mark.skipif(os.name == "nt", reason="the renderer is replaced by a script that begins with #!")

# ---- reading a drawing back ------------------------------------------------------------------------------------------


@dataclass
class Box:
    kind: str
    shape: str
    value: list[str]
    cotangent: list[str]


@dataclass
class Picture:
    """What a drawing shows, as Graphviz itself reads it; boxes go by the first line in them."""

    boxes: dict[str, Box] = field(default_factory=dict)
    arrows: list[tuple[str, str]] = field(default_factory=list)
    gradients: list[tuple[str, str]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    frames: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)  # title: boxes and frames right in it


def read(drawing: Drawing) -> Picture:
    if PURE is None:
        pytest.skip("graphviz-pure, which reads the DOT text, is not installed on this platform")
    done = subprocess.run([PURE, "-Tdot_json"], input=drawing.source.encode(), capture_output=True, check=True)
    graph = json.loads(done.stdout)
    objects = graph["objects"]
    titles = [title(part) for part in objects]
    picture = Picture()
    for part, name in zip(objects, titles, strict=True):
        if part["name"].startswith("cluster"):
            inner = set(part.get("subgraphs", []))
            boxes = set(part.get("nodes", [])) - {node for frame in inner for node in objects[frame].get("nodes", [])}
            picture.frames[name] = {titles[i] for i in boxes}, {titles[i] for i in inner}
        elif part["class"] != "mention":
            cells = [*lines(part["label"]), []]
            assert name not in picture.boxes, f"two boxes are called {name}"
            picture.boxes[name] = Box(part["class"], part["shape"], cells[0], cells[1])
    for edge in graph.get("edges", []):
        ends = titles[edge["tail"]], titles[edge["head"]]
        backward = edge.get("class") == "gradient"
        if edge.get("style") == "invis":
            continue
        assert edge.get("dir") == ("back" if backward else None)
        assert edge["headport"] == ("cotangent:n" if backward else "value:n")
        assert edge.get("tailport") in (None, "s", "cotangent:s" if backward else "value:s")
        (picture.gradients if backward else picture.arrows).append(ends)
        picture.labels += [edge["label"]] if edge.get("label") else []
    return picture


def title(part: dict[str, Any]) -> str:
    cells = lines(part["label"])
    if not part["name"].startswith("cluster"):
        return cells[0][0]
    return "  ".join(cell[0] for cell in cells if not re.search(r"\d parameters?$", cell[0]))


def lines(label: str) -> list[list[str]]:
    """The text of each cell of an HTML-like label, by lines; without blanks, which keep lines apart."""
    root = ElementTree.fromstring(f"<label>{label.replace('<br/>', chr(10))}</label>")
    cells = root.findall(".//td") or [root]
    texts = ["".join(cell.itertext()).replace("\\\\", "\\") for cell in cells]
    return [[line for line in text.split("\n") if line.strip()] for text in texts]


def text_of(tensor: Any) -> str:
    """What the box of a tensor says about its making."""
    tensor.name = "the result"
    return read(draw(tensor)).boxes["the result"].value[1]


def network(dtype: Any = float) -> dict[str, Tensor]:
    """The article's network, 3-4-5-1, each value named."""
    rng = np.random.default_rng(1)
    values = {"x": Tensor(rng.normal(size=(4, 3)), dtype=dtype), "y": Tensor(rng.normal(size=(4, 1)), dtype=dtype)}
    a = values["x"]
    for layer, shape in enumerate([(3, 4), (4, 5), (5, 1)], start=2):
        w = Tensor(rng.normal(size=shape), requires_grad=True, dtype=dtype)
        z = a @ w
        a = sigmoid(z)
        values |= {f"w{layer - 1}": w, f"z{layer}": z, f"a{layer}": a}
    values["J"] = np.sum(0.5 * (values["y"] - a) ** 2)
    for name, value in values.items():
        value.name = name
    return values


def variable(name: str | None = "a", shape: tuple[int, ...] = (2, 3), dtype: Any = float) -> Tensor:
    return Tensor(np.ones(shape), requires_grad=True, name=name, dtype=dtype)


CHAIN = ["w1", "z2", "a2", "z3", "a3", "z4", "a4", "y - a4", "· ** 2", "0.5 * ·", "J"]
BESIDE = [("w2", "z3"), ("w3", "z4")]

# ---- what a picture shows --------------------------------------------------------------------------------------------


def test_article_network_forward() -> None:
    picture = read(draw(network()["J"], view="forward"))
    kinds = {name: box.kind for name, box in picture.boxes.items()}
    assert kinds == {
        **dict.fromkeys(["x", "y"], "input"),
        **dict.fromkeys(["w1", "w2", "w3"], "parameter"),
        **dict.fromkeys(CHAIN[1:-1], "operation"),
        "J": "output",
    }
    assert sorted(picture.arrows) == sorted([*pairwise(CHAIN), *BESIDE, ("x", "z2"), ("y", "y - a4")])
    assert picture.boxes["z2"].value == ["z2", "x @ w1", "(4, 4)"]
    assert picture.boxes["a4"].value == ["a4", "sigmoid(z4)", "(4, 1)"]
    assert picture.boxes["w2"].value == ["w2", "(4, 5)"]
    assert picture.boxes["x"].value == ["x", "(4, 3)"]
    assert picture.boxes["0.5 * ·"].value == ["0.5 * ·", "(4, 1)"]
    assert picture.boxes["J"].value == ["J", "sum(·)", "scalar"]
    assert picture.gradients == []
    assert all(box.cotangent == [] for box in picture.boxes.values())


def test_article_network_backward() -> None:
    picture = read(draw(network()["J"]))
    assert sorted(picture.gradients) == sorted([*pairwise(CHAIN), *BESIDE])
    assert sorted(picture.arrows) == sorted([*pairwise(CHAIN), *BESIDE, ("x", "z2"), ("y", "y - a4")])
    assert picture.boxes["z4"].cotangent == ["∂J/∂z4", "(4, 1)"]
    assert picture.boxes["w1"].cotangent == ["∂J/∂w1", "(3, 4)"]
    assert picture.boxes["y - a4"].cotangent == ["∂J/∂(y - a4)", "(4, 1)"]
    assert picture.boxes["J"].cotangent == ["∂J/∂J = 1", "scalar"]
    assert picture.boxes["x"].cotangent == picture.boxes["y"].cotangent == []


def test_gradient_is_drawn_only_where_it_flows() -> None:
    a, b = variable("a"), variable("b")
    frozen = Tensor(np.ones((2, 3)), name="frozen")
    with no_grad():
        unrecorded = b * 2.0
    unrecorded.name = "unrecorded"
    chosen = np.where(b.numpy() > 0, a * frozen, unrecorded)
    picture = read(draw(chosen))
    assert picture.gradients == [("a", "a * frozen"), ("a * frozen", "chosen")]
    assert [name for name, box in picture.boxes.items() if box.cotangent] == ["a", "a * frozen", "chosen"]
    assert picture.boxes["chosen"].value[1] == "where(·, a * frozen, unrecorded)"


def test_dtype_is_shown_where_it_is_not_float64() -> None:
    picture = read(draw(network(np.float32)["J"]))
    assert picture.boxes["z3"].value == ["z3", "a2 @ w2", "(4, 5) float32"]
    assert picture.boxes["z3"].cotangent == ["∂J/∂z3", "(4, 5) float32"]
    assert picture.boxes["J"].value[-1] == "scalar float32"


def test_a_value_that_a_call_is_given_twice_has_one_arrow_that_says_so() -> None:
    picture = read(draw(np.sum(variable("a") * 3.0 * variable("b")) ** 2.0))
    assert picture.labels == []
    a = variable("a")
    picture = read(draw(a * a))
    assert picture.arrows == picture.gradients == [("a", "a * a")]
    assert picture.labels == ["2 times"]


def a_and(make: Callable[[Tensor], Any]) -> Callable[[], Any]:
    return lambda: make(variable())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (a_and(lambda a: a * 2), "a * 2"),
        (a_and(lambda a: 1 / a), "1 / a"),
        (a_and(lambda a: a ** (1 / 3)), "a ** 0.333333"),
        (a_and(lambda a: a * -2.5), "a * -2.5"),
        (a_and(lambda a: (-2.0) ** (a * 0)), "(-2) ** ·"),
        (a_and(lambda a: a * np.float64(2)), "a * 2"),
        (a_and(lambda a: a.astype(complex) * 1j), "· * 0+1j"),
        (a_and(lambda a: -a), "-a"),
        (a_and(lambda a: a % 2), "a % 2"),
        (a_and(lambda a: np.sum(a, axis=0, keepdims=True)), "sum(a, axis=0, keepdims=True)"),
        (a_and(lambda a: np.mean(a, axis=(0, 1))), "mean(a, axis=(0, 1))"),
        (a_and(lambda a: np.maximum(a, 0.5)), "maximum(a, 0.5)"),
        (a_and(lambda a: a.reshape(3, 2)), "reshape(a, (3, 2))"),
        (a_and(lambda a: a.reshape(6)), "reshape(a, 6)"),
        (a_and(lambda a: a.reshape((6,))), "reshape(a, (6,))"),
        (a_and(lambda a: a.T), "transpose(a)"),
        (a_and(lambda a: a.transpose()), "transpose(a)"),
        (a_and(lambda a: a.transpose(1, 0)), "transpose(a, (1, 0))"),
        (a_and(lambda a: a.astype(np.float32)), "cast(a, float32)"),
        (a_and(lambda a: a[0]), "a[0]"),
        (a_and(lambda a: a[-1, 1:]), "a[-1, 1:]"),
        (a_and(lambda a: a[..., ::2]), "a[..., ::2]"),
        (a_and(lambda a: a[:, None, :2]), "a[:, None, :2]"),
        (a_and(lambda a: a[[1, 0, 1]]), "a[[1, 0, 1]]"),
        (a_and(lambda a: a[np.array([0, 1])]), "a[·]"),
        (a_and(lambda a: a[np.array([0, 1]), [0, 2]]), "a[array, [0, 2]]"),
        (a_and(lambda a: (a * 1)[0]), "·[0]"),
        (a_and(lambda a: np.concatenate([a, variable("b")], axis=1)), "concatenate([a, b], axis=1)"),
        (a_and(lambda a: np.exp(a) / np.sum(a)), "exp(a) / sum(a)"),
        (a_and(lambda a: np.exp(a) * 2 - np.sum(a)), "· * 2 - sum(a)"),
        (a_and(lambda a: (a + 1) * (a - 1)), "(a + 1) * (a - 1)"),
        (a_and(lambda a: (a - 1) - (a - 2)), "a - 1 - (a - 2)"),
        (a_and(lambda a: (a**2) ** (a * 2)), "(a ** 2) ** (a * 2)"),
        (a_and(lambda a: -a * np.exp(a)), "-a * exp(a)"),
        (a_and(lambda a: variable("two words") * a), "(two words) * a"),
        (a_and(lambda a: variable(None) * a), "· * a"),
        (a_and(lambda a: variable("layers.0.weight") * a), "layers.0.weight * a"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_text_of_a_call(make: Callable[[], Tensor], text: str) -> None:
    assert text_of(make()) == text


def test_text_of_a_write_in_place() -> None:
    total = Tensor(np.zeros((2, 3)), name="total")
    total[:, 0] = variable("b", (2,))
    assert text_of(total) == "total[:, 0] = b"


def test_long_texts_are_cut() -> None:
    result = np.concatenate([variable(f"part_{i}") for i in range(100)])
    text = text_of(result)
    assert len(text) == 40
    assert text.endswith("…")
    unnamed = np.concatenate([variable(f"part_{i}") for i in range(100)]) * 2
    assert read(draw(unnamed)).boxes[text].cotangent[0] == "∂L/∂concatenate(…)"
    picture = read(draw(variable("n" * 1000) * 2))
    assert {len(box.value[0]) for box in picture.boxes.values()} == {40, 30}
    assert text_of(variable()[list(range(2)) * 1000]) == "a[[0, 1, 0, 1, 0, 1, 0, 1, …]]"


def test_values_without_names() -> None:
    picture = read(draw(np.sum(np.ones((4, 3)) @ variable(None, (3, 2)))))
    assert picture.boxes["constant"].value == ["constant", "(4, 3)"]
    assert picture.boxes["parameter"].value == ["parameter", "(3, 2)"]
    assert picture.boxes["parameter"].cotangent == ["∂L/∂·", "(3, 2)"]
    assert picture.boxes["· @ ·"].cotangent == ["∂L/∂(· @ ·)", "(4, 2)"]
    assert picture.boxes["sum(·)"].cotangent == ["∂L/∂sum(·) = 1", "scalar"]


def test_outputs_of_any_kind() -> None:
    values = network()
    picture = read(draw(values["z2"]))
    assert picture.boxes["z2"].kind == "output"
    assert picture.boxes["z2"].cotangent == ["∂L/∂z2", "(4, 4)"]
    assert picture.boxes["w1"].cotangent == ["∂L/∂w1", "(3, 4)"]
    picture = read(draw(values["J"], values["z3"]))
    assert [name for name, box in picture.boxes.items() if box.kind == "output"] == ["z3", "J"]
    assert picture.boxes["J"].cotangent == ["∂L/∂J", "scalar"]
    assert len(picture.gradients) == len(CHAIN) + 1
    picture = read(draw(values["J"], np.max(values["z4"])))
    assert picture.boxes["J"].cotangent == ["∂L/∂J", "scalar"]
    assert picture.boxes["max(z4)"].cotangent == ["∂L/∂max(z4)", "scalar"]
    assert draw(values["J"], values["J"]).source == draw(values["J"]).source


def test_outputs_that_nothing_made() -> None:
    leaf = read(draw(variable("w")))
    assert leaf.boxes == {"w": Box("parameter", "cylinder", ["w", "(2, 3)"], ["∂L/∂w", "(2, 3)"])}
    constant = read(draw(Tensor(3, name="three")))
    assert constant.boxes == {"three": Box("input", "tab", ["three", "scalar int64"], [])}
    assert leaf.arrows == constant.arrows == []


def test_complex_output_has_no_cotangent_of_one() -> None:
    z = Tensor(1j, requires_grad=True, name="z")
    w = z * 2
    w.name = "w"
    picture = read(draw(w))
    assert picture.boxes["z"].cotangent == ["∂L/∂z", "scalar complex128"]
    assert picture.boxes["w"].cotangent == ["∂L/∂w", "scalar complex128"]


def test_drawing_after_backward_and_higher_derivatives() -> None:
    values = network()
    before = draw(values["J"])
    values["J"].backward()
    assert draw(values["J"]) == before
    x = variable("x", ())
    (slope,) = (x**3).gradient(x, create_graph=True)
    slope.name = "slope"
    assert read(draw(slope)).boxes["x"].cotangent == ["∂slope/∂x", "scalar"]


def test_repr_counts() -> None:
    assert repr(draw(network()["J"])) == "Drawing(10 operations, 3 parameters, 2 inputs)"


# ---- telling things apart --------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """The contrast of two colours, as WCAG 2 defines it, which asks for 4.5 for text."""
    dark, light = sorted([luminance(first), luminance(second)])
    return (light + 0.05) / (dark + 0.05)


def test_kinds_differ_in_outline_and_in_colour() -> None:
    outlines = {(kind["shape"], kind["style"], kind.get("peripheries")) for kind in KINDS.values()}
    assert len(outlines) == len({kind["fillcolor"] for kind in KINDS.values()}) == len(KINDS)
    assert GRADIENT_ARROW["style"] == "dashed"


@pytest.mark.parametrize("text", [BOX["fontcolor"], QUIET, GRADIENT])
@pytest.mark.parametrize("fill", [kind["fillcolor"] for kind in KINDS.values()])
def test_text_can_be_read_on_its_box(text: str, fill: str) -> None:
    assert contrast(text, fill) >= 4.5


def test_frames_and_arrows_can_be_seen_on_white_black_and_frames() -> None:
    assert all(contrast(FRAME["fontcolor"], fill) >= 4.5 for fill in FRAME_FILLS)
    for line in (ARROW["color"], ARROW["fontcolor"], GRADIENT_ARROW["color"], KINDS["output"]["color"]):
        assert all(contrast(line, page) >= 3 for page in ("#ffffff", "#000000", *FRAME_FILLS))


# ---- modules ---------------------------------------------------------------------------------------------------------


class Layer:
    """A stand-in for a module: it notes what it returns."""

    def __init__(self, function: Callable[..., Any], **parts: Any) -> None:
        self.function = function
        self.parts = parts

    def __repr__(self) -> str:
        return f"Layer({', '.join(self.parts)})"

    def __call__(self, *inputs: Any) -> Any:
        start = next_order()
        result = self.function(*inputs)
        for output in result if isinstance(result, tuple) else (result,):
            note_module(output._value, start, self)
        return result

    def named_children(self) -> Iterator[tuple[str, Any]]:
        yield from self.parts.items()


class Silent(Layer):
    __repr__ = object.__repr__
    named_children = None  # type: ignore[assignment]


def test_nested_modules_are_nested_frames_with_their_paths() -> None:
    w1, w2, b = variable("w1", (3, 4)), variable("w2", (4, 2)), variable("b", (4,))
    dense = Layer(lambda x: x @ w1 + b)
    head = Layer(lambda x: np.tanh(x) @ w2)
    body = Layer(lambda x: np.exp(dense(x)), dense=dense)
    model = Layer(lambda x: head(body(x)), body=body, head=head)
    loss = np.sum(model(Tensor(np.ones((5, 3)), name="x")))
    frames = read(draw(loss)).frames
    assert frames == {
        "Layer(body, head)": (set(), {"body  Layer(dense)", "head  Layer()"}),
        "body  Layer(dense)": ({"exp(·)"}, {"body.dense  Layer()"}),
        "body.dense  Layer()": ({"w1", "b", "x @ w1", "· + b"}, set()),
        "head  Layer()": ({"w2", "tanh(·)", "· @ w2"}, set()),
    }


def test_a_module_called_twice_has_two_frames_and_shares_its_parameter() -> None:
    w = variable("w", (2, 2))
    layer = Layer(lambda x: x @ w)
    model = Layer(lambda x: layer(np.tanh(layer(x))), layer=layer)
    source = draw(model(Tensor(np.ones((1, 2)), name="x"))).source
    assert len(re.findall(r"<b>layer</b></td>.*Layer\(\)", source)) == 2
    outer, *inner = source.split("subgraph cluster")[1:]
    assert "<b>w</b>" in "".join([outer, *inner])
    assert "<b>w</b>" not in "".join(part.split("}")[0] for part in inner)


def test_path_of_a_module_that_a_module_further_out_holds() -> None:
    inner = Layer(lambda x: np.exp(x))
    middle = Layer(lambda x: inner(x) * 2.0)
    outer = Layer(lambda x: middle(x), inner=inner)
    assert set(read(draw(outer(variable()))).frames) == {"Layer(inner)", "Layer()", "inner  Layer()"}


def test_parameter_and_input_used_in_and_out_of_a_module() -> None:
    w = variable("w", (2, 2))
    layer = Layer(lambda x: np.tanh(x @ w))
    x = Tensor(np.ones((1, 2)), name="x")
    assert read(draw(layer(x) @ w)).frames == {"Layer()": ({"x @ w", "tanh(·)"}, set())}


def test_module_that_says_little() -> None:
    inner = Silent(lambda x: np.exp(x))
    outer = Silent(lambda x: inner(x) * 2.0)
    source = draw(outer(variable())).source
    assert source.count("<b>Silent</b>") == 2
    assert "0x" not in source


def test_long_and_many_lined_titles_become_one_line() -> None:
    class Tall(Layer):
        def __repr__(self) -> str:
            return "Tall(\n  depth: 3\n)"

    class Wide(Layer):
        def __repr__(self) -> str:
            return f"Wide({', '.join(map(str, range(100)))})"

    model = Wide(Tall(lambda x: np.exp(x)))
    assert set(read(draw(model(variable()))).frames) == {"Wide", "Tall( depth: 3 )"}


def test_module_that_returns_several_values_or_its_input() -> None:
    both = Layer(lambda x: (np.exp(x), np.cos(x)))
    assert read(draw(np.multiply(*both(variable())))).frames == {"Layer()": ({"exp(a)", "cos(a)", "a"}, set())}
    same = Layer(lambda x: x)
    assert read(draw(np.sin(same(np.exp(variable()))))).frames == {}


# ---- the same text in every run, and any name ------------------------------------------------------------------------


def test_source_does_not_depend_on_what_was_recorded_before() -> None:
    def drawn() -> Drawing:
        layer = Silent(lambda x: sigmoid(x))
        values = network()
        return draw(layer(values["J"]) * 2.0, values["a3"])

    first = drawn()
    others = [variable(f"v{i}") * 2.0 for i in range(1000)]
    assert drawn() == first
    assert len(others) == 1000


@needs_pure
def test_source_is_the_same_in_another_process() -> None:
    program = "import tests.test_drawing as t; print(t.draw(t.network()['J']).source, end='')"
    runs = [
        subprocess.run(
            [sys.executable, "-X", "utf8", "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            cwd=Path(__file__).parent.parent,
        ).stdout.decode()
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1] == draw(network()["J"]).source


HOSTILE = [
    '</td>"<script>\\N',
    "a&amp;b",
    "&#60;",
    "\\",
    '"',
    "<!--",
    "]]>",
    "\\G\\L\\n\\",
    "--",
    "{a|b}",
    "%s",
    "日本",
]


@pytest.mark.parametrize("renderer", ["dot", "graphviz-pure"])
def test_hostile_names_are_just_names(renderer: str) -> None:
    program = shutil.which(renderer) if renderer == "dot" else PURE
    if program is None:
        pytest.skip(f"{renderer} is not installed here")
    layer = Layer(lambda *inputs: np.concatenate(inputs))
    layer.parts = {f"child {name}": None for name in HOSTILE[:2]}
    source = draw(np.sum(layer(*(variable(name) for name in HOSTILE)))).source
    done = subprocess.run([program, "-Tsvg"], input=source.encode(), capture_output=True, check=True)
    texts = [element.text for element in ElementTree.fromstring(done.stdout).iter("{http://www.w3.org/2000/svg}text")]
    assert set(HOSTILE) <= set(texts)
    assert repr(layer) in texts
    assert b"<script" not in done.stdout


def test_what_cannot_be_printed_is_escaped() -> None:
    picture = read(draw(variable("\x00\n\ud800\u202e") * 2.0))
    assert picture.boxes[r"\x00\n\ud800\u202e"].kind == "parameter"
    assert "a" in {box.value[0] for box in read(draw(variable("a") * variable(""))).boxes.values()}


@needs_pure
@settings(max_examples=25)
@given(st.lists(st.text(), min_size=1, max_size=5, unique=True))
def test_any_names_can_be_rendered(names: list[str]) -> None:
    drawing = draw(np.concatenate([variable(name) for name in names]))
    assert unescape(drawing.source).count("shape=cylinder") == len(names)
    done = subprocess.run([str(PURE), "-Tsvg"], input=drawing.source.encode(), capture_output=True, check=True)
    assert len(ElementTree.fromstring(done.stdout).findall(".//*[@class='node parameter']")) == len(names)


# ---- files and notebooks ---------------------------------------------------------------------------------------------


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with nothing on its PATH but one folder, and no scripts beside Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "none"))
    return folder


def install(folder: Path, name: str, program: str) -> Path:
    """A stand-in for a renderer, written in Python."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{program}\n")
    path.chmod(0o755)
    return path


@needs_pure
@pytest.mark.parametrize("system_dot", [False, True])
@pytest.mark.parametrize(
    ("suffix", "signature"),
    [
        (".svg", b"<?xml"),
        (".png", b"\x89PNG\r\n"),
        (".jpg", b"\xff\xd8\xff"),
        (".jpeg", b"\xff\xd8\xff"),
        (".PNG", b"\x89PNG\r\n"),
    ],
)
def test_save_by_suffix(
    suffix: str, signature: bytes, system_dot: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not system_dot:
        monkeypatch.setenv("PATH", str(tmp_path))
    elif shutil.which("dot") is None:
        pytest.skip("this machine has no system dot")
    path = tmp_path / f"net{suffix}"
    assert draw(network()["J"]).save(str(path)) == path
    content = path.read_bytes()
    assert content.startswith(signature)
    assert len(content) > 5000
    assert list(tmp_path.iterdir()) == [path]


@needs_scripts
def test_jpeg_which_has_no_transparency_is_white(bare_machine: Path, tmp_path: Path) -> None:
    install(bare_machine, "dot", "print(*sys.argv[1:])")
    assert draw(variable()).save(tmp_path / "net.jpg").read_text().split() == ["-Tjpeg", "-Gbgcolor=white"]
    assert draw(variable()).save(tmp_path / "net.png").read_text().split() == ["-Tpng"]


def test_save_dot_needs_no_renderer(bare_machine: Path, tmp_path: Path) -> None:
    drawing = draw(network()["J"])
    path = drawing.save(tmp_path / "net.dot")
    assert path.read_text(encoding="utf-8") == drawing.source


def test_json_is_the_data(tmp_path: Path) -> None:
    drawing = draw(network()["J"])
    saved = json.loads(drawing.save(tmp_path / "net.json").read_text(encoding="utf-8"))
    assert saved == drawing.data
    assert saved["counts"] == {"operation": 10, "parameter": 3, "input": 2}


@pytest.mark.parametrize("pick", [lambda u, s, v: np.sum(s), lambda u, s, v: u, lambda u, s, v: np.sum(s) + np.sum(v)])
def test_calls_of_several_outputs_are_drawn(pick: Any, tmp_path: Path) -> None:
    a = Tensor(np.diag([3.0, 2.0]), requires_grad=True, name="a")
    data = draw(pick(*np.linalg.svd(a)), values=True).data
    assert "np.linalg.svd" in [box["operation"] for box in data["boxes"]]
    assert [box["bytes"] for box in data["boxes"] if box["operation"] == "np.linalg.svd"] == [80]


def test_save_refuses_other_suffixes_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError,
        match=r"'net.bmp': the suffix must be one of .svg, .png, .jpg, .jpeg, .pdf, .dot, .html, .json, .mmd\.",
    ):
        draw(variable()).save(tmp_path / "net.bmp")
    with pytest.raises(ValueError, match="'net': the suffix must be"):
        draw(variable()).save(tmp_path / "net")
    with pytest.raises(FileNotFoundError, match=r"'net.dot': there is no directory '.*missing'"):
        draw(variable()).save(tmp_path / "missing" / "net.dot")
    assert list(tmp_path.iterdir()) == []


@needs_scripts
@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("sys.stdout.write('half'); sys.exit('no memory')", "It said: no memory"),
        ("sys.exit(3)", "It said: nothing; it ended with code 3"),
        ("pass", "It said: nothing; it ended with code 0"),
    ],
)
def test_failing_renderer_writes_nothing(program: str, said: str, bare_machine: Path, tmp_path: Path) -> None:
    install(bare_machine, "dot", program)
    old, new = tmp_path / "old.svg", tmp_path / "new.svg"
    old.write_text("as it was")
    for path in (old, new):
        with pytest.raises(RuntimeError, match=rf"dot could not render the graph\. {said}"):
            draw(variable()).save(path)
    assert old.read_text() == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "old.svg"]


def test_failing_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError("no space left")

    path = tmp_path / "net.dot"
    path.write_text("as it was")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        draw(variable()).save(path)
    assert path.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_renderer_one_message_says_what_to_install(bare_machine: Path, tmp_path: Path) -> None:
    drawing = draw(network()["J"])
    with pytest.raises(RuntimeError, match=r"neither `graphviz-pure` nor `dot`.*pip install graphviz-pure"):
        drawing.save(tmp_path / "net.svg")
    bundle = drawing._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert "pip install graphviz-pure" in bundle["text/plain"]


@needs_scripts
def test_hanging_renderer_is_stopped(bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(bare_machine, "dot", "time.sleep(60)")
    monkeypatch.setattr(render, "TIME_LIMIT", 0.5)
    start = time.perf_counter()
    with pytest.raises(TimeoutError, match=r"did not finish within 0.5 seconds.*draw\(loss, limit=100\)"):
        draw(variable()).save(tmp_path / "net.svg")
    assert time.perf_counter() - start < 10
    assert not (tmp_path / "net.svg").exists()
    assert "0.5 seconds" in draw(variable())._repr_mimebundle_()["text/plain"]


@needs_scripts
def test_choice_of_renderer(bare_machine: Path, tmp_path: Path) -> None:
    on_path = install(bare_machine, "graphviz-pure", "print('<svg/>')")
    assert render.renderer() == str(on_path)
    scripts = tmp_path / "none"
    scripts.mkdir()
    beside_python = install(scripts, "graphviz-pure", "print('<svg/>')")
    assert render.renderer() == str(beside_python)
    with pytest.raises(RuntimeError, match=r"This needs the program `dot`, which is not on the PATH"):
        render.renderer(dot=True)
    dot = install(bare_machine, "dot", "print('<svg/>')")
    assert render.renderer() == str(beside_python)
    assert render.renderer(dot=True) == str(dot)
    beside_python.unlink()
    on_path.unlink()
    assert render.renderer() == str(dot)


@needs_pure
def test_notebook_shows_the_picture() -> None:
    bundle = draw(network()["J"])._repr_mimebundle_()
    assert bundle["text/plain"] == "Drawing(10 operations, 3 parameters, 2 inputs)"
    svg = ElementTree.fromstring(bundle["image/svg+xml"].encode())
    texts = {element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"z4", "a3 @ w3", "(4, 1)", "∂J/∂z4"} <= texts


# ---- large graphs, memory, errors ------------------------------------------------------------------------------------


def chain(length: int) -> Tensor:
    y = variable("x", ())
    for _ in range(length):
        y = y * 1.0
    y.name = "J"
    return y


def test_of_many_operations_the_newest_are_drawn_and_the_rest_counted() -> None:
    start = variable("x")
    middle = np.exp(start * 2.0)
    middle.name = "m"
    b = variable("b")
    result = np.sum(np.sin(middle * b) + middle)
    picture = read(draw(result, limit=3))
    rest = "and 3 earlier operations, 2 parameters"
    assert set(picture.boxes) == {rest, "sin(·)", "· + m", "result"}
    assert picture.boxes[rest].kind == "rest"
    assert picture.arrows == picture.gradients
    assert sorted(picture.arrows) == [
        (rest, "sin(·)"),
        (rest, "· + m"),
        ("sin(·)", "· + m"),
        ("· + m", "result"),
    ]
    assert read(draw(result, limit=3, view="forward")).gradients == []
    assert read(draw(np.sin(start) * np.cos(b), limit=1)).labels == []
    assert "and 1 earlier operation, 1 parameter" in read(draw(result, limit=5)).boxes
    assert draw(result, limit=6) == draw(result)


def test_an_old_output_is_drawn_too() -> None:
    old: Any = np.exp(variable("x"))
    old.name = "old"
    picture = read(draw(np.sum(np.sin(np.cos(old))), old, limit=1))
    assert {name: box.kind for name, box in picture.boxes.items()} == {
        "old": "output",
        "sum(·)": "output",
        "and 2 earlier operations, 1 parameter": "rest",
    }


def test_leaves_are_limited_too() -> None:
    drawing = draw(np.concatenate([variable(f"v{i}") for i in range(2000)]), limit=10)
    assert drawing.source.count("shape=cylinder") == 10
    assert "<and 1,990 parameters>" in drawing.source
    assert drawing.source.count("->") == 2 * 11
    newest = np.concatenate([np.exp(np.concatenate([variable("old"), variable("older")])), variable("new")])
    assert set(read(draw(newest, limit=1)).boxes) == {
        "new",
        "newest",
        "and 2 earlier operations, 2 parameters",
    }
    many = np.concatenate([np.concatenate([variable("old"), variable("older")]), variable("new")])
    assert set(read(draw(many, limit=2)).boxes) == {
        "new",
        "old",
        "concatenate([old, older])",
        "many",
        "and 1 parameter",
    }


def test_numbers_do_not_count_as_leaves() -> None:
    y = variable("w")
    for i in range(20):
        y = float(i) * y
    assert "<b>w</b>" in draw(y, limit=20).source


def test_a_long_chain_is_drawn_in_bounded_time() -> None:
    y = chain(100_000)
    start = time.process_time()
    drawing = draw(y)
    assert time.process_time() - start < 5
    assert "<and 99,500 earlier operations, 1 parameter>" in drawing.source
    assert drawing.source.count("shape=") == 501
    assert repr(drawing) == "Drawing(100,000 operations, 1 parameter)"


def test_drawing_keeps_no_graph_alive() -> None:
    layer = Layer(lambda x: np.exp(x))
    values = network()
    loss = layer(values["J"])
    watched = [weakref.ref(value.numpy()) for value in (values["z3"], values["J"], loss)]
    gc.disable()
    try:
        drawing = draw(loss)
        del values, loss
        assert all(reference() is None for reference in watched)
    finally:
        gc.enable()
    assert "∂loss/∂z3" in drawing.source


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones(2), "an object of type ndarray. It has no history: pass the Tensor that it was taken from"),
        (1.5, "an object of type float. It has no history"),
        ([1.0], r"an object of type list. Pass its Tensors one by one: draw\(\*tensors\)"),
        (np.exp, r"an object of type ufunc. Pass it first, and then its arguments: draw\(f, x\)"),
        (None, "an object of type NoneType. Pass the Tensor that"),
    ],
)
def test_what_is_no_tensor_is_refused(value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        draw(variable(), value)


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(TypeError, match=r"draw\(\) was given nothing to draw. Pass the Tensor"):
        draw()
    with pytest.raises(ValueError, match="limit=0 leaves nothing to draw"):
        draw(variable(), limit=0)


def test_import_is_cheap() -> None:
    program = "import sys, tinygrad_scratch.drawing; print('networkx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"
