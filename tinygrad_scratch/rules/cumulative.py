"""Derivatives of running sums and products."""

from __future__ import annotations
