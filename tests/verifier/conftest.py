"""Searches that wait a while for what is composed and longer than people do, in programs that are alone."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tinygrad_scratch.verifier.check import Rerun
from tinygrad_scratch.verifier.trying import composed, looks
from tinygrad_scratch.verifier.trying.search import Search

AWHILE = 1.0  # what is composed at all is among the first that is tried; where nothing is, all of it goes by
PATIENCE = 2  # processors that two processes share take so much longer
LIMITS: list[tuple[Any, str]] = [
    (Search, "seconds"),
    (Search, "run_seconds"),
    (Rerun, "seconds"),
    (looks, "SECONDS"),
    (looks, "ALL_SECONDS"),
]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for holder, name in LIMITS:
        monkeypatch.setattr(holder, name, PATIENCE * getattr(holder, name))
    monkeypatch.setattr(composed, "SECONDS", AWHILE)


@pytest.fixture(autouse=True)
def alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests are no modules of the program: of hundreds, each recorded run would go through all names."""
    own = request.module.__name__
    for name in [name for name in sys.modules if name.startswith("tests.") and ".test_" in name and name != own]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture(autouse=True)
def forgotten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A module that a test wrote is gone after it: a script of another test may import one of that name."""
    before, folder = set(sys.modules), str(tmp_path_factory.getbasetemp())
    yield
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(folder):
            del sys.modules[name]
