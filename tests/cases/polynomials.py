"""Cases of rules/polynomials.py."""

from __future__ import annotations
