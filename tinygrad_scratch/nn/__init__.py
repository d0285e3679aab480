"""Networks: layers, and how they learn. Plain objects over Tensors and NumPy."""

from tinygrad_scratch.functional import squared_error
from tinygrad_scratch.nn.activations import ReLU, Sigmoid, Tanh
from tinygrad_scratch.nn.clipping import clip_gradient_norm, clip_gradient_value
from tinygrad_scratch.nn.dense import Dense
from tinygrad_scratch.nn.initializers import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    orthogonal,
    standard_normal,
)
from tinygrad_scratch.nn.losses import (
    absolute_error,
    binary_cross_entropy,
    cross_entropy,
    hinge,
    huber,
    kl_divergence,
    mean_squared_error,
)
from tinygrad_scratch.nn.module import Module
from tinygrad_scratch.nn.optimizers import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSprop
from tinygrad_scratch.nn.schedules import (
    CosineDecay,
    ExponentialDecay,
    InverseSquareRootDecay,
    LinearDecay,
    OneCycle,
    PiecewiseConstant,
    StepDecay,
    Warmup,
)
from tinygrad_scratch.nn.sequential import Sequential

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineDecay",
    "Dense",
    "ExponentialDecay",
    "InverseSquareRootDecay",
    "LinearDecay",
    "Lion",
    "Module",
    "OneCycle",
    "Optimizer",
    "PiecewiseConstant",
    "RMSprop",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "StepDecay",
    "Tanh",
    "Warmup",
    "absolute_error",
    "binary_cross_entropy",
    "clip_gradient_norm",
    "clip_gradient_value",
    "cross_entropy",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "hinge",
    "huber",
    "kl_divergence",
    "lecun_normal",
    "lecun_uniform",
    "mean_squared_error",
    "orthogonal",
    "squared_error",
    "standard_normal",
]
