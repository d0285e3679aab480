"""Products on one thread, before NumPy is imported; what can't be imported for want of an extra is not collected."""

import importlib.util
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the arrays are small, and tests run in several processes

collect_ignore = [] if importlib.util.find_spec("numba") else ["tinygrad_scratch/compiler/native/mathematics.py"]
