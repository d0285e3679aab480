"""Derivatives of linear algebra: inverses, determinants, factorisations, norms."""

from __future__ import annotations
