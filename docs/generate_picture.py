"""The picture of the article's network, laid out by graphviz-pure on any machine: `python docs/generate_picture.py`."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np

from models.article import INPUTS, LABELS, SEED, make_network, record
from tinygrad_scratch.drawing import draw

PICTURE = Path(__file__).parent / "images" / "article.svg"


def picture() -> bytes:
    """What `python -m models.article` draws, as SVG."""
    weights = [parameter.numpy() for parameter in make_network(np.random.RandomState(SEED)).parameters()]
    drawing = draw(record(weights, INPUTS, LABELS)[1])
    program = shutil.which("graphviz-pure", path=sysconfig.get_path("scripts")) or "graphviz-pure"
    return subprocess.run([program, "-Tsvg"], input=drawing.source.encode(), capture_output=True, check=True).stdout


if __name__ == "__main__":
    PICTURE.write_bytes(picture())
