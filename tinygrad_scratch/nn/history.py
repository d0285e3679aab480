"""History: what happened in training, epoch by epoch, as numbers and as a picture."""

from __future__ import annotations

import copy
import os
from typing import Any


class History:
    """What `fit` measured: `history["loss"]` is a list with a number for each epoch, for each of `history.names`.

    `gradient_norms` has, for the path of each layer, the mean over an epoch's batches of the norm of its gradient, for
    each epoch. `steps` counts the optimizer's steps. `stopped` says why training ended before its last epoch. Pass a
    history to `fit` again to train on.

    Raises KeyError for a name that was not measured.

    >>> from tinygrad_scratch.nn import History
    >>> history = History()
    >>> history.add({"loss": 0.5}, {"layers.0": 0.1}, steps=10)
    >>> history["loss"], len(history), history
    ([0.5], 1, History(1 epoch, loss=0.5))
    """

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []
        self.norms: list[dict[str, float]] = []
        self.steps = 0
        self.stopped: str | None = None

    def add(self, figures: dict[str, float], norms: dict[str, float], steps: int) -> None:
        """Note an epoch: its figures, the norms of the layers' gradients, and how many steps it took."""
        self.epochs.append(figures)
        self.norms.append(norms)
        self.steps += steps

    @property
    def names(self) -> list[str]:
        """What was measured."""
        return list(dict.fromkeys(name for figures in self.epochs for name in figures))

    def __getitem__(self, name: str) -> list[float]:
        if self.epochs and name not in self.names:
            instead = " Pass validation=(x, y) to fit." if name.startswith("validation_") else ""
            raise KeyError(f"{name!r} was not measured. There are {', '.join(self.names)}.{instead}")
        return [figures.get(name, float("nan")) for figures in self.epochs]

    def __len__(self) -> int:
        return len(self.epochs)

    @property
    def gradient_norms(self) -> dict[str, list[float]]:
        paths = dict.fromkeys(path for norms in self.norms for path in norms)
        return {path: [norms.get(path, float("nan")) for norms in self.norms] for path in paths}

    def __repr__(self) -> str:
        last = self.epochs[-1] if self.epochs else {}
        facts = [f"{len(self)} epoch{'' if len(self) == 1 else 's'}"]
        facts += [f"{name}={value:.4g}" for name, value in last.items() if name != "seconds"]
        return f"History({', '.join(facts + ([f'stopped: {self.stopped}'] if self.stopped else []))})"

    def state_dict(self) -> dict[str, Any]:
        """All of it, copied, as numbers and text."""
        return copy.deepcopy(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take on what `state_dict()` of another history returned. Raises KeyError where something is missing."""
        state = {name: state[name] for name in vars(self)}
        vars(self).update(copy.deepcopy(state))

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw the losses, and the norm of each layer's gradient, over the epochs: a matplotlib Figure.

        With `path`, it is saved there; the name's end says as what. A layer whose line falls by powers of ten below
        the others' learns nothing: its gradient vanishes. Raises ImportError where matplotlib is missing, and
        ValueError where there is no epoch to draw.
        """
        if not self.epochs:
            raise ValueError("This history has no epochs, so there is nothing to plot.")
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError("A plot needs matplotlib: pip install matplotlib.") from error
        epochs = range(1, len(self) + 1)
        figure = Figure(figsize=(9, 4), layout="constrained")
        losses, norms = figure.subplots(1, 2)
        for name in self.names:
            if name.endswith("loss"):
                losses.plot(epochs, self[name], label=name.replace("_", " "))
        for layer, values in self.gradient_norms.items():
            norms.plot(epochs, values, label=layer)
        for axes, title in ((losses, "loss"), (norms, "norm of the gradient, by layer")):
            axes.set(title=title, xlabel="epoch")
            axes.grid(alpha=0.3)
            axes.xaxis.get_major_locator().set_params(integer=True)
            if axes.lines:
                axes.legend(fontsize="small")
        if any(value > 0 for norms_of_epoch in self.norms for value in norms_of_epoch.values()):
            norms.set_yscale("log")
        if path is not None:
            figure.savefig(path)
        return figure
