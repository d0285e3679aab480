"""The cases of one function in one test: pytest takes longer to start a test than most cases take to be checked."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from tests.cases.table import Case
from tinygrad_scratch.rules.registry import label

Check = Callable[..., None]


def together(cases: list[Case]) -> Callable[[Check], Check]:
    """Make the check of one case a test of many, one for each function; where it fails, the case is named."""
    of_function: dict[str, list[Case]] = {}
    for case in cases:
        of_function.setdefault(label(case.rule), []).append(case)

    def made(check: Check) -> Check:
        @functools.wraps(check)
        def test(case: list[Case], **others: Any) -> None:
            for each in case:
                try:
                    check(each, **others)
                except Exception as error:
                    error.add_note(f"in the case {each}")
                    raise

        tests: Check = pytest.mark.parametrize("case", of_function.values(), ids=of_function)(test)
        return tests

    return made
