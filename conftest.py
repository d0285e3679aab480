"""Products on one thread, before NumPy is imported; what can't be imported for want of an extra is not collected."""

import importlib.util
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the arrays are small, and tests run in several processes

NATIVE = "tinygrad_scratch/compiler/native"
OF_NUMBA = [f"{NATIVE}/{name}.py" for name in ("compiling", "floats", "formulas", "mathematics")]
collect_ignore = [] if importlib.util.find_spec("numba") else OF_NUMBA
