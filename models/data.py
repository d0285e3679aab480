"""What the models learn from: data that are at hand without the network."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

# ---- digits and points -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Split:
    """Samples and labels to train on, and others to test with."""

    x: Any
    y: Any
    test_x: Any
    test_y: Any


def split(x: Any, y: Any, part: float, generator: np.random.Generator) -> Split:
    """Hold out a part of the samples, drawn at random."""
    order = generator.permutation(len(x))
    held_out, kept = np.split(order, [round(part * len(x))])
    return Split(x[kept], y[kept], x[held_out], y[held_out])


def folds(x: Any, y: Any, parts: int, generator: np.random.Generator) -> list[tuple[Any, Split]]:
    """Samples cut into parts at random, each of which is held out once: the places held out, and the split.

    >>> import numpy as np
    >>> from models.data import folds
    >>> x = np.array([10, 11, 12, 13])
    >>> for held_out, data in folds(x, x, 2, np.random.default_rng(0)):
    ...     print(held_out, data.test_x, data.x)
    [2 0] [12 10] [11 13]
    [1 3] [11 13] [10 12]
    """
    found = []
    for held_out in np.array_split(generator.permutation(len(x)), parts):
        kept = np.setdiff1d(np.arange(len(x)), held_out)
        found.append((held_out, Split(x[kept], y[kept], x[held_out], y[held_out])))
    return found


def digits() -> tuple[Any, Any]:
    """1797 handwritten digits, each of 8 rows of 8 pixels between 0 and 1 in a row of 64, and what they are.

    They come with scikit-learn, which took them from E. Alpaydin and C. Kaynak, "Optical recognition of handwritten
    digits", UCI machine learning repository (1998). Raises ModuleNotFoundError where scikit-learn is missing.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The digits come with scikit-learn, which is not installed: pip install scikit-learn."
        ) from error
    x, y = load_digits(return_X_y=True)
    return x / 16, y


def moons(samples: int, noise: float, generator: np.random.Generator) -> tuple[Any, Any]:
    """Points on two half circles that reach into each other, moved about by noise, and which one each is on: 0 or 1.

    >>> import numpy as np
    >>> from models.data import moons
    >>> points, labels = moons(100, 0.1, np.random.default_rng(0))
    >>> points.shape, labels.shape, int(labels.sum())
    ((100, 2), (100, 1), 50)
    """
    labels = np.arange(samples) % 2
    angle = math.pi * generator.uniform(size=samples)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=-1)
    points = np.where(labels[:, None] == 0, upper, lower)
    return points + noise * generator.normal(size=points.shape), labels[:, None]


# ---- text ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """A text as numbers: each is the place of a character in the alphabet."""

    alphabet: str
    train: Any
    validation: Any
    test: Any

    def encode(self, characters: str) -> Any:
        """The numbers that stand for characters. Raises ValueError for one that is not in the alphabet."""
        return np.array([self.alphabet.index(character) for character in characters])

    def decode(self, numbers: Any) -> str:
        """The characters that numbers stand for."""
        return "".join(self.alphabet[number] for number in numbers)


def documentation() -> str:
    """The reference pages of Python that come with every Python, as `help("if")` shows them; each paragraph once.

    A page may have whole sections of another one in it. A paragraph is kept where it first appears, since what is held
    out of a text must not be in the rest of it, too. How long the text is differs between versions of Python.

    >>> from models.data import documentation
    >>> "is used for conditional execution" in documentation()
    True
    """
    from pydoc_data.topics import topics

    paragraphs = (part for page in topics.values() for part in re.split(r"\n\s*\n", page))
    once = {" ".join(paragraph.split()): paragraph.strip("\n") for paragraph in paragraphs}
    return "\n\n".join(paragraph for words, paragraph in once.items() if words) + "\n"


def in_parts(text: str) -> Text:
    """A text cut into three: the first eight tenths to learn from, a tenth to choose by, and the last one to test with.

    The alphabet is that of the whole text, so that there is a probability for each character that may come.

    >>> from models.data import in_parts
    >>> text = in_parts("abracadabr")
    >>> text.alphabet, text.train.tolist(), text.decode(text.test)
    ('abcdr', [0, 1, 4, 0, 2, 0, 3, 0], 'r')
    """
    alphabet = "".join(sorted(set(text)))
    place = {character: number for number, character in enumerate(alphabet)}
    numbers = np.array([place[character] for character in text])
    return Text(alphabet, *np.split(numbers, [len(numbers) * 8 // 10, len(numbers) * 9 // 10]))
