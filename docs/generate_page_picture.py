"""The picture of the page in docs/drawing.md, taken by Chromium: `python docs/generate_page_picture.py`.

It needs Chromium and the extra `browser`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from playwright.sync_api import sync_playwright

from tinygrad_scratch import Tensor
from tinygrad_scratch.drawing import draw
from tinygrad_scratch.nn import Dense, ReLU, Sequential, cross_entropy

PICTURE = Path(__file__).parent / "images" / "page.png"
SIZE = {"width": 1000, "height": 640}
STEPS = 3


def main() -> None:
    """A small classifier, its first layer folded, in the middle of the backward pass."""
    generator = np.random.RandomState(1)
    model = Sequential(Dense(3, 16, generator=generator), ReLU(), Dense(16, 2, generator=generator))
    x = Tensor(generator.normal(size=(8, 3)), name="x")
    loss = cross_entropy(model(x), np.array([0, 1] * 4))
    loss.name = "loss"
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = draw(loss).save(Path(folder) / "net.html")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport=SIZE)
        page.goto(path.as_uri())
        page.get_by_role("button", name="Module layers.0").first.click()
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement.blur()")
        for _ in range(STEPS):
            page.keyboard.press("n")
        page.keyboard.press("0")
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
