"""What all tests share: draws that are the same in every run, and operations that are gone after a test."""

import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from tinygrad_scratch.rules import registry

gc.set_threshold(50_000, 20, 50)  # the tests themselves are 300,000 objects that stay: they are seldom gone through
settings.register_profile("same-every-time", derandomize=True, deadline=None, database=None)
settings.load_profile("same-every-time")

TABLES: list[Any] = [registry.DEFINITIONS, registry.RULES, registry.DIRECT, registry.COMPOSED]


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    np.random.seed(0)


@pytest.fixture
def own_operations() -> Iterator[None]:
    """A test may define operations; they are gone after it."""
    saved = [table.copy() for table in TABLES]
    yield
    for table, before in zip(TABLES, saved, strict=True):
        table.clear()
        table.update(before)
