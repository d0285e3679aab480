"""The picture of the article's network: `python docs/generate_picture.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.article import INPUTS, LABELS, SEED, make_network, record
from tinygrad_scratch.drawing import draw

PICTURE = Path(__file__).parent / "images" / "article.svg"


def main() -> None:
    """What `python -m models.article` draws."""
    weights = [parameter.numpy() for parameter in make_network(np.random.RandomState(SEED)).parameters()]
    draw(record(weights, INPUTS, LABELS)[1], fold="names").save(PICTURE)


if __name__ == "__main__":
    main()
