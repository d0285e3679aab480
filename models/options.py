"""What the networks that learn longest can be asked for on the command line."""

from __future__ import annotations

import argparse


def asked_jit(description: str, arguments: list[str] | None = None) -> bool | str:
    """Whether the training step is to be compiled, as `fit(..., jit=...)` takes it: by `--jit`, or `--jit=numba`.

    >>> from models.options import asked_jit
    >>> asked_jit("A model.", []), asked_jit("A model.", ["--jit"]), asked_jit("A model.", ["--jit=numba"])
    (False, 'numpy', 'numba')
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--jit",
        nargs="?",
        const="numpy",
        choices=["numpy", "numba"],
        default=False,
        help="compile the training step: as NumPy source, or as native code by numba",
    )
    found: bool | str = parser.parse_args(arguments).jit
    return found
