"""Derivatives of the functions that copy elements to new places: repeating, padding, deleting, diagonals, grids."""

from __future__ import annotations
