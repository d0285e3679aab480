"""Trying changes of the source leaves everything as it would be without: objects, files, random numbers, code."""

from __future__ import annotations

import copy
import gc
import linecache
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from tests.verifier.files import module_of
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.rewriting.added_at import of_as_many_axes
from tinygrad_scratch.verifier.rewriting.statements import rewrites_at
from tinygrad_scratch.verifier.rewriting.strided import in_bounds
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.running.guard import in_memory
from tinygrad_scratch.verifier.running.state import Draws

HEAD = """
import numpy as np

X = np.array([[0.4, -1.2, 0.7], [1.5, 0.3, -0.6], [-0.8, 0.9, 1.1], [0.2, -0.5, 1.9]])
Y = np.array([0.3, -1.1, 0.8, 0.5])
"""

LINE = (
    HEAD
    + """
class Line:
    def __init__(self):
        self.w = np.array([0.3, -0.7, 0.2])

    def loss(self, x, y):
        self.out = x @ self.w
        return np.sum((self.out - y) ** 2)

    def gradient(self, x, y):
        g = np.zeros(3)
        for i in range(1, len(x)):
            g += 2 * (self.out[i] - y[i]) * x[i]
        return {"w": g}
"""
)

USE = """

def check(verify):
    net = Line()
    with verify(net) as check:
        check.loss = net.loss(X, Y)
        check.gradients = net.gradient(X, Y)
    return check
"""

Change = tuple[str, str]


def program(*changes: Change, use: str = USE) -> str:
    text = LINE + use
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def found(text: str, check: Any) -> bool:
    """Whether the head of the loop is found to be wrong."""
    line = next(i for i, each in enumerate(text.split("\n"), 1) if "range(1, len(x))" in each)
    return check.first_wrong is not None and (check.first_wrong.line, check.first_wrong.kind) == (line, "off-by-one")


def with_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, look: Callable[[Any], Any]
) -> tuple[bool, Any, Any]:
    """Whether the mistake was found, and what there is to see after the check, and after one that tries no changes."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    monkeypatch.chdir(tmp_path / "one")
    module = module_of(tmp_path / "one" / "kept.py", text)
    is_found = found(text, module.check(verify))
    seen = copy.deepcopy(look(module))
    monkeypatch.chdir(tmp_path / "two")
    monkeypatch.setattr(verify, "_rewrite", lambda self: None)
    other = module_of(tmp_path / "two" / "kept2.py", text)
    other.check(verify)
    return is_found, seen, copy.deepcopy(look(other))


GLOBAL = ("class Line:", "NET = None\nTIMES = 0\n\n\nclass Line:")
KEEP = ("    net = Line()\n", "    global NET\n    NET = net = Line()\n")

STATES = {
    "a counter": (("self.w = np", "self.t = 0\n        self.w = np"), ("self.out = x", "self.t += 1; self.out = x")),
    "a growing list": (("self.w = np", "self.all = []; self.w = np"), ("g = np", "self.all.append(x); g = np")),
    "a dict": (("self.w = np", "self.all = {1: 2}; self.w = np"), ("g = np", "self.all[len(self.all)] = y; g = np")),
    "a set": (("self.w = np", "self.all = set(); self.w = np"), ("g = np", "self.all.add(len(self.all)); g = np")),
    "a bytearray": (("self.w = np", "self.all = bytearray(); self.w = np"), ("g = np", "self.all.append(1); g = np")),
    "a deque": (
        ("class Line", "from collections import deque\n\n\nclass Line"),
        ("self.w = np", "self.all = deque(maxlen=9); self.w = np"),
        ("g = np", "self.all.append(1); g = np"),
    ),
    "a global": (("self.out = x", "global TIMES\n        TIMES += 1\n        self.out = x"),),
    "a class": (("    def __init__", "    times = 0\n\n    def __init__"), ("g = np", "Line.times += 1; g = np")),
    "a new attribute of a class": (("g = np", "Line.late = 1; g = np"),),
    "an array": (("self.w = np", "self.sum = np.zeros(4); self.w = np"), ("g = np", "self.sum += self.out; g = np")),
    "drawn from a generator": (
        ("self.w = np", "self.rng = np.random.default_rng(1); self.w = np"),
        ("self.out = x @ self.w", "self.out = x @ self.w + self.rng.random(4)"),
    ),
    "drawn from NumPy": (("self.out = x", "np.random.seed(3); self.noise = np.random.rand(); self.out = x"),),
    "a default": (("gradient(self, x, y)", "gradient(self, x, y, kept=[])"), ("g = np", "kept.append(1); g = np")),
    "a long list": (
        ("self.w = np", "self.all = [[0] for _ in range(1000)]; self.w = np"),
        ("g = np", "self.all[900][0] += 1; g = np"),
    ),
    "slots": (
        ("self.w = np", "self.box = Box(); self.w = np"),
        ("g = np", "self.box.n += 1; g = np"),
        ("class Line", "class Box:\n    __slots__ = 'n'\n    def __init__(self):\n        self.n = 0\n\n\nclass Line"),
    ),
}  # fmt: skip


def random_numbers() -> Any:
    state: Any = np.random.get_state()
    return state[1].sum()


def state_of(module: Any) -> Any:
    net = module.NET
    box = net.__dict__.get("box")
    attributes = {k: v for k, v in vars(net).items() if k not in ("rng", "box")}
    rng = net.rng.bit_generator.state if hasattr(net, "rng") else None
    of_class = {k: v for k, v in vars(type(net)).items() if isinstance(v, int)}
    defaults = type(net).gradient.__defaults__
    return repr([attributes, rng, of_class, module.TIMES, defaults, box and box.n, random_numbers()])


@pytest.mark.parametrize("waits", [False, True])
def test_what_is_drawn_from_numpys_own_generator_is_drawn_again(waits: bool) -> None:
    """Normal numbers come in pairs, of which one may wait."""
    np.random.normal(size=3 if waits else 2)
    draws = Draws()
    drawn = [np.random.normal()]
    draws.put_back()
    drawn.append(np.random.normal())
    draws.put_back()
    draws.put_back()
    drawn.append(np.random.normal())
    assert len(set(drawn)) == 1


@pytest.mark.parametrize("name", STATES)
def test_what_a_run_changes_is_as_it_would_be(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = program(*STATES[name], GLOBAL, KEEP)
    is_found, seen, other = with_and_without(tmp_path, monkeypatch, text, state_of)
    assert is_found
    assert seen == other


def test_a_cell_is_as_it_would_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = """
def counted():
    times = 0

    def count(value):
        nonlocal times
        times += 1
        return value

    return count, lambda: times


count, times = counted()
"""
    text = program(("class Line", counting.strip() + "\n\n\nclass Line"), ("g = np", "count(1); g = np"))
    is_found, seen, other = with_and_without(tmp_path, monkeypatch, text, lambda module: module.times())
    assert is_found
    assert seen == other


WRITTEN = {
    "open": "with open('log.txt', 'a') as log:\n            log.write('x')\n        g = np",
    "save": "np.save('kept.npy', x); g = np",
    "pathlib": "import pathlib; pathlib.Path('log.txt').write_text('once'); g = np",
    "sqlite": "import sqlite3; d = sqlite3.connect('d.db')\n"
    "        d.execute('create table if not exists t (a)'); d.close(); g = np",
    "remove": "import os; os.path.exists('kept.txt') and os.remove('kept.txt'); g = np",
    "an open file": "LOG.write('x'); LOG.flush(); g = np",
    "a logger": "import logging; logging.getLogger('mine').error('x'); g = np",
    "a process": "import os; os.system('echo x >> log.txt'); g = np",
    "a map": "MAP[0] += 1; MAP.flush(); g = np",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_files_are_as_they_would_be(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = "LOG = open('opened.txt', 'w')\nMAP = np.memmap('map', float, 'w+', shape=2)\n\n\nclass Line"
    text = program(("g = np", WRITTEN[name]), ("class Line", log))

    def files(module: Any) -> Any:
        module.LOG.close()
        return {f.name: f.read_bytes() for f in Path().iterdir() if f.is_file() and f.suffix != ".py"}

    _, seen, other = with_and_without(tmp_path, monkeypatch, text, files)
    assert seen == other


def test_an_iterator_goes_on_where_it_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = program(("class Line", "MORE = iter(range(99))\n\n\nclass Line"), ("g = np", "next(MORE); g = np"))
    _, seen, other = with_and_without(tmp_path, monkeypatch, text, lambda module: next(module.MORE))
    assert seen == other


def test_what_a_cache_keeps_is_as_it_would_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = "import functools\n\n\n@functools.lru_cache\ndef size(n):\n    return n\n\n\nclass Line"
    text = program(("class Line", cached), ("g = np", "size(len(x)); g = np"))
    _, seen, other = with_and_without(tmp_path, monkeypatch, text, lambda module: module.size.cache_info())
    assert seen == other


def test_the_process_is_as_it_was(tmp_path: Path) -> None:
    text = program()
    file = tmp_path / "whole.py"
    module = module_of(file, text)
    functions = [f for f in gc.get_objects() if type(f) is FunctionType and f.__code__.co_filename == str(file)]
    linecache.getlines(str(file))
    codes, cached = [f.__code__ for f in functions], linecache.cache[str(file)]
    filters, errors = list(warnings.filters), np.geterr()
    hooks = sys.gettrace(), sys.getprofile(), sys.stdin, sys.stdout, sys.stderr, sys.dont_write_bytecode
    assert found(text, module.check(verify))
    assert [f.__code__ for f in functions] == codes
    assert all(f.__code__ is code for f, code in zip(functions, codes, strict=True))
    assert linecache.cache[str(file)] == cached
    assert (list(warnings.filters), np.geterr()) == (filters, errors)
    assert hooks == (sys.gettrace(), sys.getprofile(), sys.stdin, sys.stdout, sys.stderr, sys.dont_write_bytecode)
    (tmp_path / "later.txt").write_text("is written")
    np.save(tmp_path / "later.npy", np.ones(2))


def test_a_tracer_goes_on(tmp_path: Path) -> None:
    module = module_of(tmp_path / "traced.py", program())

    def trace(frame: Any, event: str, value: Any) -> None: ...

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        module.check(verify)
        after: Any = sys.gettrace()
    finally:
        sys.settrace(before)
    assert after is trace


def test_another_thread_may_write_meanwhile(tmp_path: Path) -> None:
    text, errors, over = program(), [], threading.Event()
    module = module_of(tmp_path / "threaded.py", text)

    def write() -> None:
        while not over.is_set():
            try:
                (tmp_path / "beat.txt").write_text("x")
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert found(text, module.check(verify))
    finally:
        over.set()
        thread.join()
    assert not errors


ENDLESS = {
    "a while loop": "n = 4\n        while n > 0:\n            n = n - 1\n        g = np",
    "on one line": "n = 4\n        while n > 0: n = n - 1\n        g = np",
    "until it is near": "s = 1.0\n        while abs(s) > 1e-3:\n            s = s * 0.5\n        g = np",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_changed_run_without_an_end_is_stopped(name: str, tmp_path: Path) -> None:
    uses = ("g += 2", "g += (n if 'n' in locals() else 0) * x[i] * 0 + 2")
    if name == "until it is near":
        uses = ("g += 2", "g += 0 * s + 2")
    text = program(("g = np", ENDLESS[name]), uses)
    start = time.process_time()
    module_of(tmp_path / "endless.py", text).check(verify)
    assert time.process_time() - start < 40


def test_a_slow_program_is_not_run_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = program(
        ("g = np", "import time; time.sleep(0.1); RUNS.append(1); g = np"), ("class Line", "RUNS = []\n\n\nclass Line")
    )
    monkeypatch.setattr("tinygrad_scratch.verifier.trying.search.Search.seconds", 0.4)
    slept, sleep = list[float](), time.sleep

    def counted(seconds: float) -> None:
        sleep(seconds)
        slept.append(seconds)

    monkeypatch.setattr(time, "sleep", counted)
    module = module_of(tmp_path / "slow.py", text)
    module.check(verify)
    assert 1 < slept.count(0.1) < 12  # of a tenth of a second each, in a search of four
    assert module.RUNS == []  # as before


ODD = {
    "it exits": "import sys\n        if len(x) != 4 or y[0] != 0.3: sys.exit(3)\n        g = np",
    "it asks": "import sys; sys.stdin.readline() if 0 else None; g = np",
    "it raises": "assert x.shape == (4, 3), 'shape'\n        g = np",
    "warnings": "import warnings; warnings.warn('odd'); g = np",
    "errors of NumPy": "np.seterr(all='raise'); g = np",
    "a thread": "import threading; t = threading.Thread(target=len, args=([],)); t.start(); t.join(); g = np",
    "it prints": "print('much'); g = np",
    "linecache": "import linecache; linecache.clearcache(); g = np",
    "two lambdas": "one, two = (lambda a: a + 1), (lambda a: a - 1); assert one(two(3)) == 3; g = np",
    "an async function": "import asyncio; asyncio.run(rest()); g = np",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ODD)
def test_odd_things_do_no_harm(name: str, tmp_path: Path) -> None:
    rest = ("class Line", "async def rest():\n    return 1\n\n\nclass Line")
    text = program(("g = np", ODD[name]), rest)
    with np.errstate():
        check = module_of(tmp_path / "odd.py", text).check(verify)
    assert found(text, check)
    assert "ended early" not in str(check)


USES = {
    "nested withs": USE.replace("    with verify", "    with np.errstate(all='ignore'), verify"),
    "several in one": USE.replace("verify(net) as check:", "verify(net) as check, np.errstate(all='ignore'):"),
    "a return": USE.replace("    return check", "        return check"),
    "a return in its midst": USE.replace("    return check", "        if check is not None:\n            return check"),
    "a closure": USE.replace(
        "    with", "    def both():\n        return net.loss(X, Y), net.gradient(X, Y)\n\n    with"
    ).replace("check.loss = net.loss(X, Y)", "check.loss, check.gradients = both()").replace(
        "        check.gradients = net.gradient(X, Y)\n", ""
    ),
    "partial": USE.replace("net.gradient(X, Y)", "__import__('functools').partial(net.gradient, X)(Y)"),
    "a generator": USE.replace("    return check", "    yield check").replace("def check(", "def one(")
    + "\n\ndef check(verify):\n    return next(one(verify))\n",
    "async": USE.replace("def check(", "async def one(")
    + "\n\ndef check(verify):\n    import asyncio\n\n    return asyncio.run(one(verify))\n",
    "a method": USE.replace("def check(verify):", "class Test:\n  def check(self, verify):")
    + "\n\ndef check(verify):\n    return Test().check(verify)\n",
    "a name of a private method": USE.replace("def check(verify):", "class Test:\n  def check(self, verify):").replace(
        "net = Line()", "net = self.__net()"
    ) + "\n  def __net(self):\n    return Line()\n\n\ndef check(verify):\n    return Test().check(verify)\n",
}  # fmt: skip


@pytest.mark.parametrize("name", USES)
def test_where_a_block_stands(name: str, tmp_path: Path) -> None:
    text = program(use=USES[name])
    check = module_of(tmp_path / "placed.py", text).check(verify)
    assert check.first_wrong is not None
    assert "ended early" not in str(check)
    assert found(text, check) or name == "a return in its midst"


WRAPPED = """
import functools


def told(function):
    @functools.wraps(function)
    def inner(*arguments):
        return function(*arguments)

    return inner


class Line"""
BASE = "class Base:\n    def gradient(self, x, y):\n        return 3\n\n\nclass Line(Base):"
SLOTS = (
    "import dataclasses as d\n\n\n@d.dataclass(slots=True)\nclass Line:\n    w: object = None\n    out: object = 0\n"
)
FUTURE = "from __future__ import annotations\nimport numpy as np"

FORMS: dict[str, tuple[Change, ...]] = {
    "static": (
        ("    def gradient(self, x, y)", "    @staticmethod\n    def gradient(self, x, y)"),
        ("net.gradient(X, Y)", "net.gradient(net, X, Y)"),
    ),
    "decorated": (("class Line", WRAPPED), ("    def gradient", "    @told\n    def gradient")),
    "annotations of later": (
        ("import numpy as np", FUTURE),
        ("g = np", "\n        def inner(a: Unknown) -> Other: return a\n        g = np"),
    ),
    "super": (("class Line:", BASE), ("g = np", "super().gradient(x, y); g = np")),
    "a dataclass with slots": (("class Line:", SLOTS),),
    "read-only": (("\n\nclass Line", "\nX.flags.writeable = False\n\n\nclass Line"),),
    "a large array": (("\n\nclass Line", "\nBIG = np.zeros(30_000_000)\n\n\nclass Line"),),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_functions(name: str, tmp_path: Path) -> None:
    text = program(*FORMS[name])
    assert found(text, module_of(tmp_path / "formed.py", text).check(verify))


def test_a_cell_of_a_notebook_and_a_text_that_is_not_known() -> None:
    text = program()
    for name, is_known in (("<ipython-input-7>", True), ("<stdin>", False)):
        if is_known:
            linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(text, name, "exec"), space)
        check = space["check"](verify)
        assert check.first_wrong is not None
        assert found(text, check) == is_known
        assert "ended early" not in str(check)


def test_a_search_that_fails_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any) -> None:
        raise RuntimeError("nothing works")

    monkeypatch.setattr("tinygrad_scratch.verifier.trying.search.Search.run", fail)
    check = module_of(tmp_path / "failing.py", program()).check(verify)
    assert check.first_wrong is not None
    assert "RuntimeError: nothing works" in str(check)


TWO_MODULES = """
import numpy as np


class Squash:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, given):
        return given * (1 - self.out ** 2)


squash = Squash()


def loss(w, x):
    return np.sum(squash.forward(x @ w) ** 2)


def gradient(w, x):
    return x.T @ squash.backward(2 * squash.out)
"""


def test_objects_of_another_module_are_as_before(tmp_path: Path) -> None:
    module = module_of(tmp_path / "held_elsewhere.py", TWO_MODULES)
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(3, 2)), rng.normal(size=(5, 3))
    with verify(w=w) as check:
        check.loss = module.loss(w, x)
        check.gradients = module.gradient(w, x)
    assert check.ok
    assert vars(module.squash) == {}


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system doesn't tell how much memory is in use")
def test_a_change_that_asks_for_much_memory_ends_alone() -> None:
    with in_memory(1 << 28), pytest.raises(MemoryError):
        np.ones(1 << 30)
    assert np.ones(1 << 26).size == 1 << 26


def test_strides_that_lead_out_of_an_array_are_refused() -> None:
    x = np.arange(24.0).reshape(4, 6)
    with in_bounds():
        windows = as_strided(x, (3, 4, 2, 3), (48, 8, 48, 8))
        assert np.array_equal(windows, sliding_window_view(x, (2, 3)))
        assert as_strided(x[:, ::-1], (4, 6)).shape == (4, 6)
        for shape, strides in (
            ((4, 7), (48, 8)),
            ((4, 6), (56, 8)),
            ((4, 6), (-48, 8)),
            ((3, 4, 2, 3), (96, 8, 48, 8)),
        ):
            with pytest.raises(ValueError, match="larger"):
                as_strided(x, shape, strides)
    assert as_strided(x, (4, 7), (48, 8)).shape == (4, 7)


def test_values_with_more_axes_than_the_entries_have_are_not_added_to_them() -> None:
    index: Any = (slice(None), np.array([0, 2, 2]), np.array([1, 1, 3]))
    kept, plain = np.zeros((2, 3, 4)), np.add
    with of_as_many_axes(["np.add.at(kept, index, d)"]):
        np.add.at(kept, index, np.ones((2, 3)))
        assert np.array_equal(np.add.reduce(np.add(kept, 1), axis=(0, 2)), [10, 8, 12])
        with pytest.raises(ValueError, match="axes"):
            np.add.at(kept, index, np.ones((5, 2, 1, 3)))
    with of_as_many_axes(["kept[index] += d"]):
        assert np.add is plain
    assert np.add is plain


def test_arrays_of_objects_are_left_as_they_are_as_none_may_hold_itself() -> None:
    source = source_of("rows = np.empty((9, 2), dtype=object)\nrows[0, 0], rows[0, 1] = first, second\nh = a @ b\n")
    assert not list(rewrites_at(source, 2))
    assert list(rewrites_at(source, 3))
