"""Updates of which some are by gradients, and others by what the rate went into, under another name."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, told

ORCHARD = """
import numpy as np
rng = np.random.default_rng(3)
soil, fruit = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
root, sap, bough, lift = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, 2)), rng.normal(size=2)
rate = 0.1
for season in range(3):
    trunk = np.tanh(soil @ root + sap)
    crop = trunk @ bough + lift
    loss = np.sum((crop - fruit) ** 2)
    miss = 2 * (crop - fruit)
    dbough = rate * trunk.T @ miss
    more_lift = rate * miss.sum(axis=0)
    below = miss @ bough.T * (1 - trunk**2)
    droot = rate * soil.T @ below
    more_sap = rate * below.sum(axis=0)
    root = root - droot
    sap = sap - more_sap
    bough = bough - dbough
    lift = lift - more_lift
"""


def test_they_are_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ORCHARD)
    assert check.ok, str(check)


def test_an_update_with_the_wrong_sign_is_told_where_it_is_made(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ORCHARD.replace("sap - more_sap", "sap + more_sap"))
    assert told(check) == (18, "sign")
    assert check.causes[0].should_be == "sap = sap - more_sap"
    assert len(check.causes) == 1
