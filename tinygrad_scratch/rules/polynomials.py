"""Derivatives of the functions of polynomials given by their coefficients."""

from __future__ import annotations
