"""`python -m tinygrad_scratch`."""

import sys

from tinygrad_scratch.cli import main

if __name__ == "__main__":
    sys.exit(main())
