"""The derivative table, one chapter of NumPy a file. Importing this package fills it."""

from tinygrad_scratch.rules import elementwise, indexing, logic, products, reductions, shapes

__all__ = ["elementwise", "indexing", "logic", "products", "reductions", "shapes"]
