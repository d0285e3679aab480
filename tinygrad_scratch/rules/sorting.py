"""Derivatives of the functions that order elements: sorting, partitioning, sets."""

from __future__ import annotations
