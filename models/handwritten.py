"""A network whose backprop is derived by hand, in plain NumPy: two hidden layers, sigmoid everywhere, no biases.

Forward, with a1 the inputs, one sample a row, and s(z) = 1 / (1 + exp(-z)) element by element:

    z2 = a1 W1,  a2 = s(z2),    z3 = a2 W2,  a3 = s(z3),    z4 = a3 W3,  a4 = s(z4),    J = sum((y - a4)**2) / 2

Backward, from the end. Write delta for dJ/dz of a layer. Three facts suffice:

1. J changes with a4 by dJ/da4 = a4 - y: the half cancels the 2.
2. s'(z) = s(z) (1 - s(z)). So a cotangent passes from a back to z by a factor a (1 - a), element by element.
3. In z = a W, a row of z has z_j = sum_i a_i W_ij. So dJ/dW_ij sums a_i delta_j over the samples, which is a^T delta;
   and dJ/da_i = sum_j delta_j W_ij, which is delta W^T.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


class HandwrittenNetwork:
    """Weights of shapes (i, j), (j, k) and (k, l); inputs of shape (n, i), labels of shape (n, l).

    >>> import numpy as np
    >>> from models.handwritten import HandwrittenNetwork
    >>> network = HandwrittenNetwork(np.ones((3, 4)), np.ones((4, 5)), np.ones((5, 1)))
    >>> network.forward(np.ones((2, 3))).shape
    (2, 1)
    >>> [gradient.shape for gradient in network.backward(np.ones((2, 1)))]
    [(3, 4), (4, 5), (5, 1)]
    """

    def __init__(self, w1: Any, w2: Any, w3: Any) -> None:
        self.w1 = w1
        self.w2 = w2
        self.w3 = w3

    def forward(self, inputs: Any) -> Any:
        """Predictions; every value on the way is kept for the way back."""
        self.a1 = inputs
        self.z2 = np.dot(self.a1, self.w1)
        self.a2 = sigmoid(self.z2)
        self.z3 = np.dot(self.a2, self.w2)
        self.a3 = sigmoid(self.z3)
        self.z4 = np.dot(self.a3, self.w3)
        self.a4 = sigmoid(self.z4)
        return self.a4

    def cost(self, labels: Any) -> Any:
        """Half the sum of the squared errors of the last predictions."""
        return 0.5 * np.sum((labels - self.a4) ** 2)

    def backward(self, labels: Any) -> tuple[Any, Any, Any]:
        """The gradients of the cost with respect to the three weights, at the last predictions."""
        self.delta4 = (self.a4 - labels) * self.a4 * (1 - self.a4)
        self.dJdW3 = np.dot(self.a3.T, self.delta4)
        self.delta3 = np.dot(self.delta4, self.w3.T) * self.a3 * (1 - self.a3)
        self.dJdW2 = np.dot(self.a2.T, self.delta3)
        self.delta2 = np.dot(self.delta3, self.w2.T) * self.a2 * (1 - self.a2)
        self.dJdW1 = np.dot(self.a1.T, self.delta2)
        return self.dJdW1, self.dJdW2, self.dJdW3
