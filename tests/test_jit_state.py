"""jit over many calls of functions that read and write shared state, while that changes in between, as drawn by chance.

Each program runs twice, on two equal worlds: as it stands, and through jit. After each call the results, all values of
the world, and which of its arrays are one and the same must agree.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import Tensor, grad, jit

CALLS = 12


class World:
    """What a function reaches: attributes, a tuple, a list, a dict, a Tensor, a generator; some arrays lie in two."""

    def __init__(self, chance: random.Random) -> None:
        self.a = drawn(chance)
        self.b = self.a if chance.random() < 0.3 else drawn(chance)
        self.pair = (drawn(chance), self.a if chance.random() < 0.3 else drawn(chance))
        self.items = [drawn(chance), self.b if chance.random() < 0.3 else drawn(chance)]
        self.named: dict[str, Any] = {"array": drawn(chance), "number": 1.5}
        self.number: Any = 2
        self.scalar = np.float64(2.0)
        self.tensor = Tensor(np.ones(3), requires_grad=True)
        self.generator = np.random.default_rng(0)

    def arrays(self) -> list[Any]:
        return [self.a, self.b, *self.pair, *self.items, self.named["array"]]

    def values(self) -> list[Any]:
        slope = 0 if self.tensor.grad is None else self.tensor.grad
        return [*self.arrays(), self.named["number"], self.number, self.scalar, self.tensor.numpy(), slope]


def drawn(chance: random.Random) -> Any:
    return np.array([chance.random() for _ in range(3)])


def let(place: str, value: Callable[[Any, World], Any]) -> Callable[[Any, World], None]:
    """The statement `world.place = value`."""
    return lambda x, world: setattr(world, place, value(x, world))


def descend(x: Any, world: World) -> None:
    world.tensor.grad = None
    (world.tensor * world.tensor * x).sum().backward()
    world.tensor.data = world.tensor.data - 0.1 * world.tensor.grad


READ: list[Callable[[Any, World], Any]] = [
    lambda x, world: world.a,
    lambda x, world: 2 * world.b,
    lambda x, world: world.number * x * world.scalar,
    lambda x, world: world.pair[0] + 3 * world.pair[1],
    lambda x, world: world.items[0] - 5 * world.items[1],
    lambda x, world: world.named["array"] * world.named["number"],
    lambda x, world: (world.tensor * world.tensor).numpy(),
    lambda x, world: grad(lambda v: (v * v * world.a).sum())(x),
    lambda x, world: world.generator.normal(size=3),
]
WRITE: list[Callable[[Any, World], None]] = [
    let("a", lambda x, world: 1.5 * world.a + x),
    let("b", lambda x, world: np.multiply(world.b, 1.1, out=world.b)),
    let("pair", lambda x, world: world.pair[::-1]),
    let("scalar", lambda x, world: 1.5 * world.scalar),
    lambda x, world: world.items.__setitem__(0, world.items[1] + x),
    lambda x, world: world.items.__setitem__(slice(0, 2), world.items[::-1]),
    lambda x, world: world.named.__setitem__("array", world.a),
    lambda x, world: x.__setitem__(0, world.a[1]),
    lambda x, world: world.a.__setitem__(slice(1, None), world.a[1:] + x[1:]),
    descend,
]
CHANGE: list[Callable[[Any, World], None]] = [  # between two calls; x is an array of its own
    let("a", lambda x, world: x),
    let("a", lambda x, world: world.items[0]),
    let("b", lambda x, world: world.a),
    let("b", lambda x, world: x),
    let("pair", lambda x, world: (world.a, x)),
    let("number", lambda x, world: 3 if x[0] < 0.5 else 2.0),
    let("scalar", lambda x, world: x[0]),
    let("tensor", lambda x, world: Tensor(x, requires_grad=True)),
    lambda x, world: world.items.reverse(),
    lambda x, world: world.items.__setitem__(0, world.items[1]),
    lambda x, world: world.items.__setitem__(0, x[::-1]),
    lambda x, world: world.items.__setitem__(1, x.astype(np.float32)),
    lambda x, world: world.named.update(array=world.a, number=x[0]),
    lambda x, world: world.a.__imul__(2),
    lambda x, world: setattr(world.tensor, "data", x),
]


def function_of(world: World, reads: list[Any], writes: list[Any]) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        for write in writes:
            write(x, world)
        return sum(read(x, world) for read in reads)

    return function


def same_objects(arrays: list[Any]) -> list[list[bool]]:
    return [[a is b for a in arrays] for b in arrays]


@pytest.mark.parametrize("seed", range(60))
def test_the_same_as_without_jit(seed: int) -> None:
    chance = random.Random(seed)
    mine = World(chance)
    theirs = copy.deepcopy(mine)
    reads, writes = chance.sample(READ, chance.randint(1, 3)), chance.sample(WRITE, chance.choice((0, 0, 1, 1, 2)))
    step, plain = jit(function_of(mine, reads, writes)), function_of(theirs, reads, writes)
    for _ in range(CALLS):
        if chance.random() < 0.5:
            change, new = chance.choice(CHANGE), drawn(chance)
            change(new, mine)
            change(new.copy(), theirs)
        given = drawn(chance)
        x, y = (mine.a, theirs.a) if chance.random() < 0.2 else (given, given.copy())
        np.testing.assert_allclose(step(x), plain(y), rtol=1e-12, strict=True)
        for found, wanted in zip([x, *mine.values()], [y, *theirs.values()], strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-12, strict=True)
        assert same_objects(mine.arrays()) == same_objects(theirs.arrays())
