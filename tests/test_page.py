"""The page: one file that needs nothing else, in which every name is just a name, and what one can do in a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.article import INPUTS, LABELS, SEED, make_network, record
from models.handwritten import HandwrittenNetwork
from tests.test_drawing import contrast
from tinygrad_scratch import Tensor, define_vjp, differentiable
from tinygrad_scratch.drawing import Drawing, diff, draw
from tinygrad_scratch.drawing.dot import KINDS
from tinygrad_scratch.drawing.labels import GRADIENT, QUIET
from tinygrad_scratch.drawing.page import json_in_html, turned
from tinygrad_scratch.drawing.page_rules import rules_of
from tinygrad_scratch.nn import Dense, LayerNorm, ReLU, Sequential, TransformerBlock, cross_entropy

PURE = shutil.which("graphviz-pure", path=sysconfig.get_path("scripts")) or shutil.which("dot")
needs_renderer = pytest.mark.skipif(PURE is None, reason="no renderer of DOT text is installed on this platform")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

HOSTILE = [
    '</td>"<script>alert(1)</script>',
    "</script><img src=x onerror=alert(2)>",
    "<!--<script>",
    "${title} $script & &lt; \u2028 '`",
    "half a pair \ud800 and \x00 a null",
]

# ---- what is drawn ---------------------------------------------------------------------------------------------------


def article() -> Drawing:
    weights = [parameter.numpy() for parameter in make_network(np.random.RandomState(SEED)).parameters()]
    return draw(record(weights, INPUTS, LABELS)[1])


def classifier() -> Drawing:
    rng = np.random.default_rng(1)
    model = Sequential(Dense(3, 16), ReLU(), LayerNorm(16), Dense(16, 2))
    loss = cross_entropy(model(Tensor(rng.normal(size=(8, 3)), name="x")), np.array([0, 1] * 4))
    loss.name = "loss"
    return draw(loss)


def transformer(blocks: int, width: int = 16) -> Drawing:
    model = Sequential(*(TransformerBlock(width, 4) for _ in range(blocks)))
    x = Tensor(np.random.default_rng(0).normal(size=(2, 5, width)), name="x")
    loss = np.mean(model(x) ** 2)
    loss.name = "loss"
    return draw(loss)


def hostile() -> Drawing:
    total: Any = Tensor(3.0, requires_grad=True, name=HOSTILE[0])
    for name in HOSTILE[1:]:
        total = np.sin(total) * total
        total.name = name
    return draw(total)


def twice() -> Drawing:
    """`a` is given to two calls, to one of them twice, so that its gradient arrives in parts."""
    a = Tensor([1.0, 2.0], requires_grad=True, name="a")
    b = a * a
    b.name = "b"
    c: Any = np.sum(b + a)
    c.name = "c"
    return draw(c)


def square(x: Any) -> Any:
    return np.sum(x * x)


def page_text(drawing: Drawing, path: Path) -> str:
    return drawing.save(path).read_text(encoding="utf-8")


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


class Elements(HTMLParser):
    """The start tags of a page, its attributes, and the first text in each kind of element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append("program" if tag == "script" and not attrs else tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.tags[-1] if self.tags else "", data)


# ---- without a browser -----------------------------------------------------------------------------------------------


@needs_renderer
@pytest.mark.parametrize("make", [article, classifier, lambda: draw(square, np.ones(3))])
def test_page_is_one_file_that_asks_for_nothing(make: Callable[[], Drawing], tmp_path: Path) -> None:
    elements = Elements(page_text(make(), tmp_path / "net.html"))
    assert not {"a", "link", "img", "iframe", "object", "embed", "base"} & set(elements.tags)
    named = [value for name, value in elements.attributes if name in {"src", "href", "xlink:href", "action", "data"}]
    assert named == []
    assert not [name for name, _ in elements.attributes if name.startswith("on")]
    policy = next(value for name, value in elements.attributes if name == "content" and "default-src" in value)
    assert policy.startswith("default-src 'none'; ")


@needs_renderer
def test_policy_allows_our_style_and_program_alone(tmp_path: Path) -> None:
    elements = Elements(page_text(article(), tmp_path / "net.html"))
    policy = next(value for name, value in elements.attributes if name == "content" and "default-src" in value)
    allowed = re.findall(r"(\w+)-src 'sha256-([^']+)'", policy)
    texts = {"style": elements.texts["style"], "script": elements.texts["program"]}
    assert dict(allowed) == {name: b64encode(sha256(text.encode()).digest()).decode() for name, text in texts.items()}


@needs_renderer
def test_hostile_names_are_just_names_in_the_text(tmp_path: Path) -> None:
    text = page_text(hostile(), tmp_path / "hostile.html")
    plain = Elements(page_text(twice(), tmp_path / "friendly.html"))
    elements = Elements(text)
    assert set(elements.tags) == set(plain.tags)
    assert (elements.tags.count("script"), elements.tags.count("program")) == (1, 1)
    assert set(HOSTILE) <= {node["title"] for node in data_of(text)["nodes"].values()}


def test_json_has_nothing_that_html_could_take_for_markup() -> None:
    data = {"</script>": ["<!--", "&amp;", "\u2028", "\ud800"]}
    text = json_in_html(data)
    assert not set("<>&\u2028") & set(text)
    assert text.isascii()
    assert json.loads(text) == data


def test_numbers_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_in_html([float("nan")])


@needs_renderer
def test_page_is_the_same_in_every_run(tmp_path: Path) -> None:
    program = "import sys; from tests.test_page import *; page_text(article(), Path(sys.argv[1]))"
    for name, seed in (("first.html", "1"), ("second.html", "2")):
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / name)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])},
            check=True,
            timeout=60,
        )
    assert (tmp_path / "first.html").read_bytes() == (tmp_path / "second.html").read_bytes()


@needs_renderer
def test_a_million_parameters_give_a_small_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = Sequential(Dense(784, 1000), ReLU(), Dense(1000, 220), ReLU(), Dense(220, 10))
    assert sum(parameter.size for parameter in model.parameters()) > 1_000_000
    loss = cross_entropy(model(rng.normal(size=(64, 784))), rng.integers(0, 10, 64))
    path = draw(loss).save(tmp_path / "net.html")
    assert path.stat().st_size < 150_000


@needs_renderer
def test_five_hundred_operations_give_a_file_of_a_few_megabytes(tmp_path: Path) -> None:
    drawing = transformer(18)
    assert drawing.summary.startswith("469 operations")
    assert drawing.save(tmp_path / "deep.html").stat().st_size < 3_000_000


@needs_renderer
def test_every_box_frame_and_arrow_of_the_picture_is_in_the_data(tmp_path: Path) -> None:
    text = page_text(classifier(), tmp_path / "net.html")
    data = data_of(text)
    parts: dict[str, set[str]] = {"node": set(), "cluster": set(), "edge": set()}
    for kind, title in re.findall(r'<g id="[^"]*" class="(node|cluster|edge)[^"]*">\s*<title>([^<]*)</title>', text):
        parts[kind].add(unescape(title))
    assert parts["node"] == set(data["nodes"])
    assert parts["cluster"] == {cluster["id"] for cluster in data["clusters"]}
    ends = {tuple(end.split(":")[0] for end in title.split("->")) for title in parts["edge"]}
    assert ends == {tuple(edge) for edge in data["edges"]}


def test_without_a_renderer_one_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "none"))
    with pytest.raises(RuntimeError, match="pip install graphviz-pure"):
        twice().save(tmp_path / "net.html")
    assert list(tmp_path.iterdir()) == []


@needs_renderer
def test_failing_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.html"
    path.write_text("old")
    write = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        write(self, content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        twice().save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fill", [kind["fillcolor"] for kind in KINDS.values()])
@pytest.mark.parametrize("text", ["#1a1a1a", QUIET, GRADIENT])
def test_text_can_be_read_on_its_box_in_the_dark(text: str, fill: str) -> None:
    assert contrast(turned(text), turned(fill)) >= 4.5


# ---- rules as text ---------------------------------------------------------------------------------------------------


def test_rules_are_told_by_formula_or_first_sentence() -> None:
    assert rules_of(["np.divide", "np.sum", "unknown"]) == {
        "np.divide": [("x1", "g / x2"), ("x2", "-g * y / x2")],
        "np.sum": [("a", "The cotangent of the sum, for each element that was summed.")],
    }


@pytest.mark.usefixtures("own_operations")
def test_rules_whose_source_is_out_of_reach_or_whose_label_is_not_theirs_alone() -> None:
    typed: dict[str, Any] = {"differentiable": differentiable, "define_vjp": define_vjp}
    program = "@differentiable\ndef cube(x): return x**3\ndefine_vjp(cube, x=lambda g, y, x: g * 3 * x**2)"
    exec(program, typed)
    assert rules_of(["cube"]) == {"cube": []}
    exec(program, typed)
    assert rules_of(["cube"]) == {}


# ---- in Chromium -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (the extra `browser`)")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


Open = Callable[..., Any]


@pytest.fixture
def open_page(chromium: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a drawing. In the end nothing was said on the console, asked for or popped up."""
    if PURE is None:
        pytest.skip("no renderer of DOT text is installed on this platform")
    said: list[str] = []
    contexts = []

    def refuse(dialog: Any) -> None:
        said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def opened(drawing: Drawing, width: int = 1200, height: int = 800, **options: Any) -> Any:
        path = drawing.save(tmp_path / "net.html")
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("dialog", refuse)
        page.on("request", lambda request: said.extend({f"request: {request.url}"} - {f"request: {path.as_uri()}"}))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def box(page: Any, title: str) -> Any:
    """The box of a value in the picture."""
    found = page.evaluate("title => [...nodes.values()].find((node) => node.data.title === title)?.id", title)
    assert found, title
    return page.locator(f"g.node#{found}")


def titles(page: Any, kind: str) -> list[str]:
    """What the boxes of a class are called, oldest first."""
    program = "kind => [...nodes.values()].filter(n => n.element.classList.contains(kind)).map(n => n.data.title)"
    found: list[str] = page.evaluate(program, kind)
    return found


def shown(page: Any) -> list[list[str]]:
    """The numbers in the panel, part by part."""
    return [re.findall(r"[^][\s]+", text) for text in page.locator("#panel pre").all_inner_texts()]


def where(page: Any, title: str) -> tuple[float, float]:
    found = box(page, title).bounding_box()
    return found["x"], found["y"]


def scale(page: Any) -> float:
    number = page.evaluate("view.scale")
    assert isinstance(number, float | int)
    return float(number)


def test_opening_says_what_is_drawn(open_page: Open) -> None:
    page = open_page(article())
    assert page.title() == "J"
    assert page.locator("#summary").inner_text() == "19 operations, 3 parameters, 2 inputs"
    rows = page.locator("#panel tr").all_inner_texts()
    assert rows[0].split() == ["name", "shape", "gradient"]
    assert [row.split()[0] for row in rows[1:]] == ["w1", "w2", "w3"]
    assert "N" in page.locator("#keys").inner_text()


def test_wheel_and_keys_zoom_and_dragging_pans(open_page: Open) -> None:
    page = open_page(article())
    before = scale(page)
    x, y = where(page, "z2")
    page.mouse.move(x + 20, y + 20)
    page.mouse.wheel(0, -200)
    page.wait_for_function(f"view.scale > {before}")
    page.keyboard.press("-")
    page.keyboard.press("-")
    smaller = scale(page)
    page.keyboard.press("+")
    assert scale(page) == pytest.approx(smaller * 1.25)
    x, y = where(page, "z2")
    page.mouse.move(100, 300)
    page.mouse.down()
    page.mouse.move(160, 340, steps=4)
    page.mouse.up()
    assert where(page, "z2") == pytest.approx((x + 60, y + 40), abs=1)


def test_keys_work_after_dragging(open_page: Open) -> None:
    """The click that ends a drag selects nothing; one that a key makes does."""
    page = open_page(article())
    x, y = where(page, "z2")
    page.mouse.move(x + 9, y + 9)
    page.mouse.down()
    page.mouse.move(x + 69, y + 49, steps=4)
    page.mouse.up()
    assert page.locator("g.node.selected").count() == 0
    box(page, "z3").focus()
    page.keyboard.press("Enter")
    assert titles(page, "selected") == ["z3"]


def test_the_point_under_the_pointer_stays_in_place(open_page: Open) -> None:
    page = open_page(article())
    x, y = where(page, "z2")
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    page.wait_for_function("view.scale > 1")
    assert where(page, "z2") == pytest.approx((x, y), abs=1.5)


def test_fit_shows_the_whole_picture(open_page: Open) -> None:
    page = open_page(article())
    page.keyboard.press("0")
    canvas = page.locator("#canvas").bounding_box()
    for node in page.locator("g.node").all():
        found = node.bounding_box()
        assert canvas["y"] <= found["y"] <= found["y"] + found["height"] <= canvas["y"] + canvas["height"]
        assert canvas["x"] <= found["x"] <= found["x"] + found["width"] <= canvas["x"] + canvas["width"]


def test_two_fingers_zoom(open_page: Open) -> None:
    page = open_page(article(), has_touch=True)
    before = scale(page)
    touch = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 50), ("touchMove", 80), ("touchMove", 150), ("touchEnd", None)):
        points = [] if apart is None else [{"x": 400 + apart, "y": 400, "id": 1}, {"x": 400 - apart, "y": 400, "id": 2}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.wait_for_function(f"view.scale > {2 * before}")


def test_clicking_a_value_shows_what_is_known_of_it(open_page: Open) -> None:
    cost = article()
    page = open_page(cost)
    box(page, "z3").click()
    text = page.locator("#panel").inner_text()
    assert "dot(a2, w2)" in text
    assert "(4, 5)" in text
    assert "float64" in text
    assert "∂J/∂z3" in text
    assert "∂J/∂z3 = " in text
    assert "∂z3/∂a2 = w2ᵀ" in text
    assert "b: The sum over all axes of `a` but the last, which then takes its place in `b`." in text
    assert page.locator("#panel figure [role=img]").count() == 2
    assert page.locator("g.node.selected").count() == 1
    assert page.locator("#panel section", has_text="Made from").locator("button").all_inner_texts() == ["a2", "w2"]
    page.locator("#panel section", has_text="Made from").get_by_text("w2", exact=True).click()
    assert page.locator("#panel h2").inner_text() == "w2"


def test_a_value_is_shown_in_numbers(open_page: Open) -> None:
    page = open_page(twice())
    box(page, "a").click()
    assert shown(page) == [["1", "2"], ["3", "5"]]


@pytest.mark.parametrize("numbers", [[np.nan, np.inf], [np.nan, np.nan], [1e308, -1e308], [0.0, 0.0], [5e-324, 0.0]])
def test_any_numbers_can_be_shown(numbers: list[float], open_page: Open) -> None:
    a = Tensor(numbers, requires_grad=True, name="a")
    b = a * np.array([1.0, -1.0])
    b.name = "b"
    page = open_page(draw(b))
    box(page, "a").click()
    assert [float(number) for number in shown(page)[0]] == pytest.approx(numbers, rel=1e-3, nan_ok=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tensor(1.0, requires_grad=True, name="alone"),
        lambda: Tensor(np.ones((0, 3)), requires_grad=True, name="empty") * 1.0,
        lambda: Tensor([1j, 2.0], requires_grad=True, name="complex") * 2.0,
        lambda: Tensor([1, 2], name="whole numbers"),
        lambda: np.sum(np.linalg.svd(Tensor(np.diag([3.0, 2.0]), requires_grad=True))[1]),
    ],
)
def test_values_of_every_kind(make: Callable[[], Any], open_page: Open) -> None:
    page = open_page(draw(make()))
    for node in page.locator("g.node").all():
        node.click()
        assert page.locator("#panel h2").inner_text()
    while page.locator("#next").is_enabled():
        page.keyboard.press("n")


def failing() -> Drawing:
    def network(x: Any, w: Any) -> Any:
        return np.sum(np.tanh(x @ w) @ w)

    return draw(network, np.ones((2, 3)), np.ones((3, 4)))


def sums(factor: float) -> Any:
    return np.sum(np.tanh(Tensor([0.5, 1.0], requires_grad=True, name="a") * factor))


def loop(rounds: int = 20, **options: Any) -> Drawing:
    a: Any = Tensor(np.full(3, 0.5), requires_grad=True, name="a")
    b = a
    for _ in range(rounds):
        b = np.tanh(b * a) + a
    return draw(np.sum(b), **options)


@pytest.mark.parametrize(
    "make",
    [
        failing,
        lambda: loop(view="forward"),
        lambda: loop(view="backward"),
        lambda: loop(values=True, gradients=True, heat=True, costs=True),
        lambda: loop(fold="names"),
        lambda: loop(fold="repeats"),
        lambda: loop(fold=lambda node: "tanh" if node.function is np.tanh else None),
        lambda: loop(limit=5),
        lambda: loop(40),
        lambda: diff(sums(1.0), sums(2.0)),
    ],
    ids=["failing", "forward", "backward", "numbers", "names", "repeats", "rule", "limit", "far", "difference"],
)
def test_every_view_can_be_read(make: Callable[[], Drawing], open_page: Open) -> None:
    page = open_page(make())
    titled = "panel.querySelector('h2').textContent"
    chosen = page.evaluate(f"[...nodes.keys()].map((id) => (select(id), {titled}))")
    assert chosen == page.evaluate("[...nodes.values()].map((node) => node.data.title)")
    steps = page.evaluate(f"data.steps.map(() => (actions.n(), {titled}))")
    assert [step.split(":")[0] for step in steps] == [f"Step {i + 1}" for i in range(len(steps))]


def test_neurons_can_be_looked_at(open_page: Open) -> None:
    weights = [parameter.numpy() for parameter in make_network(np.random.RandomState(SEED)).parameters()]
    page = open_page(draw(record(weights, INPUTS, LABELS)[1], view="neurons"))
    before = scale(page)
    page.locator("g.node").first.click()
    page.keyboard.press("+")
    assert scale(page) == pytest.approx(before * 1.25)
    assert page.locator("#step").inner_text() == "No backward pass is drawn here."


def test_a_mention_of_a_value_leads_to_it(open_page: Open) -> None:
    page = open_page(loop(40))
    mention = page.locator("g.mention").last
    assert mention.get_attribute("aria-label") == "a, which is elsewhere"
    mention.dispatch_event("click")
    assert titles(page, "selected") == ["a"]
    assert "selected" in (mention.get_attribute("class") or "").split()


def test_the_backward_pass_alone_is_stepped_through(open_page: Open) -> None:
    page = open_page(loop(2, view="backward"))
    page.keyboard.press("n")
    page.keyboard.press("n")
    current = page.evaluate("edges.filter((edge) => edge.element.classList.contains('current')).length")
    assert current == page.evaluate("data.steps[1].parts.length") > 0


def test_source_lines_are_shown(open_page: Open) -> None:
    page = open_page(draw(square, np.ones(3)))
    box(page, "x * x").click()
    text = page.locator("#panel").inner_text()
    assert f"test_page.py:{square.__code__.co_firstlineno + 1}" in text
    assert "return np.sum(x * x)" in text


def test_what_is_wrong_is_said(open_page: Open) -> None:
    a = Tensor([0.0, 1.0], requires_grad=True, name="a")
    with np.errstate(all="ignore"):
        b: Any = np.log(a) * 0.0
    b.name = "b"
    page = open_page(draw(b))
    box(page, "b").click()
    assert page.locator("#panel .trouble").all_inner_texts() == ["⚠ NaN, first here"]


def test_ancestors_and_descendants_are_marked(open_page: Open) -> None:
    page = open_page(article())
    box(page, "z3").click()
    before = {"x", "w1", "z2", "-z2", "exp(·)", "1 + ·", "a2", "w2"}
    assert set(titles(page, "ancestor")) == before
    after = set(titles(page, "descendant"))
    assert {"a3", "w3", "y", "z4", "J"} & after == {"a3", "z4", "J"}
    assert "z3" not in after
    faded = "e => getComputedStyle(e).opacity"
    assert float(box(page, "w3").evaluate(faded)) < 0.5
    assert float(box(page, "w2").evaluate(faded)) == 1
    page.keyboard.press("a")
    assert set(titles(page, "ancestor")) == set()
    assert set(titles(page, "descendant")) == after
    page.get_by_role("button", name="descendants").click()
    assert set(titles(page, "descendant")) == set()
    assert page.get_by_role("button", name="descendants").get_attribute("aria-pressed") == "false"
    page.keyboard.press("Escape")
    assert page.locator("g.node.selected").count() == 0


def test_search_finds_and_goes_from_one_to_the_next(open_page: Open) -> None:
    page = open_page(article())
    page.keyboard.press("/")
    page.keyboard.type("exp")
    assert page.locator("#found").inner_text() == "3 found"
    assert page.locator("g.node.match").count() == 3
    page.keyboard.press("Enter")
    assert page.locator("#found").inner_text() == "1 of 3"
    assert page.locator("#panel h2").inner_text() == "exp(·)"
    first = page.evaluate("state.selected")
    page.keyboard.press("Enter")
    second = page.evaluate("state.selected")
    page.keyboard.press("Shift+Enter")
    assert first == page.evaluate("state.selected") != second
    page.locator("#query").fill("n: never")
    assert page.locator("#found").inner_text() == "nothing found"
    assert page.evaluate("state.step") == 0, "letters in the field are text, not keys"
    page.keyboard.press("Escape")
    assert page.locator("#query").input_value() == ""
    assert page.locator("g.node.match").count() == 0


def test_search_by_module_opens_it(open_page: Open) -> None:
    page = open_page(classifier())
    page.keyboard.press("c")
    page.keyboard.press("/")
    page.keyboard.type("layers.2 weight")
    page.keyboard.press("Enter")
    selected = page.locator("g.node.selected")
    assert selected.is_visible()
    assert page.locator("#panel h2").inner_text() in {"weight", "· * weight"}


def test_modules_fold_and_unfold(open_page: Open) -> None:
    page = open_page(classifier())
    full = page.evaluate("stage.getBBox().height")
    lines = page.eval_on_selector_all("g.edge > path", "all => all.map(path => path.getAttribute('d'))")
    title = page.get_by_role("button", name="Module layers.0: Dense(3, 16)")
    title.first.click()
    folded = page.locator("g.folded:visible")
    assert folded.count() == 1
    assert "layers.0: Dense(3, 16)" in folded.text_content()
    assert "1 operation, 64 parameters" in folded.text_content()
    assert page.evaluate("stage.getBBox().height") < full
    assert not box(page, "linear(x, weight, bias)").is_visible()
    rerouted = page.locator("g.rerouted:not(.hidden)").count()
    assert rerouted == 3, "from x, to relu and the gradient back"
    folded.click()
    assert page.evaluate("stage.getBBox().height") == pytest.approx(full)
    assert page.locator("g.folded:visible").count() == 0
    assert box(page, "linear(x, weight, bias)").is_visible()
    assert page.eval_on_selector_all("g.edge > path", "all => all.map(path => path.getAttribute('d'))") == lines


def test_modules_fold_by_keyboard_and_keep_the_focus(open_page: Open) -> None:
    page = open_page(classifier())
    page.get_by_role("button", name="Module layers.2: LayerNorm(16)").first.focus()
    page.keyboard.press("Enter")
    focused = page.locator("g.folded:focus")
    assert focused.get_attribute("aria-expanded") == "false"
    page.keyboard.press("Enter")
    assert page.locator("g.title:focus").get_attribute("aria-expanded") == "true"


def test_all_modules_fold_to_one_box(open_page: Open) -> None:
    page = open_page(classifier())
    page.get_by_role("button", name="Collapse all").click()
    folded = page.locator("g.folded:visible")
    assert folded.count() == 1
    assert "6 operations, 130 parameters" in folded.text_content()
    page.get_by_role("button", name="Expand all").click()
    assert page.locator("g.folded:visible").count() == 0
    assert page.locator("g.node:visible").count() == len(data_of(page.content())["nodes"])


def test_folded_boxes_and_values_do_not_overlap(open_page: Open) -> None:
    page = open_page(transformer(1))
    paths = page.evaluate("[...clusters.keys()]")
    assert len(paths) > 5
    for path in paths:
        page.evaluate(f"toggle(clusters.get('{path}'))")
        seen = [item.bounding_box() for item in page.locator("g.node:visible, g.folded:visible").all()]
        for i, one in enumerate(seen):
            for other in seen[:i]:
                apart = (
                    one["x"] + one["width"] <= other["x"] + 3
                    or other["x"] + other["width"] <= one["x"] + 3
                    or one["y"] + one["height"] <= other["y"] + 3
                    or other["y"] + other["height"] <= one["y"] + 3
                )
                assert apart, path
        page.evaluate(f"toggle(clusters.get('{path}'))")


def test_arrows_into_folded_boxes_point_down(open_page: Open) -> None:
    page = open_page(transformer(1))
    page.keyboard.press("c")
    x, block = box(page, "x").bounding_box(), page.locator("g.folded:visible").bounding_box()
    assert x["y"] + x["height"] < block["y"]
    ends = ends_of_arrows(page, ":not(.gradient)")
    assert len(ends) == 3, "from x and from the first layer's constant, and to the square"
    assert all(start[1] < end[1] for start, end in ends)


def ends_of_arrows(page: Any, kind: str) -> list[list[list[float]]]:
    """Where the arrows to and from folded boxes begin and end, on the screen."""
    program = """all => all.map(path => [0, path.getTotalLength()].map(length => {
        const { x, y } = path.getPointAtLength(length).matrixTransform(path.getScreenCTM());
        return [x, y];
    }))"""
    found: list[list[list[float]]] = page.locator(f"g.rerouted{kind}:not(.hidden) > path").evaluate_all(program)
    return found


def test_two_folded_boxes_have_one_arrow_each_way(open_page: Open) -> None:
    """The second block takes what the first returns twice: into its layers, and around them."""
    page = open_page(transformer(2))
    for block in ("layers.0", "layers.1"):
        page.get_by_role("button", name=f"Module {block}: TransformerBlock").first.dispatch_event("click")
    first, second = (box.bounding_box() for box in page.locator("g.folded:visible").all())
    scaled = 14 * scale(page)
    gap = (first["y"] + first["height"] - scaled, second["y"] + 1)  # an arrow begins behind the shadow of the box
    between = [
        [ends for ends in ends_of_arrows(page, kind) if all(gap[0] <= y <= gap[1] for _, y in ends)]
        for kind in (":not(.gradient)", ".gradient")
    ]
    assert [len(ends) for ends in between] == [1, 1]
    for (start, end), *_ in between:
        assert start[1] - gap[0] < 2 * scaled
        assert gap[1] - end[1] < scaled
        assert first["x"] < start[0] < first["x"] + first["width"]
        assert second["x"] < end[0] < second["x"] + second["width"]


def test_a_large_graph_opens_with_its_inner_modules_folded(open_page: Open) -> None:
    page = open_page(transformer(10, width=8))
    assert 10 < page.locator("g.node:visible, g.folded:visible").count() <= 150
    page.locator("#panel section", has_text="Outputs").locator("button").click()
    assert page.locator("g.node.selected.output").is_visible()


def test_what_is_too_small_to_be_made_out_comes_nearer(open_page: Open) -> None:
    page = open_page(transformer(10, width=8))
    page.keyboard.press("e")
    assert scale(page) < 0.2
    page.keyboard.press("n")
    assert scale(page) > 0.8
    assert is_seen(page, "g.node.current")


def is_seen(page: Any, selector: str) -> bool:
    canvas, found = page.locator("#canvas").bounding_box(), page.locator(selector).bounding_box()
    down = canvas["y"] <= found["y"] and found["y"] + found["height"] <= canvas["y"] + canvas["height"]
    across = canvas["x"] <= found["x"] and found["x"] + found["width"] <= canvas["x"] + canvas["width"]
    return bool(down and across)


def test_the_operation_of_a_step_is_seen_however_far_its_gradient_flows(open_page: Open) -> None:
    page = open_page(loop(40))
    for _ in range(5):
        page.keyboard.press("n")
        assert is_seen(page, "g.node.current")


def test_stepping_through_the_backward_pass(open_page: Open) -> None:
    page = open_page(twice())
    step = page.locator("#step")
    assert step.inner_text() == "Backward pass: 3 steps"
    page.keyboard.press("n")
    assert step.inner_text() == "Backward step 1 of 3: c → b + a"
    assert (titles(page, "current"), titles(page, "receiving")) == (["c"], ["b + a"])
    assert titles(page, "reached") == ["b + a", "c"]
    page.get_by_role("button", name="Next").click()
    assert step.inner_text() == "Backward step 2 of 3: b + a → b, a"
    assert shown(page) == [["1", "1"], ["1", "1"], ["1", "1"]]
    page.keyboard.press("n")
    assert titles(page, "reached") == ["a", "b", "b + a", "c"]
    assert shown(page) == [["1", "1"], ["2", "4"], ["3", "5"]]
    assert page.locator("#panel h3").all_inner_texts()[:3] == ["Arrives: ∂c/∂b", "Adds to ∂c/∂a", "∂c/∂a so far"]
    assert page.locator("#panel code").all_inner_texts() == ["∂c/∂a += ∂c/∂b * a + ∂c/∂b * a"]
    assert page.locator("text.number").all_text_contents() == ["norm 1.414", "norm 5.831"]
    assert page.get_by_role("button", name="Next").is_disabled()
    page.keyboard.press("p")
    assert step.inner_text().startswith("Backward step 2")
    page.keyboard.press("Escape")
    assert step.inner_text() == "Backward pass: 3 steps"
    assert page.locator("text.number").count() == 0


def test_gradients_are_those_of_the_hand_written_network(open_page: Open) -> None:
    weights = [parameter.numpy() for parameter in make_network(np.random.RandomState(SEED)).parameters()]
    network = HandwrittenNetwork(*weights)
    network.forward(INPUTS)
    network.backward(LABELS)
    page = open_page(article())
    for name, by_hand in (("w1", network.dJdW1), ("w2", network.dJdW2), ("z2", network.delta2)):
        box(page, name).click()
        numbers = [float(number) for number in shown(page)[1]]
        np.testing.assert_allclose(np.reshape(numbers, by_hand.shape), by_hand, rtol=1e-3)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda x: x * x, "No numbers: only one real number, such as a loss, has a gradient."),
        (lambda x: np.sum(x * x), "No numbers are known. Draw it with gradients=True to have them."),
    ],
)
def test_why_no_gradient_is_known_is_said(
    make: Callable[[Any], Any], said: str, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinygrad_scratch.drawing.subject.MOST_NUMBERS", 0)
    page = open_page(draw(make, np.ones(3)))
    assert said in page.locator("#panel").inner_text()
    page.keyboard.press("n")
    assert said in page.locator("#panel").inner_text()


def test_in_a_step_the_picture_can_be_searched_and_walked(open_page: Open) -> None:
    page = open_page(article())
    box(page, "w1").click()
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    page.keyboard.press("/")
    page.keyboard.type("z2 x")
    assert titles(page, "match") == ["z2"]
    opacity = "element => getComputedStyle(element.closest('g.node')).opacity"
    assert [box(page, title).evaluate(opacity) for title in ("z2", "a2")] == ["1", "0.3"]
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.press("ArrowUp")
    assert page.locator("#panel h2").inner_text() == "sum(·)"


def test_a_histogram_is_as_wide_as_its_captions(open_page: Open) -> None:
    page = open_page(draw(square, np.random.default_rng(0).normal(size=200)))
    box(page, "x").click()
    bars = page.locator("figure rect").evaluate_all("all => all.map((bar) => bar.getBoundingClientRect())")[:20]
    figure = page.locator("figure").first.bounding_box()
    assert bars[0]["x"] == pytest.approx(figure["x"], abs=2)
    assert bars[-1]["x"] + bars[-1]["width"] == pytest.approx(figure["x"] + figure["width"], abs=2)


def test_stepping_shows_a_folded_module_at_work(open_page: Open) -> None:
    page = open_page(classifier())
    page.keyboard.press("c")
    steps = len(data_of(page.content())["steps"])
    for _ in range(steps):
        page.keyboard.press("n")
    assert page.locator("g.folded.current:visible").is_visible()


def test_a_repeated_block_is_stepped_through(open_page: Open) -> None:
    def recurrent(x: Any, h: Any, w: Any) -> Any:
        for t in range(5):
            h = np.tanh(x[t] + h @ w)
        return np.sum(h)

    arguments = (np.random.default_rng(0).normal(size=shape) for shape in [(5, 2, 3), (2, 3), (3, 3)])
    page = open_page(draw(recurrent, *arguments, fold="repeats"))
    page.keyboard.press("n")  # sum(h), which is given the last h
    assert "Its numbers belong to another round." in page.locator("#panel").inner_text()
    for _ in range(3):
        page.keyboard.press("n")
    assert "∂L/∂w = Σ hᵀ @ ∂L/∂(h @ w)" in page.locator("#panel").inner_text()
    box(page, "x[0…4]").click()
    assert "5 times" in page.locator("#panel").inner_text()


def test_arrow_keys_walk_the_graph(open_page: Open) -> None:
    page = open_page(article())
    box(page, "z3").click()
    page.keyboard.press("ArrowUp")
    assert page.locator("#panel h2").inner_text() == "a2"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator("#panel h2").inner_text() == "-z3"
    box(page, "a2").click()
    page.keyboard.press("ArrowRight")
    assert page.locator("#panel h2").inner_text() == "w2"
    assert page.locator("g.node:focus").count() == 1


def test_everything_is_reached_and_said_without_a_mouse(open_page: Open) -> None:
    page = open_page(classifier())
    unnamed = """all => all.filter(e => !(e.getAttribute('aria-label') || e.textContent.trim())).length"""
    assert page.eval_on_selector_all("button, [role=button], input", unnamed) == 0
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached |= set(page.evaluate("[document.activeElement.id, ...document.activeElement.classList]"))
    assert {"query", "fit", "collapse", "next", "node", "title"} <= reached
    assert page.locator("[aria-live=polite]").count() == 1
    page.locator("g.node[tabindex='0']").focus()
    page.keyboard.press("Enter")
    assert page.locator("g.node[aria-pressed=true]").count() == 1


def test_dark_and_light(open_page: Open) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    fill = "getComputedStyle(document.querySelector('g.node.operation path')).fill"
    dark = open_page(article(), color_scheme="dark")
    light = open_page(article(), color_scheme="light")
    assert dark.evaluate(background) == "rgb(20, 24, 31)"
    assert light.evaluate(background) == "rgb(255, 255, 255)"
    assert light.evaluate(fill) == "rgb(219, 234, 254)"
    colours = light.evaluate(background), light.evaluate(fill)
    light.keyboard.press("t")
    assert (light.evaluate(background), light.evaluate(fill)) == (dark.evaluate(background), dark.evaluate(fill))
    light.get_by_role("button", name="Dark or light").click()
    assert (light.evaluate(background), light.evaluate(fill)) == colours


def test_narrow_screens_have_the_panel_below(open_page: Open) -> None:
    page = open_page(article(), width=400, height=800)
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    canvas, panel = page.locator("#canvas").bounding_box(), page.locator("#panel").bounding_box()
    assert panel["y"] >= canvas["y"] + canvas["height"]
    assert canvas["height"] > 150
    assert page.locator("#next").is_visible()


def test_hostile_names_do_nothing_in_a_browser(open_page: Open) -> None:
    page = open_page(hostile())
    count = page.evaluate("document.querySelectorAll('script, img, iframe').length")
    for node in page.locator("g.node").all():
        node.click()
    for _ in range(len(data_of(page.content())["steps"])):
        page.keyboard.press("n")
    page.keyboard.press("/")
    page.keyboard.type(HOSTILE[0])
    page.keyboard.press("Enter")
    assert page.locator("#panel h2").inner_text() == HOSTILE[0]
    assert page.evaluate("document.querySelectorAll('script, img, iframe').length") == count == 2


def test_picture_is_there_without_a_program(open_page: Open) -> None:
    page = open_page(article(), java_script_enabled=False)
    assert page.locator("#canvas > svg").first.is_visible()
    assert page.get_by_text("This page needs JavaScript").is_visible()
