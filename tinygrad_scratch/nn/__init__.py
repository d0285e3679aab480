"""Networks: layers, and how they learn. Plain objects over Tensors and NumPy."""

from tinygrad_scratch.nn.activations import (
    ELU,
    GELU,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from tinygrad_scratch.nn.attention import MultiHeadAttention, TransformerBlock
from tinygrad_scratch.nn.conv import Conv1d, Conv2d
from tinygrad_scratch.nn.dense import Dense
from tinygrad_scratch.nn.dropout import Dropout
from tinygrad_scratch.nn.embedding import Embedding
from tinygrad_scratch.nn.initializers import glorot_uniform, standard_normal
from tinygrad_scratch.nn.module import Module
from tinygrad_scratch.nn.normalization import BatchNorm, LayerNorm, RMSNorm
from tinygrad_scratch.nn.optimizers import SGD
from tinygrad_scratch.nn.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from tinygrad_scratch.nn.recurrent import GRU, LSTM, RNN
from tinygrad_scratch.nn.sequential import Sequential
from tinygrad_scratch.nn.shaping import Flatten, Lambda, Reshape, Residual

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "SGD",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm",
    "Conv1d",
    "Conv2d",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Lambda",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool1d",
    "MaxPool2d",
    "Module",
    "MultiHeadAttention",
    "RMSNorm",
    "ReLU",
    "Reshape",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "TransformerBlock",
    "glorot_uniform",
    "standard_normal",
]
