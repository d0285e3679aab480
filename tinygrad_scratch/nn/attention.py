"""Attention in several heads, and the transformer block around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.functional import attention, gelu
from tinygrad_scratch.nn.dense import Dense
from tinygrad_scratch.nn.dropout import Dropout
from tinygrad_scratch.nn.initializers import RandomGenerator, glorot_uniform
from tinygrad_scratch.nn.module import Module
from tinygrad_scratch.nn.normalization import LayerNorm
from tinygrad_scratch.nn.options import checked_generator, checked_size, shape_of, shown, wrong_input
from tinygrad_scratch.rules.registry import array


class MultiHeadAttention(Module):
    """Each head attends with a part of the features, and `output` mixes what the heads found.

    x has shape (..., time, features), and so has the result. `projection`, a Dense of shape (features, 3 * features),
    makes queries, keys and values, side by side; each is cut into `heads` parts, and `functional.attention` takes the
    means. With `causal`, a step looks at itself and those before it. `layer(x, memory)` looks at another sequence, of
    shape (..., any time, features), and `layer(x, mask=mask)` where a boolean mask that broadcasts to (..., heads,
    time, time of the keys) is True.

    Raises ValueError where heads does not divide features, and for inputs of another width. Source: Vaswani et al.,
    "Attention is all you need" (2017), section 3.2.2.

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
        features: int,
        heads: int,
        causal: bool = False,
        bias: bool = True,
        generator: RandomGenerator | None = None,
        initializer: Callable[[tuple[int, int], RandomGenerator], Any] = glorot_uniform,
        dtype: Any = float,
    ) -> None:
        self.features = checked_size(features, "features", "MultiHeadAttention")
        self.heads = checked_size(heads, "heads", "MultiHeadAttention")
        if features % heads:
            raise ValueError(f"heads={heads} must divide features={features}: each head has as many of them.")
        self.causal = causal
        generator = checked_generator(generator)
        self.projection = Dense(features, 3 * features, None, bias, generator, initializer, dtype)
        self.output = Dense(features, features, None, bias, generator, initializer, dtype)

    def __call__(self, x: Any, memory: Any = None, mask: Any = None) -> Any:
        for given in (x,) if memory is None else (x, memory):
            if len(shape_of(given)) < 2 or shape_of(given)[-1] != self.features:
                raise wrong_input(
                    self, given, f"sequences of shape (..., time, {self.features})", "Pass one step a row."
                )
        query, key, value = self._projected(array(x), memory)
        found = attention(query, key, value, mask, self.causal)
        return self.output(np.swapaxes(found, -2, -3).reshape(shape_of(x)))

    def _projected(self, x: Any, memory: Any) -> Any:
        """Queries, keys and values, each of shape (..., heads, time, features of a head)."""
        if memory is None:
            z = self.projection(x)
            split = z.reshape((*z.shape[:-1], 3, self.heads, self.features // self.heads))
            return [np.swapaxes(split[..., i, :, :], -2, -3) for i in range(3)]
        weight, bias = self.projection.weight, self.projection.bias
        found = []
        for i, given in enumerate((x, memory, memory)):
            columns = slice(i * self.features, (i + 1) * self.features)
            z = array(given) @ weight[:, columns]
            z = z if bias is None else z + bias[columns]
            split = z.reshape((*z.shape[:-1], self.heads, self.features // self.heads))
            found.append(np.swapaxes(split, -2, -3))
        return found

    def __repr__(self) -> str:
        return f"MultiHeadAttention({self.features}, heads={self.heads}{shown(causal=self.causal or None)})"


class TransformerBlock(Module):
    """Attention, then two Dense layers at every step, each added to what came in and with a norm before it.

        x = x + attention(norm(x))
        x = x + down(activation(up(norm'(x))))

    x has shape (..., time, features), and so has the result. `hidden_features`, four times `features` if left out, is
    the width between the two Dense layers. With `dropout`, each addend is dropped at that rate in training. Source:
    Vaswani et al. (2017), with the norms first, as in Xiong et al., "On layer normalization in the transformer
    architecture" (2020).

    Raises ValueError where heads does not divide features, and for inputs of another width.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import TransformerBlock
    >>> block = TransformerBlock(8, heads=2, causal=True, generator=np.random.default_rng(0))
    >>> block(np.ones((5, 3, 8))).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        features: int,
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
        hidden = 4 * features if hidden_features is None else hidden_features
        self.attention_norm = LayerNorm(features, dtype=dtype)
        self.attention = MultiHeadAttention(features, heads, causal, True, generator, initializer, dtype)
        self.dense_norm = LayerNorm(features, dtype=dtype)
        self.up = Dense(features, hidden, activation, True, generator, initializer, dtype)
        self.down = Dense(hidden, features, None, True, generator, initializer, dtype)
        self.dropout = Dropout(dropout, generator)

    def __call__(self, x: Any, mask: Any = None) -> Any:
        x = array(x)
        x = x + self.dropout(self.attention(self.attention_norm(x), mask=mask))
        return x + self.dropout(self.down(self.up(self.dense_norm(x))))
