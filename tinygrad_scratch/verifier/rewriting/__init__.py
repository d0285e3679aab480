"""Changes of a text, as a person would make them: another index or range, `=` for `+=`, two lines swapped.

They reach what no recorded call shows, and are made without running anything.
"""
