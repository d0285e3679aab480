"""Networks: layers, and how they learn. Plain objects over Tensors and NumPy."""

from tinygrad_scratch.functional import squared_error
from tinygrad_scratch.nn.activations import ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from tinygrad_scratch.nn.attention import MultiHeadAttention, TransformerBlock
from tinygrad_scratch.nn.callbacks import Callback, Checkpoint, ClipGradients, EarlyStopping, Schedule, StopAtNotFinite
from tinygrad_scratch.nn.clipping import clip_gradient_norm, clip_gradient_value
from tinygrad_scratch.nn.conv import Conv1d, Conv2d
from tinygrad_scratch.nn.dense import Dense
from tinygrad_scratch.nn.dropout import Dropout
from tinygrad_scratch.nn.embedding import Embedding
from tinygrad_scratch.nn.finite import first_not_finite
from tinygrad_scratch.nn.history import History
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
from tinygrad_scratch.nn.normalization import BatchNorm, LayerNorm, RMSNorm
from tinygrad_scratch.nn.optimizers import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSprop
from tinygrad_scratch.nn.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from tinygrad_scratch.nn.recurrent import GRU, LSTM, RNN
from tinygrad_scratch.nn.saving import load, load_state_dict, save, state_dict
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
from tinygrad_scratch.nn.shaping import Flatten, Lambda, Reshape, Residual
from tinygrad_scratch.nn.training import accuracy, evaluate, fit, predict

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm",
    "Callback",
    "Checkpoint",
    "ClipGradients",
    "Conv1d",
    "Conv2d",
    "CosineDecay",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "ExponentialDecay",
    "Flatten",
    "History",
    "InverseSquareRootDecay",
    "Lambda",
    "LayerNorm",
    "LeakyReLU",
    "LinearDecay",
    "Lion",
    "MaxPool1d",
    "MaxPool2d",
    "Module",
    "MultiHeadAttention",
    "OneCycle",
    "Optimizer",
    "PiecewiseConstant",
    "RMSNorm",
    "RMSprop",
    "ReLU",
    "Reshape",
    "Residual",
    "Schedule",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "StepDecay",
    "StopAtNotFinite",
    "Tanh",
    "TransformerBlock",
    "Warmup",
    "absolute_error",
    "accuracy",
    "binary_cross_entropy",
    "clip_gradient_norm",
    "clip_gradient_value",
    "cross_entropy",
    "evaluate",
    "first_not_finite",
    "fit",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "hinge",
    "huber",
    "kl_divergence",
    "lecun_normal",
    "lecun_uniform",
    "load",
    "load_state_dict",
    "mean_squared_error",
    "orthogonal",
    "predict",
    "save",
    "squared_error",
    "standard_normal",
    "state_dict",
]
