"""What can't be imported for want of an extra is not collected."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("numba") else ["tinygrad_scratch/compiler/native/mathematics.py"]
