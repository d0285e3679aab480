"""Derivatives of the functions that choose elements: by position, by condition, by a function for each."""

from __future__ import annotations
