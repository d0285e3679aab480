"""What can't be imported for want of an extra is not collected."""

import importlib.util

NATIVE = "tinygrad_scratch/compiler/native"
OF_NUMBA = [f"{NATIVE}/{name}.py" for name in ("compiling", "floats", "formulas", "mathematics")]
collect_ignore = [] if importlib.util.find_spec("numba") else OF_NUMBA
