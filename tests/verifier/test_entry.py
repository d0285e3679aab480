"""Programs of many styles are recorded without edits, and their losses, gradients and parameters are found."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.verifier.entry_programs import PROGRAMS, Program
from tests.verifier.files import module_of
from tinygrad_scratch import verify


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Any]:
    """Makes a module of a program, as a person's own file is one."""
    made: list[str] = []

    def program(source: str, name: str = "program") -> Any:
        made.append(name)
        return module_of(tmp_path / f"{name}.py", source)

    yield program
    for name in made:
        del sys.modules[name]


def source_of(program: Program) -> str:
    return (
        f"{program.imports}\n{program.source}\n"
        f"def judged(verify):\n    with verify({program.targets}) as "
        f"check:\n{textwrap.indent(program.block, ' ' * 8)}\n    return check\n"
    )


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
@pytest.mark.filterwarnings("ignore:Calling np.sum")
def test_program_is_recorded_and_paired(program: Program, load: Any) -> None:
    module = load(source_of(program), program.name)
    before = contents(module)
    if not program.targets:  # the block stands where the variables are
        source = (
            f"{program.imports}\n{program.source}\nwith verify() as check:\n{textwrap.indent(program.block, '    ')}\n"
        )
        module.__dict__["verify"] = verify
        code = compile(source, module.__file__, "exec")
        exec(code, module.__dict__)
        check = module.check
    else:
        check = module.judged(verify)
        assert_same(before, contents(module))
    assert check.problem is None, check.problem
    asked = [final.parameter for final in check.finals if final.parameter.asked or not program.targets]
    assert {parameter.name for parameter in asked} == program.parameters
    assert not check.unsure
    assert check.first_wrong is None, str(check)


def contents(module: Any) -> dict[str, Any]:
    """Everything that a module's values hold."""
    return {name: described(value) for name, value in vars(module).items() if not name.startswith("__")}


def described(value: Any, depth: int = 5) -> Any:
    if isinstance(value, np.ndarray):
        return (
            type(value),
            id(value),
            value.dtype,
            [described(v) for v in value] if value.dtype.kind == "O" else value.copy(),
        )
    if isinstance(value, dict):
        return {key: described(part, depth - 1) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [described(part, depth - 1) for part in value]
    if depth and hasattr(value, "__dict__") and not isinstance(value, type) and type(value).__module__ != "builtins":
        return {key: described(part, depth - 1) for key, part in vars(value).items()}
    return value if isinstance(value, float | int | str) else id(value)


def assert_same(one: Any, other: Any) -> None:
    np.testing.assert_equal(other, one)


STEPS = """
class Net:
    def __init__(self):
        self.w = np.arange(6.0).reshape(3, 2) / 7

    def learn(self, x, y):
        error = x @ self.w - y
        self.w -= 0.1 * (x.T @ error)
        return 0.5 * np.sum(error**2)


def check(verify):
    net = Net()
    with verify(net) as check:
        check.loss = net.learn(np.arange(12.0).reshape(4, 3) / 5, np.ones((4, 2)))
        check.gradients_in(net)
    return check
"""


def test_parameters_are_no_gradients_where_an_object_keeps_none(tmp_path: Path) -> None:
    program = "import numpy as np\n" + STEPS
    assert module_of(tmp_path / "steps.py", program).check(verify).ok is True
    wrong = program.replace("x.T @ error", "x.T @ error**2")
    line = program[: program.index("self.w -=")].count("\n") + 1
    assert module_of(tmp_path / "steps.py", wrong).check(verify).first_wrong.line == line


def test_a_gradient_of_whole_numbers_is_asked_about() -> None:
    x, y = np.linspace(-1, 1, 10).reshape(5, 2), np.arange(15).reshape(5, 3) / 15
    net = SimpleNamespace(W=np.array([[1, 2, 0], [0, 1, 1]]), b=np.zeros(3))
    with verify(net) as check:
        out = x @ net.W + net.b
        d = 2 * (out - y)
        check.loss = np.sum((out - y) ** 2)
        check.gradients = {"W": 3 * x.T @ d, "b": d.sum(0)}
    assert check.first_wrong is None
    assert not check.ok, str(check)
    assert "W, given as a gradient, goes with no parameter: not judged." in " ".join(str(check).split())
    assert "write net.W = net.W.astype(float)" in " ".join(str(check).split())
