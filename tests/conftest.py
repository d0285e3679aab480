"""What all tests share: draws that are the same in every run."""

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("same-every-time", derandomize=True, deadline=None, database=None)
settings.load_profile("same-every-time")


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    np.random.seed(0)
