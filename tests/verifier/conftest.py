"""Searches that end by what they tried, and not by how fast a machine is at the moment, in programs that are alone."""

import sys
from typing import Any

import pytest

from tinygrad_scratch.verifier.check import Rerun
from tinygrad_scratch.verifier.trying import composed, looks
from tinygrad_scratch.verifier.trying.search import Search

PATIENCE = 2
AWHILE = 1.0  # what is composed at all is among the first that is tried; where nothing is, all of it goes by
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
