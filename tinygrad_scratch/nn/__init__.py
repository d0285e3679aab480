"""Networks: layers, and how they learn. Plain objects over Tensors and NumPy."""

from tinygrad_scratch.nn.activations import ReLU, Sigmoid, Tanh
from tinygrad_scratch.nn.dense import Dense
from tinygrad_scratch.nn.initializers import glorot_uniform, standard_normal
from tinygrad_scratch.nn.module import Module
from tinygrad_scratch.nn.optimizers import SGD
from tinygrad_scratch.nn.sequential import Sequential

__all__ = ["SGD", "Dense", "Module", "ReLU", "Sequential", "Sigmoid", "Tanh", "glorot_uniform", "standard_normal"]
