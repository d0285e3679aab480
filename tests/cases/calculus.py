"""Cases of rules/calculus.py."""

from __future__ import annotations
