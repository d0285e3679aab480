"""Attention in several heads, and the transformer block around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.functional import attention, gelu
from tinygrad_scratch.nn.dense import Dense
from tinygrad_scratch.nn.dropout import Dropout
from tinygrad_scratch.nn.initializers import RandomGenerator, glorot_uniform
from tinygrad_scratch.nn.module import LATER, Module
from tinygrad_scratch.nn.normalization import LayerNorm
from tinygrad_scratch.nn.options import (
    checked_activation,
    checked_generator,
    checked_initializer,
    checked_size,
    real_dtype,
    shape_of,
    shown,
    wrong_input,
)
from tinygrad_scratch.rules.registry import array


class MultiHeadAttention(Module):
    """Each head attends with a part of the features, and `output` mixes what the heads found.

    x has shape (..., time, features), and so has the result. `projection`, a Dense of shape (features, 3 * features),
    makes queries, keys and values, side by side; each is cut into `heads` parts, and `functional.attention` takes the
    means. With `causal`, a step looks at itself and those before it. `layer(x, memory)` looks at another sequence, of
    shape (..., any time, features), and `layer(x, mask=mask)` where a boolean mask that broadcasts to (..., heads,
    time, time of the keys) is True. With None for `features`, the first input tells.

    Raises ValueError where heads does not divide features, and for inputs of another width; for a mask, what
    `functional.attention` raises. Source: Vaswani et al., "Attention is all you need" (2017), section 3.2.2.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import MultiHeadAttention
    >>> layer = MultiHeadAttention(8, heads=2, causal=True, generator=np.random.default_rng(0))
    >>> layer
    MultiHeadAttention(8, heads=2, causal=True)
    >>> layer(np.ones((5, 3, 8))).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        features: int | None,
        heads: int,
        causal: bool = False,
        bias: bool = True,
        generator: RandomGenerator | None = None,
        initializer: Callable[[tuple[int, int], RandomGenerator], Any] = glorot_uniform,
        dtype: Any = float,
    ) -> None:
        self.features = features
        self.heads = checked_size(heads, "heads", "MultiHeadAttention")
        self.causal, self.bias = causal, bias
        self.generator, self.initializer = checked_generator(generator), checked_initializer(initializer)
        self.dtype = real_dtype(dtype, "MultiHeadAttention")
        self.projection = self.output = LATER
        if features is not None:
            self._begin(features)

    def _begin(self, features: int) -> None:
        checked_size(features, "features", "MultiHeadAttention")
        if features % self.heads:
            raise ValueError(f"heads={self.heads} must divide features={features}: each head has as many of them.")
        self.features = features
        options: Any = (None, self.bias, self.generator, self.initializer, self.dtype)
        self.projection = Dense(features, 3 * features, *options)
        self.output = Dense(features, features, *options)

    def __call__(self, x: Any, memory: Any = None, mask: Any = None) -> Any:
        if self.features is None and len(shape_of(x)) >= 2:
            self._begin(shape_of(x)[-1])
        for given in (x,) if memory is None else (x, memory):
            if len(shape_of(given)) < 2 or shape_of(given)[-1] != self.features:
                wanted = f"sequences of shape (..., time, {self.features or 'features'})"
                raise wrong_input(self, given, wanted, "Pass one step a row.")
        query, key, value = self._projected(array(x), memory)
        found = attention(query, key, value, mask, self.causal)
        return self.output(np.swapaxes(found, -2, -3).reshape(shape_of(x)))

    def _projected(self, x: Any, memory: Any) -> Any:
        """Queries, keys and values, each of shape (..., heads, time, features of a head)."""
        width = x.shape[-1]
        of_head = (self.heads, width // self.heads)
        if memory is None:
            z = self.projection(x)
            split = z.reshape((*z.shape[:-1], 3, *of_head))
            return [np.swapaxes(split[..., i, :, :], -2, -3) for i in range(3)]
        weight, bias = self.projection.weight, self.projection.bias
        found = []
        for i, given in enumerate((x, memory, memory)):
            columns = slice(i * width, (i + 1) * width)
            z = array(given) @ weight[:, columns]
            z = z if bias is None else z + bias[columns]
            found.append(np.swapaxes(z.reshape((*z.shape[:-1], *of_head)), -2, -3))
        return found

    def __repr__(self) -> str:
        options = shown(causal=self.causal or None, bias=None if self.bias else False)
        return f"MultiHeadAttention({self.features}, heads={self.heads}{options})"


class TransformerBlock(Module):
    """Attention, then two Dense layers at every step, each added to what came in and with a norm before it.

        x = x + attention(norm(x))
        x = x + down(activation(up(norm'(x))))

    x has shape (..., time, features), and so has the result. `hidden_features`, four times `features` if left out, is
    the width between the two Dense layers. With `dropout`, each addend is dropped at that rate in training. With None
    for `features`, the first input tells.

    Raises ValueError where heads does not divide features, and for inputs of another width. Source: Vaswani et al.
    (2017), with the norms first, as in Xiong et al., "On layer normalization in the transformer architecture" (2020).

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import TransformerBlock
    >>> block = TransformerBlock(8, heads=2, causal=True, generator=np.random.default_rng(0))
    >>> block(np.ones((5, 3, 8))).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        features: int | None,
        heads: int,
        hidden_features: int | None = None,
        causal: bool = False,
        activation: Callable[[Any], Any] = gelu,
        dropout: float = 0.0,
        generator: RandomGenerator | None = None,
        initializer: Callable[[tuple[int, int], RandomGenerator], Any] = glorot_uniform,
        dtype: Any = float,
    ) -> None:
        generator = checked_generator(generator)
        self.features, self.hidden_features = features, hidden_features
        self.attention_norm = LayerNorm(features, dtype=dtype)
        self.attention = MultiHeadAttention(features, heads, causal, True, generator, initializer, dtype)
        self.dense_norm = LayerNorm(features, dtype=dtype)
        self.up = self.down = LATER
        self.activation = checked_activation(activation)
        self.dropout = Dropout(dropout, generator)
        if features is not None:
            self._begin(features)

    def _begin(self, features: int) -> None:
        attention = self.attention
        if attention.features is None:
            attention._begin(features)  # before the others, as where the width is known
        self.features = features
        hidden = 4 * features if self.hidden_features is None else self.hidden_features
        options: Any = (attention.bias, attention.generator, attention.initializer, attention.dtype)
        self.up = Dense(features, hidden, self.activation, *options)
        self.down = Dense(hidden, features, None, *options)

    def __call__(self, x: Any, mask: Any = None) -> Any:
        if self.features is None and len(shape_of(x)) >= 2:
            self._begin(shape_of(x)[-1])
        x = array(x)
        x = x + self.dropout(self.attention(self.attention_norm(x), mask=mask))
        return x + self.dropout(self.down(self.up(self.dense_norm(x))))

    def __repr__(self) -> str:
        options = shown(
            hidden_features=self.hidden_features,
            causal=self.attention.causal or None,
            activation=self.activation if self.activation is not gelu else None,
            dropout=self.dropout.rate or None,
        )
        return f"TransformerBlock({self.features}, heads={self.attention.heads}{options})"
