"""Recurrent layers: a state is carried along a sequence, and each step sees one input and the state before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.functional import linear, sigmoid
from tinygrad_scratch.nn.initializers import RandomGenerator, glorot_uniform
from tinygrad_scratch.nn.module import LATER, Module
from tinygrad_scratch.nn.options import (
    checked_generator,
    checked_initializer,
    checked_size,
    drawn,
    parameter,
    real_dtype,
    shape_of,
    shown,
    wrong_input,
)
from tinygrad_scratch.rules.registry import array
from tinygrad_scratch.tensor import Tensor


class Recurrent(Module):
    """What RNN, LSTM and GRU share: parameters, the products with all inputs at once, and the loop over time.

    A subclass says how many `gates` it has and how one `step` goes.
    """

    gates = 1

    def __init__(
        self,
        in_features: int | None,
        hidden_features: int,
        return_state: bool = False,
        generator: RandomGenerator | None = None,
        initializer: Callable[[tuple[int, int], RandomGenerator], Any] = glorot_uniform,
        dtype: Any = float,
    ) -> None:
        name = type(self).__name__
        self.hidden_features = checked_size(hidden_features, "hidden_features", name)
        self.return_state = return_state
        self.generator = checked_generator(generator)
        self.initializer = checked_initializer(initializer)
        self.dtype = real_dtype(dtype, name)
        self.weight = self.recurrent_weight = LATER
        self.bias = parameter(np.zeros(self.gates * hidden_features), "bias", dtype)
        if in_features is not None:
            self._draw(checked_size(in_features, "in_features", name))

    def _draw(self, in_features: int) -> None:
        width = self.gates * self.hidden_features
        self.weight = drawn(self.initializer, (in_features, width), self.generator, "weight", self.dtype)
        shape = self.hidden_features, width
        self.recurrent_weight = drawn(self.initializer, shape, self.generator, "recurrent_weight", self.dtype)

    def __call__(self, x: Any, state: Any = None) -> Any:
        shape = shape_of(x)
        if self.weight is LATER and len(shape) >= 2:
            self._draw(shape[-1])
        if len(shape) < 2 or shape[-1] != self.weight.shape[0]:
            raise wrong_input(
                self, x, f"sequences of shape (..., time, {self.in_features or 'in_features'})", "Pass one step a row."
            )
        x = array(x)
        state = self._zeros(shape[:-2]) if state is None else state
        self._check_state(x, state)
        z = linear(x, self.weight, self.bias)
        outputs = []
        for t in range(z.shape[-2]):
            state = self.step(z[..., t, :], state)
            outputs.append(state[0] if isinstance(state, tuple) else state)
        y = np.stack(outputs, axis=-2) if outputs else np.zeros((*shape[:-2], 0, self.hidden_features), z.dtype)
        return (y, state) if self.return_state else y

    def step(self, z: Any, state: Any) -> Any:
        """The next state, from the input's part of all gates and the state before."""
        raise NotImplementedError

    def _zeros(self, lead: tuple[int, ...]) -> Any:
        return np.zeros((*lead, self.hidden_features), self.dtype)

    def _check_state(self, x: Any, state: Any) -> None:
        wanted = (*x.shape[:-2], self.hidden_features)
        for part in state if isinstance(state, tuple) else (state,):
            if shape_of(part) != wanted:
                raise ValueError(f"{self!r} needs a state of shape {wanted} for this input, not {shape_of(part)}.")

    @property
    def in_features(self) -> int | None:
        """The width of an input; None until the first one tells."""
        return None if self.weight is LATER else self.weight.shape[0]

    def __repr__(self) -> str:
        options = shown(return_state=self.return_state or None)
        return f"{type(self).__name__}({self.in_features}, {self.hidden_features}{options})"


def parts(z: Any, width: int) -> list[Any]:
    """The gates, which lie side by side along the last axis."""
    return [z[..., i : i + width] for i in range(0, z.shape[-1], width)]


class RNN(Recurrent):
    """h' = tanh(x @ weight + h @ recurrent_weight + bias), a step at a time: the plain recurrent network.

    x has shape (..., time, in_features), the result (..., time, hidden_features): the states after each step. The first
    state is zeros, or `layer(x, state)` of shape (..., hidden_features); with return_state=True the result is a pair
    (outputs, last state). `weight` has shape (in_features, hidden_features), `recurrent_weight` (hidden_features,
    hidden_features), `bias` (hidden_features,). With None for `in_features`, the first input tells.

    Raises ValueError for inputs of another width and a state of another shape. Source: Elman, "Finding structure in
    time" (1990).

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import RNN
    >>> layer = RNN(3, 4, return_state=True, generator=np.random.default_rng(0))
    >>> outputs, state = layer(np.ones((2, 5, 3)))
    >>> outputs.shape, state.shape
    ((2, 5, 4), (2, 4))
    """

    def step(self, z: Any, state: Any) -> Any:
        return np.tanh(z + state @ self.recurrent_weight)


class LSTM(Recurrent):
    """Long short-term memory: a cell that is added to, and gates that say what enters, stays and is seen.

    With (i, f, g, o) = x @ weight + h @ recurrent_weight + bias, side by side, each hidden_features wide:

        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(c')

    Shapes and options are those of RNN, with four times the width in `weight`, `recurrent_weight` and `bias`; a state
    is a pair (h, c). The order of the gates is PyTorch's, whose two biases have the sum `bias`. Source: Hochreiter and
    Schmidhuber, "Long short-term memory" (1997); the gate f by Gers, Schmidhuber and Cummins (2000).

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import LSTM
    >>> layer = LSTM(3, 4, return_state=True, generator=np.random.default_rng(0))
    >>> outputs, (h, c) = layer(np.ones((2, 5, 3)))
    >>> outputs.shape, h.shape, c.shape
    ((2, 5, 4), (2, 4), (2, 4))
    """

    gates = 4

    def step(self, z: Any, state: Any) -> Any:
        h, c = state
        enter, keep, new, see = parts(z + h @ self.recurrent_weight, self.hidden_features)
        c = sigmoid(keep) * c + sigmoid(enter) * np.tanh(new)
        return sigmoid(see) * np.tanh(c), c

    def _zeros(self, lead: tuple[int, ...]) -> Any:
        return super()._zeros(lead), super()._zeros(lead)

    def _check_state(self, x: Any, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 2:
            raise ValueError(f"{self!r} needs a state that is a pair (h, c), not {type(state).__name__}.")
        super()._check_state(x, state)


class GRU(Recurrent):
    """Gated recurrent unit: the next state lies between the one before and a candidate.

    With (r, u, n) = x @ weight + bias and (r', u', n') = h @ recurrent_weight, side by side, each hidden_features wide:

        candidate = tanh(n + sigmoid(r + r') * (n' + candidate_bias))
        h' = sigmoid(u + u') * h + (1 - sigmoid(u + u')) * candidate

    Shapes and options are those of RNN, with three times the width in `weight`, `recurrent_weight` and `bias`;
    `candidate_bias` has shape (hidden_features,). The reset gate comes after the product, as in PyTorch, and the order
    of the gates is the same there. Source: Cho et al., "Learning phrase representations using RNN encoder-decoder"
    (2014).

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import GRU
    >>> GRU(3, 4, generator=np.random.default_rng(0))(np.ones((2, 5, 3))).shape
    (2, 5, 4)
    """

    gates = 3
    candidate_bias: Tensor

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.candidate_bias = parameter(np.zeros(self.hidden_features), "candidate_bias", self.dtype)

    def step(self, z: Any, state: Any) -> Any:
        reset, update, new = parts(z, self.hidden_features)
        of_reset, of_update, of_new = parts(state @ self.recurrent_weight, self.hidden_features)
        candidate = np.tanh(new + sigmoid(reset + of_reset) * (of_new + self.candidate_bias))
        return candidate + sigmoid(update + of_update) * (state - candidate)
