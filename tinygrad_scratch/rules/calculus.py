"""Derivatives of the calculus on samples: differences, integrals, interpolation, convolution, grids of numbers."""

from __future__ import annotations
