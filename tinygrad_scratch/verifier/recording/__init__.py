"""Their program while it runs: every NumPy call is written down, and may be made again."""
