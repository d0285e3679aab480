"""The judging of a recorded run, from its loss to its verdict."""
