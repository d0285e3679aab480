"""The summary of a network: what each layer returns and costs, as a table."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.costs import bytes_in_words, multiply_adds, own_bytes
from tinygrad_scratch.graph import Graph, Node, enable_grad
from tinygrad_scratch.nn.module import Call, Module, is_parameter, members, name_of_layer, watching
from tinygrad_scratch.nn.options import shape_of
from tinygrad_scratch.tensor import Tensor


@dataclass
class Row:
    """One call of a layer: its place in the tree, what it returned, and what was done inside of it."""

    path: str
    layer: str
    depth: int
    output_shape: Any
    parameters: int
    multiply_adds: int
    activation_bytes: int


@dataclass(repr=False)
class Summary:
    """A table of the calls of all layers, the outermost first, and the totals of the network.

    `parameters` counts a shared one once. `multiply_adds` counts those of matrix products and convolutions, forward.
    `activation_bytes` is what the recorded values take, which a backward walk needs. A layer's numbers have those of
    the layers inside of it among them. It prints as a table as wide as the terminal, up to 120 columns, with a line for
    each layer, cut off where there is no room; and it shows as one in a notebook.
    """

    rows: list[Row]
    parameters: int
    multiply_adds: int
    activation_bytes: int

    def __rich__(self) -> Any:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column("layer")
        table.add_column("output shape", justify="right")
        for title in ("parameters", "multiply-adds", "activations"):
            table.add_column(title, justify="right", no_wrap=True)
        around = [""]  # the paths of the calls that enclose a row's
        for row in self.rows:
            place = row.path.removeprefix(f"{around[row.depth]}.")
            around[row.depth + 1 :] = [row.path]
            table.add_row(
                Text("  " * row.depth + (f"{place}: {row.layer}" if place else row.layer), no_wrap=True),
                str(row.output_shape),
                f"{row.parameters:,}",
                f"{row.multiply_adds:,}",
                bytes_in_words(row.activation_bytes),
            )
        table.add_section()
        totals = (f"{self.parameters:,}", f"{self.multiply_adds:,}", bytes_in_words(self.activation_bytes))
        table.add_row("total", "", *totals)
        return table

    def __str__(self) -> str:
        from rich.console import Console

        page = io.StringIO()
        width = min(120, shutil.get_terminal_size((120, 24)).columns)
        Console(file=page, width=width, no_color=True).print(self)
        return "\n".join(line.rstrip() for line in page.getvalue().splitlines()).strip("\n")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


def summarize(model: Any, input_shape: tuple[int, ...], dtype: Any = None) -> Summary:
    """Run a network once on zeros of a shape, batch axis included, and say what each layer returned and cost.

    `dtype` is that of the zeros: int for token indices; that of the parameters, where nothing is given. The network is
    in evaluation while it runs, so running statistics stay as they are, and widths that were left out are taken from
    this input. Errors are those of the layers.

    >>> from tinygrad_scratch.nn import Dense, Sequential
    >>> summary = Sequential(Dense(None, 4), Dense(4, 1)).summary((32, 3))
    >>> [(row.path, row.output_shape, row.parameters, row.multiply_adds) for row in summary.rows]
    [('', (32, 1), 21, 512), ('layers.0', (32, 4), 16, 384), ('layers.1', (32, 1), 5, 128)]
    """
    if dtype is None:
        dtype = next((tensor.dtype for tensor in tensors_of(model)), np.dtype(float))
    zeros = np.zeros(input_shape, dtype)
    x: Any = Tensor(zeros, requires_grad=True) if zeros.dtype.kind == "f" else zeros
    with model.evaluating(), enable_grad(), watching() as calls:
        try:
            result = model(x)
        except TypeError as error:
            if zeros.dtype.kind == "f":
                error.add_note("in a summary, which ran it on floats: pass dtype=int where it takes integers")
            raise
    outputs = [part for part in (result if isinstance(result, tuple | list) else [result]) if type(part) is Tensor]
    recorded = [tensor for tensor in outputs if tensor.requires_grad]
    operations = [node for node in Graph(*recorded).nodes if node.kind == "operation"] if recorded else []
    rows = [row_of(call, operations, model) for call in calls]
    return Summary(rows, count(model), sum(map(multiply_adds, operations)), sum(map(own_bytes, operations)))


def tensors_of(model: Module) -> list[Tensor]:
    """The parameters that there are before the first call."""
    return [part for _, module in model.named_modules() for _, part in members(module) if is_parameter(part)]


def row_of(call: Call, operations: list[Node], model: Module) -> Row:
    inside = [node for node in operations if call.contains(node.order)]
    is_module = isinstance(call.layer, Module)
    return Row(
        path=call.path_in(model),
        layer=name_of_layer(call.layer),
        depth=call.depth,
        output_shape=shape_of_result(call.result),
        parameters=count(call.layer) if is_module else 0,
        multiply_adds=sum(map(multiply_adds, inside)),
        activation_bytes=sum(map(own_bytes, inside)),
    )


def shape_of_result(result: Any) -> Any:
    if isinstance(result, tuple | list):
        return tuple(shape_of_result(part) for part in result)
    return shape_of(result)


def count(module: Module) -> int:
    return sum(parameter.size for parameter in module.parameters())
