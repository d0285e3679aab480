"""What a person reads: the report, the JSON, the page, the picture, and the message of a failed assert."""

from __future__ import annotations

import dataclasses
import html.parser
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import module_of
from tinygrad_scratch.drawing.numbers import short
from tinygrad_scratch.verifier import verify
from tinygrad_scratch.verifier.reading.source import (
    Marked,
    compared,
    found_in,
    right_side,
    statement_at,
    without_brackets,
)
from tinygrad_scratch.verifier.showing.data import as_json
from tinygrad_scratch.verifier.showing.findings import (
    CONSEQUENCE,
    CONVENTION,
    NOT_CHECKABLE,
    RIGHT,
    UNDECIDED,
    USED,
    WRONG,
    Findings,
    Leak,
    Mistake,
    Quantity,
    Where,
    Worst,
)
from tinygrad_scratch.verifier.showing.report import WIDTH, code_lines, coloured, pieces, report, shortened

PROGRAM = """\
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Network:
    def __init__(self):
        rng = np.random.default_rng(0)
        self.w1 = rng.normal(size=(3, 4))
        self.w2 = rng.normal(size=(4, 2))

    def forward(self, x):
        self.z1 = x @ self.w1
        self.a1 = sigmoid(self.z1)
        self.z2 = self.a1 @ self.w2
        return self.z2

    def cost(self, prediction, y):
        return 0.5 * np.sum((prediction - y) ** 2)

    def backward(self, x, y, prediction):
        self.delta2 = prediction - y
        self.dw2 = self.a1.T @ self.delta2
        self.delta1 = self.delta2 @ self.w2.T * self.a1 * (1 - self.a1)
        self.dw1 = x.T @ self.delta1
        return {"w1": self.dw1, "w2": self.dw2}
"""
WRONG_POINT = ("self.a1 * (1 - self.a1)", "self.a1 * (1 - self.z1)")

Load = Callable[..., ModuleType]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """A module of a person's own, in a file, with one place of it written in another way."""
    names = []

    def made(before: str = "", after: str = "", text: str = PROGRAM, name: str = "handmade") -> ModuleType:
        assert before in text
        names.append(name)
        module: ModuleType = module_of(tmp_path / f"{name}.py", text.replace(before, after, 1))
        return module

    yield made
    for name in names:
        sys.modules.pop(name, None)


def checked(module: ModuleType, samples: int = 5) -> Any:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(samples, 3)), rng.normal(size=(samples, 2))
    network = module.Network()
    with verify(network) as check:
        prediction = network.forward(x)
        check.loss = network.cost(prediction, y)
        check.gradients = network.backward(x, y, prediction)
    return check


HERE = Where("/home/someone/course/network.py", 41, "backward")
STEP = Quantity("delta2", HERE, "z2", RIGHT, "", Worst(1e-16, (0, 1), 0.5, 0.5), 7, 3)
MISTAKE = Mistake(
    name="delta1",
    where=HERE,
    of="z1",
    kind="derivative-at-wrong-point",
    sentence="self.z1 should be self.a1",
    certainty="checked",
    others=[],
    written=found_in("delta1 = delta2 @ self.w2.T * self.z1", "self.z1"),
    right=Marked("delta1 = delta2 @ self.w2.T * self.a1"),
    worst=Worst(0.25, (1, 2), 0.5, 0.4),
    node=8,
)


def all_of(**changes: Any) -> Findings:
    return dataclasses.replace(Findings(RIGHT, None, 0.5, 2, quantities=[STEP]), **changes)


# ---- the text --------------------------------------------------------------------------------------------------------


def test_first_line_is_the_first_wrong_step(load: Load) -> None:
    first, *rest = str(checked(load(*WRONG_POINT))).splitlines()
    assert first == "First wrong step: delta1, handmade.py:26, meant as the gradient of z1"
    assert rest[1] == "  you wrote  self.delta1 = self.delta2 @ self.w2.T * self.a1 * (1 - self.z1)"
    assert "^" in rest[2]


def test_every_quantity_has_its_line_and_verdict(load: Load) -> None:
    text = str(checked(load(*WRONG_POINT)))
    rows = re.findall(r"^ +(\d+)  (\w+) +(\w+) +(right|WRONG|follows from delta1)(?: |$)", text, re.MULTILINE)
    assert rows == [
        ("24", "delta2", "z2", "right"),
        ("25", "dw2", "w2", "right"),
        ("26", "delta1", "z1", "WRONG"),
        ("27", "dw1", "w1", "follows from delta1"),
    ]


def test_right_is_said_in_the_first_line(load: Load) -> None:
    text = str(checked(load()))
    assert text.startswith("All right: 2 gradients, and every step on the way, agree with autodiff.\n")
    assert "WRONG" not in text


def test_sizes_that_coincide_are_said(load: Load) -> None:
    assert "Sizes" not in str(checked(load()))
    text = " ".join(str(checked(load(), samples=4)).split())
    assert "There are 4 samples, and w1 (3, 4) and w2 (4, 2) are 4 wide" in text
    assert "Check once more with another number of samples." in text


def test_same_text_in_every_run(load: Load) -> None:
    assert str(checked(load(*WRONG_POINT))) == str(checked(load(*WRONG_POINT, name="handmade")))


LONG = "self.blocks[12].attention.heads[3].gradient_of_the_projection_of_the_values"
EXTREMES = {
    "right": all_of(),
    "convention": all_of(
        verdict=CONVENTION,
        convention="scaled by 1/N throughout, where the loss is a sum over the samples and the gradients are means",
        quantities=[dataclasses.replace(STEP, verdict=CONVENTION, detail="scaled by 1/N throughout")],
    ),
    "wrong": all_of(verdict=WRONG, mistakes=[MISTAKE], quantities=[dataclasses.replace(STEP, verdict=WRONG)]),
    "two wrong": all_of(verdict=WRONG, mistakes=[MISTAKE, dataclasses.replace(MISTAKE, name="db", right=None)]),
    "fits": all_of(
        verdict=WRONG,
        mistakes=[
            dataclasses.replace(MISTAKE, certainty="fits", others=["self.h should be self.a1", "`+` should be `-`"])
        ],
    ),
    "unexplained": all_of(
        verdict=WRONG,
        mistakes=[
            dataclasses.replace(MISTAKE, certainty="unexplained", kind="unexplained", sentence="no single change")
        ],
    ),
    "shapes": all_of(
        verdict=WRONG,
        mistakes=[dataclasses.replace(MISTAKE, worst=Worst(np.inf, shapes=((64, 1000), (1000, 64))))],
        quantities=[dataclasses.replace(STEP, verdict=WRONG, worst=Worst(np.inf, shapes=((64, 1000), (1000, 64))))],
    ),
    "long": all_of(
        verdict=WRONG,
        mistakes=[
            dataclasses.replace(
                MISTAKE,
                name=LONG,
                of=LONG,
                where=dataclasses.replace(HERE, file=f"/{'folder/' * 12}a_{'very_' * 8}long_name.py"),
                written=found_in(f"{LONG} = np.einsum('bij,bjk->bik', {LONG}, {LONG}) * scale", "scale"),
                right=Marked(f"{LONG} = np.einsum('bij,bjk->bik',{LONG},{LONG})/scale"),
            )
        ],
        quantities=[
            dataclasses.replace(STEP, name=LONG, of=LONG, verdict=CONSEQUENCE, detail=f"{LONG}, line 4711"),
            dataclasses.replace(STEP, verdict=NOT_CHECKABLE, detail="np.linalg.svd has no derivative there"),
        ],
    ),
    "questions": all_of(
        verdict=UNDECIDED,
        questions=["Which parameter is g, of shape (3, 4), the gradient of? One of these? w_in, w_out."] * 2,
        sizes=["There are 4 samples, and w2 (4, 2) is 4 wide. Check once more with another number of samples."],
        leaks=[
            Leak("float()", HERE, "total += float(np.sum(loss)) / len(batch) + penalty_of_all_weights(network)"),
            Leak("an array", None, ""),
        ],
    ),
    "nothing": Findings(NOT_CHECKABLE, "No loss was recorded. Set check.loss = ... in the block.", None, 0),
}  # fmt: skip


@pytest.mark.parametrize("found", EXTREMES.values(), ids=EXTREMES)
def test_report_keeps_to_80_columns_and_cuts_nothing(found: Findings) -> None:
    text = report(found)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.isascii()
    assert all(line == line.rstrip() for line in text.splitlines())
    words = " ".join(text.split())
    for mistake in found.mistakes:
        assert f"{mistake.kind}: {mistake.sentence}" in words
    for said in (*found.questions, *found.sizes, *(found.problem or "",)):
        assert said in words
    assert text == coloured(found).plain


def test_turns_of_a_loop_are_one_row() -> None:
    steps = [dataclasses.replace(STEP, name="dh", of=f"h[{t}]", node=t) for t in range(20, 0, -1)]
    steps[7] = dataclasses.replace(steps[7], verdict=WRONG)
    text = report(all_of(quantities=steps))
    assert "right, 19 times" in text
    assert "h[20] ... h[1]" in text
    assert text.count(" dh ") == 2


def test_entries_of_one_list_are_one_row() -> None:
    """Of a flat list, each number of which has a name."""
    entries = [
        dataclasses.replace(STEP, name=f"flat[1][{i}]", of="", verdict=USED, worst=None, node=i) for i in range(9)
    ]
    text = report(all_of(quantities=entries))
    assert re.search(r"^ +41  flat\[1\]\[...\] +used on the way, 9 times$", text, re.MULTILINE), text
    assert report(all_of(quantities=entries[:3])).count("flat[1][") == 3


def test_a_value_that_is_no_gradient_claims_nothing() -> None:
    text = report(all_of(quantities=[dataclasses.replace(STEP, of="", verdict=USED, worst=None, name="count")]))
    assert re.search(r"^ +41  count +used on the way$", text, re.MULTILINE)


def test_colour_where_rich_prints() -> None:
    spans = coloured(EXTREMES["wrong"]).spans
    assert "bold red" in {str(span.style) for span in spans}


# ---- code ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "other", "part", "its_part"),
    [
        ("d = u * self.z * 2", "d = u * self.a * 2", "self.z", "self.a"),
        ("d = u @ w", "d = u @ w.T", "w", "w.T"),
        ("d = u", "d = u * a * (1 - a)", "", "* a * (1 - a)"),
        ("d = u * 2", "d = u", "* 2", ""),
        ("d = -u", "d = u", "-", ""),
        ("d = a + b", "d = a - b", "+", "-"),
        ("self.d = x", "self.d = x", "", ""),
    ],
)
def test_what_sets_two_texts_apart(mine: str, other: str, part: str, its_part: str) -> None:
    one, two = compared(mine, other)
    assert (one.text, two.text) == (mine, other)
    assert (one.part, two.part) == (part, its_part)


def test_brackets_that_change_nothing_go() -> None:
    assert without_brackets("d = (a @ b) * (1 - c)", "d = a @ b") == "d = a @ b * (1 - c)"
    assert without_brackets("d = (a + b) / n", "d = a + b") == "d = (a + b) / n"
    assert without_brackets("d = (a) * (b)", "d = (a)") == "d = (a) * b"


def test_a_part_is_found_as_a_whole_name() -> None:
    assert found_in("da = dazzle * a", "a").start == 14
    assert found_in("g = x", "not there").part == "x"


def test_a_statement_of_several_lines_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "several.py"
    file.write_text("def f(a,\n      b):\n    g = (  # first\n        a\n        * b  # last\n    )\n    return g\n")
    assert statement_at(str(file), 4) == statement_at(str(file), 3) == "g = (a * b)"
    assert statement_at(str(file), 7) == "return g"
    assert statement_at(str(file), 2) == "def f(a, b):"
    assert statement_at(str(tmp_path / "missing.py"), 1) == ""
    assert [right_side(text) for text in ("g = a * b", "return g", "f(x)", "g += 1")] == ["a * b", "g", "f(x)", "1"]


def test_long_code_breaks_between_its_parts() -> None:
    text = "delta = " + " + ".join(f"self.weights[{i}] * x" for i in range(12))
    assert "".join(piece for _, piece in pieces(text, 60)).replace(" ", "") == text.replace(" ", "")
    marked = found_in(text, "self.weights[11] * x")
    printed = [line.text for line in code_lines("you wrote", marked, WRONG, carets=True)]
    assert max(map(len, printed)) <= WIDTH
    (caret,) = [number for number, line in enumerate(printed) if "^" in line]
    start, end = printed[caret].index("^"), printed[caret].rindex("^") + 1
    assert printed[caret - 1][start:end] == marked.part


def test_long_names_keep_both_ends() -> None:
    assert shortened("w1") == "w1"
    assert shortened("self.blocks[12].attention.heads[3].gradient") == "self...gradient"
    assert len(shortened("a" * 80)) == 26


# ---- JSON ------------------------------------------------------------------------------------------------------------


KEYS = ["version", "ok", "verdict", "summary", "problem", "convention", "loss", "loss_name", "first_wrong", "mistakes",
        "steps", "notes", "questions", "sizes", "leaks"]  # fmt: skip
VALUES = ["difference", "index", "hand", "true", "shapes"]


@pytest.mark.parametrize("found", EXTREMES.values(), ids=EXTREMES)
def test_json_has_its_keys(found: Findings) -> None:
    data = json.loads(as_json(found), parse_constant=pytest.fail)
    assert list(data) == KEYS
    for mistake in data["mistakes"]:
        assert list(mistake) == [
            "name", "file", "line", "function", "of", "kind", "sentence", "certainty", "others", "statement",
            "expression", "should_be", *VALUES,
        ]  # fmt: skip
    for step in data["steps"]:
        assert list(step) == ["name", "file", "line", "function", "of", "verdict", "detail", *VALUES]


def test_json_of_a_check(load: Load) -> None:
    data = json.loads(checked(load(*WRONG_POINT)).to_json())
    assert data["ok"] is False
    assert data["first_wrong"]["kind"] == "derivative-at-wrong-point"
    assert (data["first_wrong"]["name"], data["first_wrong"]["line"]) == ("delta1", 26)
    assert [step["verdict"] for step in data["steps"]] == [RIGHT, RIGHT, WRONG, CONSEQUENCE]


# ---- the page --------------------------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """The tags of a page, which must close in order, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data


def test_page_stands_alone_and_shows_the_guilty_line(load: Load) -> None:
    text = checked(load(*WRONG_POINT)).to_html()
    page = Page(text)
    assert not [tag for tag, _ in page.tags if tag in {"script", "link", "img", "iframe"}]
    assert not re.search(r'(?:src|href)\s*=\s*"http|url\(|@import', text)
    assert "prefers-color-scheme: dark" in text
    (guilty,) = re.findall(r"<div class='line wrong'>.*?</div>", text)
    assert ">26<" in guilty
    assert "<mark class='bad'>" in guilty
    assert "<svg" in text


def test_page_escapes_what_people_wrote(load: Load) -> None:
    program = PROGRAM.replace('{"w1": self.dw1', '{"<script>alert(1)</script>": self.dw1')
    program = program.replace("self.dw1 = x.T @ self.delta1", 'self.dw1 = x.T @ self.delta1  # <b onclick="x">&amp;')
    text = checked(load(*WRONG_POINT, text=program)).to_html()
    assert "<script" not in text
    assert "<b onclick" not in text
    assert "&lt;b onclick=&quot;x&quot;&gt;&amp;amp;" in text
    Page(text)


def test_page_without_a_renderer_says_so(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> bytes:
        raise RuntimeError("no renderer <here>")

    monkeypatch.setattr("tinygrad_scratch.verifier.showing.page.render", missing)
    assert "no renderer &lt;here&gt;" in checked(load()).to_html()


# ---- the picture -----------------------------------------------------------------------------------------------------


def test_picture_paints_each_step_by_its_verdict(load: Load) -> None:
    drawing = checked(load(*WRONG_POINT)).draw()
    assert repr(drawing) == "Drawing(4 hand-derived values, 1 wrong)"
    classes = dict(re.findall(r"<b>(\w+)</b>.*class=\"?([\w-]+)", drawing.source))
    assert {name: classes[name] for name in ("delta2", "dw2", "delta1", "dw1")} == {
        "delta2": RIGHT, "dw2": RIGHT, "delta1": WRONG, "dw1": CONSEQUENCE,
    }  # fmt: skip
    assert {classes[name] for name in ("w1", "z1", "a1", "w2", "z2")} == {"forward"}
    red = [line for line in drawing.source.splitlines() if "->" in line and "#dc2626" in line]
    assert red


@pytest.mark.parametrize("suffix", [".json", ".mmd", ".html"])
def test_picture_says_where_its_data_are(load: Load, tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ValueError, match=r"picture alone.*to_html\(\) and to_json\(\)"):
        checked(load()).draw().save(tmp_path / f"check{suffix}")
    assert not (tmp_path / f"check{suffix}").exists()


def test_picture_of_a_right_check_has_no_red(load: Load) -> None:
    assert "#dc2626" not in checked(load()).draw().source


def test_picture_has_the_true_values_beside_those_that_differ(load: Load) -> None:
    check = checked(load(*WRONG_POINT))
    lines = check.draw(values=True).source.splitlines()
    boxes = {name[1]: line for line in lines if (name := re.search("<b>(.*?)</b>", line))}
    (wrong,) = check.findings.mistakes
    assert wrong.worst is not None
    for number in (wrong.worst.hand, wrong.worst.true):
        assert short(number) in boxes[wrong.name]
    assert "yours" in boxes[wrong.name]
    assert "true" in boxes[wrong.name]
    right = next(quantity.name for quantity in check.steps if quantity.verdict == RIGHT)
    assert "yours" not in boxes[right]
    assert "yours" not in check.draw().source


def test_picture_of_values_of_which_there_is_nothing_to_say(load: Load) -> None:
    """Of what is nowhere finite, and too large to be written out, there is no number to show."""
    check = checked(load(*WRONG_POINT))
    for node in check.tape.nodes:
        node.value = np.full((30, 30), np.nan)
    assert "<tr></tr>" not in check.draw(values=True).source  # which no renderer takes


def test_picture_of_a_check_that_judged_nothing_says_why(tmp_path: Path) -> None:
    with verify(w=np.ones(2)) as check:
        pass
    drawing = check.draw()
    assert repr(drawing) == "Drawing(nothing was judged)"
    assert "No call of NumPy was recorded" in drawing.source
    drawing.save(tmp_path / "check.svg")
    assert "No call of NumPy was recorded" in (tmp_path / "check.svg").read_text(encoding="utf-8")


# ---- assert ----------------------------------------------------------------------------------------------------------


def test_assert_fails_with_the_report(load: Load) -> None:
    check = checked(load(*WRONG_POINT))
    with pytest.raises(AssertionError) as caught:
        assert check
    assert str(caught.value).strip() == str(check)


def test_asking_does_not_raise(load: Load) -> None:
    wrong, right = checked(load(*WRONG_POINT)), checked(load())
    assert right
    assert not wrong
    assert not any([wrong])
    assert any([wrong, right])
    assert bool(wrong) is False
    assert wrong or right
    checks = {"a student": wrong}
    with pytest.raises(AssertionError, match="First wrong step"):
        assert checks["a student"]


STUDENT = """\
import sys

import numpy as np

from tinygrad_scratch.verifier import verify

sys.path.insert(0, ".")
from handmade import Network


def test_backprop():
    network, x, y = Network(), np.eye(3)[:2], np.ones((2, 2))
    with verify(network) as check:
        prediction = network.forward(x)
        check.loss = network.cost(prediction, y)
        check.gradients = network.backward(x, y, prediction)
    assert check
"""


def test_pytest_shows_the_report(load: Load, tmp_path: Path) -> None:
    load(*WRONG_POINT)  # writes handmade.py
    (tmp_path / "test_student.py").write_text(STUDENT)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_student.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    shown = [line.removeprefix("E").strip() for line in done.stdout.splitlines() if line.startswith("E")]
    assert shown[0].startswith("AssertionError: First wrong step: delta1, handmade.py:26")
    assert any("self.a1 * (1 - self.z1)" in line for line in shown)
