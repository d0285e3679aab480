"""x"""
from tinygrad_scratch import rules as rules
from tinygrad_scratch.graph import enable_grad, no_grad
from tinygrad_scratch.rules.registry import define_vjp, differentiable
from tinygrad_scratch.tensor import Tensor
__all__ = ["Tensor", "define_vjp", "differentiable", "enable_grad", "no_grad"]
