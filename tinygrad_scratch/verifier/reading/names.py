"""What the names of gradients say: of which parameter they are the gradient."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

PREFIXES = re.compile(
    r"^(?:all_d[jlce]_?d_?|d[jlce]_?d_?|d(?:loss|cost|err|error)_?d?_?|d_(?:loss|cost|err|error|[jlce])_+d_?|grads?_?(?:of_?|wrt_?)?|gradients?_?(?:of_?|wrt_?)?|"
    r"nabla_?|delta_?|del_?|diff_?|"
    r"partial_?|deriv_?|d_|d(?=[a-z])|g_|g(?=[wb]))"
)
SUFFIXES = re.compile(r"(?:_?(?:grads?|gradients?|prime|deriv(?:ative)?|diff|delta|bar))(?=_?\d*$)")
GRADIENT = re.compile(
    r"^_*(?:d[A-Z]|d[wb]\d*(?:_?(?:acc\w*|sum|total|avg|mean|batch))?$|d_|d(?:gamma|beta|theta|weights?|bias|biases|u|v|h|x|input|inputs)\d*$|(?:all_)?d[jlce]_?d|"
    r"g[WBwb]?\d*$|g_|g(?:bar|avg|sum|mean)$|nabla|"
    r".*grad|delta_?[wbWB]|partial_|dh|dloss|dcost|del_)", re.ASCII
)  # fmt: skip
NOISE = {
    "self",
    "grads",
    "grad",
    "gradients",
    "gradient",
    "params",
    "parameters",
    "param",
    "cache",
    "net",
    "model",
    "data",
    "value",
    "val",
    "deriv",
    "derivative",
    "",
}
SAME = {
    "weights": "w",
    "weight": "w",
    "kernel": "w",
    "wts": "w",
    "wt": "w",
    "biases": "b",
    "bias": "b",
    "coef": "w",
    "ws": "w",
    "bs": "b",
    "all": "",  # as in `all_weights`, a list
}


PART_OF_LOSS = re.compile(r"partial_?(?:cost|loss|likelihood|nll|objective)s?", re.IGNORECASE)


@cache
def is_gradient_name(name: str) -> bool:
    """Whether a name is one that people give to gradients.

    >>> [is_gradient_name(name) for name in ("dW1", "grad_b", "weights_gradient", "nabla_w", "dropout", "weights")]
    [True, True, True, True, False, False]
    >>> is_gradient_name("db2_accum"), is_gradient_name("dbscan"), is_gradient_name("gbar"), is_gradient_name("gbars")
    (True, False, True, False)
    >>> is_gradient_name("partial_w"), is_gradient_name("partial_cost")  # that is a part of the cost
    (True, False)
    """
    return bool(GRADIENT.match(unmangled(name))) and not PART_OF_LOSS.fullmatch(name)


def is_bare_gradient(path: str) -> bool:
    """Whether a name says that it is a gradient, and not of what.

    >>> is_bare_gradient("layer.weight.grad"), is_bare_gradient("layer.grad_w"), is_bare_gradient("param.data")
    (True, False, False)
    """
    last = path.rpartition(".")[2].lower().strip("_")
    return last in NOISE and (is_gradient_name(last) or last.startswith("deriv"))


def is_called_after(name: str, others: Iterable[str]) -> bool:
    """Whether a name is one of others with a d before it.

    >>> is_called_after("dxnorm", ("x_norm", "x")), is_called_after("dim", ("x",))
    (True, False)
    """
    return name.startswith("d") and name[1:].replace("_", "") in {other.replace("_", "") for other in others}


def unmangled(name: str) -> str:
    """A private name as it was written: `__w` for `_Net__w`."""
    return re.sub(r"^_[A-Za-z]\w*?(?=__)", "", name) if name.startswith("_") and not name.startswith("__") else name


@cache
def bare(word: str) -> str:
    """A word without what makes it the name of a gradient, and without case and underscores.

    >>> bare("dW1"), bare("grad_weights"), bare("W_1"), bare("dJdW3"), bare("nabla_b"), bare("d_loss__d_b_h")
    ('w1', 'w', 'w1', 'w3', 'b', 'bh')
    >>> bare("all_weights"), bare("all_dl_dweights")
    ('w', 'w')
    """
    text = unmangled(word).strip("_").lower()
    shorter = PREFIXES.sub("", text) if is_gradient_name(word) else text
    shorter = SUFFIXES.sub("", shorter) or shorter or text
    shorter = "".join(SAME.get(part, part) for part in shorter.split("_"))
    digits = re.search(r"\d*$", shorter)
    stem, number = (shorter[: digits.start()], digits[0]) if digits else (shorter, "")
    return SAME.get(stem, stem) + number


@cache
def words(path: str) -> tuple[str, ...]:
    """The words and numbers of a path that say which one it is.

    >>> words("self.layers[0].dW"), words("grads['W1']"), words("layers[0].weights")
    (('layers', '0', 'w'), ('w1',), ('layers', '0', 'w'))
    """
    parts = re.findall(r"[^.\[\]'\"(), ]+", path)
    found = [bare(part) for part in parts if part.lower().strip("_") not in NOISE]
    if not found:  # `grads[0]`, or `self.grad`
        found = [bare(part) for part in parts[-1:]]
    return tuple(found)


def is_place(path: str) -> bool:
    """Whether a path says nothing but where something is in lists.

    >>> is_place("0"), is_place("1[0]"), is_place("grads[0]"), is_place("W1")
    (True, True, True, False)
    """
    return all(word.isdigit() for word in words(path))


def alike(gradient: str, parameter: str) -> float:
    """How much the name of a gradient says that it is a parameter's: the last words that are equal, 0 for none."""
    one, other = words(gradient), words(parameter)
    count = 0
    for mine, theirs in zip(reversed(one), reversed(other), strict=False):
        if mine not in (theirs, f"d{theirs}"):
            break
        count += 1
    if not count or all(word.isdigit() for word in one[-count:]):
        return 0.0
    return count + 0.5 * (count == len(other)) + 0.5 * (count == len(one))  # most where no word is left over


KEY = re.compile(r"""\[(?:'([^']*)'|"([^"]*)")\]$""")


@cache
def without_holder(name: str) -> str:
    """A name without what holds it; of a key the last word.

    >>> without_holder("self.grads['dW1']"), without_holder("net.dW1"), without_holder("grads['layer.0.W']")
    ('dW1', 'dW1', 'W')
    """
    key = KEY.search(name)
    text = (name if key is None else key[1] or key[2] or "").rsplit(".", 1)[-1]
    if key is None and text.endswith("]") and "[" in text and ("'" in text or '"' in text):
        return text[text.rindex("[") + 1 : -1].strip("'\"")
    return text


def listed(parts: list[str], most: int = 3) -> str:
    """Names in a sentence.

    >>> listed(["w", "b"]), listed(["a", "b", "c", "d"])
    ('w and b', 'a, b and 2 others')
    """
    if len(parts) > most:
        parts = [*parts[: most - 1], f"{len(parts) - most + 1} others"]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


DATA = re.compile(
    r"(?:x|y|t|inputs?|outputs?|data|targets?|labels?|samples?|bottoms?)(?:_(?:train|test|data|batch))?", re.IGNORECASE
)
"""Names under which networks keep what they were given, and no parameters; `bottom` is Caffe's."""


def is_name_of_data(name: str) -> bool:
    """Whether a name, or that of what holds it, is one of data.

    >>> is_name_of_data("net.X_train"), is_name_of_data("self.labels[0]"), is_name_of_data("layers[0].W")
    (True, True, False)
    """
    return any(DATA.fullmatch(word.strip("_")) for word in re.findall(r"[A-Za-z_]\w*", name)[-2:])
