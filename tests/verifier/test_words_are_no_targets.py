"""What looks up rows of parameters is no target, and a loss that is summed up to be shown is no step of a gradient."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script

TREE = """
import numpy as np

rng = np.random.RandomState(2)
paths = [([0, 1], [0, 1]), ([0, 2], [1, 0]), ([0, 2], [1, 1])]
paths = [(np.array(points), np.array(code)) for points, code in paths]
text = [0, 1, 2, 0, 2, 1, 1, 0]
words, nodes = (rng.rand(3, 5) - 0.5) / 5, np.zeros((3, 5))
rate = 0.1
for epoch in range(3):
    total = 0.0
    for t, word in enumerate(text):
        for u in range(max(0, t - 1), min(len(text), t + 2)):
            if u == t:
                continue
            points, code = paths[text[u]]
            h = words[word]
            s = 1 / (1 + np.exp(-(nodes[points] @ h)))
            total -= np.sum(np.log(np.where(code == 0, s, 1 - s)))
            g = rate * (1 - code - s)
            back = g @ nodes[points]
            nodes[points] += np.outer(g, h)
            words[word] += back
    print(total)
"""


def test_a_tree_of_words(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TREE)
    assert check.first_wrong is None, str(check)
    looked_up = check.entry._indices_of({parameter.node for parameter in check.entry.parameters})
    names = {event.short for event in check.watch.events if event.node in looked_up}
    assert "points" in names, str(check)
    assert "code" not in names, str(check)
