"""Searches that wait a while for what is composed, in programs that are alone."""

import sys

import pytest

from tinygrad_scratch.verifier.trying import composed

AWHILE = 1.0  # what is composed at all is among the first that is tried; where nothing is, all of it goes by


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composed, "SECONDS", AWHILE)


@pytest.fixture(autouse=True)
def alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests are no modules of the program: of hundreds, each recorded run would go through all names."""
    own = request.module.__name__
    for name in [name for name in sys.modules if name.startswith("tests.") and ".test_" in name and name != own]:
        monkeypatch.delitem(sys.modules, name)
