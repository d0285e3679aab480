"""Saving: what a model has learned, and what its training needs to go on, in a file of plain arrays.

A file is written whole or not at all, and read whole before anything is changed. Nothing in it is ever executed: no
pickle. A `.npz` file is one that np.load reads; a `.safetensors` file is one that other frameworks read.
"""

from __future__ import annotations

import copy
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from tinygrad_scratch.graph import Array
from tinygrad_scratch.messages import describe
from tinygrad_scratch.nn.initializers import RandomGenerator
from tinygrad_scratch.nn.module import Module, members
from tinygrad_scratch.nn.optimizers import Optimizer
from tinygrad_scratch.rules.registry import plain
from tinygrad_scratch.tensor import Tensor

State: TypeAlias = dict[str, Array]
Path: TypeAlias = str | os.PathLike[str]

# ---- what a model is made of -----------------------------------------------------------------------------------------


def named_values(model: Module) -> dict[str, Tensor]:
    """The Tensors that a model is: its parameters and its buffers, frozen parameters among them, by their paths."""
    if not isinstance(model, Module):
        raise TypeError(
            f"{describe(model)} is no Module, so its Tensors have no names in a file. Write save(path, model, ...) and "
            "load(path, model, ...)."
        )
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def state_dict(model: Module) -> State:
    """What a model has learned: a copy of each parameter, also a frozen one, and of each buffer, by its path.

    >>> from tinygrad_scratch.nn import Dense, Sequential, state_dict
    >>> {name: value.shape for name, value in state_dict(Sequential(Dense(3, 2))).items()}
    {'layers.0.weight': (3, 2), 'layers.0.bias': (2,)}
    """
    return {name: np.array(plain(value)) for name, value in named_values(model).items()}


@dataclass(frozen=True, repr=False)
class Report:
    """How a state fits a model: the names that each has alone, and those of both whose values don't fit, and why.

    True where all fits. Its text is a report.
    """

    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    misshapen: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return not (self.missing or self.unexpected or self.misshapen)

    def __str__(self) -> str:
        lines = [f"  missing:     {name}" for name in self.missing]
        lines += [f"  unexpected:  {name}" for name in self.unexpected]
        lines += [f"  misshapen:   {name}, {why}" for name, why in self.misshapen.items()]
        return "\n".join(lines) or "All fits."

    __repr__ = __str__


def compare(values: Mapping[str, Any], state: Mapping[str, Any]) -> Report:
    """How a state fits what a model is made of."""
    misshapen = {}
    for name in values.keys() & state.keys():
        mine, new = plain(values[name]), np.asarray(plain(state[name]))
        if new.shape != mine.shape:
            misshapen[name] = f"of shape {mine.shape} in the model, and {new.shape} in the state"
        elif new.dtype.kind not in "biufc" or not np.can_cast(new.dtype, mine.dtype, "same_kind"):
            misshapen[name] = f"of dtype {mine.dtype} in the model, and {new.dtype} in the state"
    return Report(
        [f"{name}, of shape {plain(value).shape}" for name, value in values.items() if name not in state],
        [f"{name}, of shape {np.shape(plain(value))}" for name, value in state.items() if name not in values],
        {name: misshapen[name] for name in values if name in misshapen},
    )


def misfit(state: str, model: Module, report: Report) -> str:
    name = repr(model) if "\n" not in repr(model) else f"this {type(model).__name__}"
    return f"{state} does not fit {name}, which was left as it was:\n{report}\nPass strict=False to load what fits."


def load_state_dict(model: Module, state: Mapping[str, Any], strict: bool = True) -> Report:
    """Give the parameters and buffers of a model the values of a state, cast to their own dtypes.

    Returns how the state fits. With strict=False, what fits is loaded. Raises ValueError where not all fits, with a
    report of the names that are missing, unexpected or misshapen; the model is then as it was.

    >>> from tinygrad_scratch.nn import Dense, load_state_dict
    >>> load_state_dict(Dense(2, 2), {"weight": [[1.0, 2.0]], "scale": [1.0]})
    Traceback (most recent call last):
        ...
    ValueError: This state does not fit Dense(2, 2), which was left as it was:
      missing:     bias, of shape (2,)
      unexpected:  scale, of shape (1,)
      misshapen:   weight, of shape (2, 2) in the model, and (1, 2) in the state
    Pass strict=False to load what fits.
    """
    values = named_values(model)
    report = compare(values, state)
    if strict and not report:
        raise ValueError(misfit("This state", model, report))
    for name, value in values.items():
        if name in state and name not in report.misshapen:
            value.data = np.asarray(plain(state[name]), value.dtype)
    return report


# ---- files -----------------------------------------------------------------------------------------------------------


def save(
    path: Path,
    model: Module,
    optimizer: Optimizer | None = None,
    generator: RandomGenerator | None = None,
    history: Any = None,
) -> None:
    """Write a model to a file: .npz, or, where safetensors is installed, .safetensors.

    With the optimizer, the generator that shuffles the samples and the history, training can go on from the file as
    though it had never stopped; the model's own generators, such as those of Dropout, are then saved, too. The file
    appears whole or not at all; one that was there is replaced.

    Raises ValueError for another kind of file, and ImportError where safetensors is missing.

    >>> import tempfile
    >>> import numpy as np
    >>> from tinygrad_scratch.nn import Dense, load, save
    >>> trained, fresh = Dense(3, 2), Dense(3, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/model.npz", trained)
    ...     report = load(f"{folder}/model.npz", fresh)
    >>> bool(report), np.array_equal(fresh.weight, trained.weight)
    (True, True)
    """
    write, _ = file_format(path)
    arrays = state_dict(model)
    notes: dict[str, Any] = {}
    if optimizer is not None:
        state = optimizer.state_dict()
        notes["optimizer"] = {"kind": type(optimizer).__name__, "settings": state["settings"], "steps": {}}
        for name, kept in zip(names_of(optimizer, model), state["kept"], strict=True):
            arrays |= {f"{OPTIMIZER}{name}.{key}": value for key, value in kept.items() if key != "steps"}
            notes["optimizer"]["steps"][name] = kept.get("steps")
    if optimizer is not None or generator is not None:
        notes["generators"] = {name: random_state(each) for name, each in generators_of(model, generator).items()}
    if history is not None:
        notes["history"] = history.state_dict()
    write_whole(path, write(arrays, json.dumps(notes, default=float)))


def load(
    path: Path,
    model: Module,
    optimizer: Optimizer | None = None,
    generator: RandomGenerator | None = None,
    history: Any = None,
    strict: bool = True,
) -> Report:
    """Give a model the values that `save` wrote to a file; and the optimizer, generator and history, if they are given.

    Pass what was passed to `save`, made in the same way, to train on as though training had never stopped. Returns how
    the file fits the model; with strict=False, what fits is loaded.

    Raises FileNotFoundError where there is no file; ValueError where it is cut short or of another kind, where not all
    fits, and where it lacks what is asked for. All is then as it was.

    >>> import tempfile
    >>> from tinygrad_scratch.nn import Adam, Dense, load, save
    >>> model = Dense(3, 2)
    >>> optimizer = Adam(model.parameters(), learning_rate=0.02)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/training.npz", model, optimizer)
    ...     optimizer = Adam(model.parameters())
    ...     print(load(f"{folder}/training.npz", model, optimizer))
    All fits.
    >>> optimizer.learning_rate
    0.02
    """
    _, read = file_format(path)
    with open(path, "rb") as file:
        content = file.read()
    try:
        arrays, text = read(content)
        notes = json.loads(text or "{}")
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(
            f"{os.fspath(path)} is no whole {suffix(path)} file: {error}. It was cut short, or is of another kind. "
            "Nothing was loaded."
        ) from error
    weights = {name: value for name, value in arrays.items() if not name.startswith(OPTIMIZER)}
    report = compare(named_values(model), weights)
    if strict and not report:
        raise ValueError(misfit(os.fspath(path), model, report))
    try:
        state = optimizer_state(path, notes, arrays, optimizer, model) if optimizer is not None else {}
        generators = generators_to_restore(path, notes, generator, optimizer, model)
        if history is not None:
            if "history" not in notes:
                raise ValueError(lacks(path, "history"))
            copy.deepcopy(history).load_state_dict(notes["history"])
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{os.fspath(path)} has notes on training that `save` did not write: {error!r}. Nothing was loaded."
        ) from error
    # All is known to fit: from here on, nothing is refused.
    if optimizer is not None:
        optimizer.load_state_dict(state)
    for each, new in generators:
        set_random_state(each, new)
    if history is not None:
        history.load_state_dict(notes["history"])
    load_state_dict(model, weights, strict=False)
    return report


OPTIMIZER = "optimizer:"  # begins the name of each array that an optimizer keeps; a path of attributes has no colon


def lacks(path: Path, what: str) -> str:
    return (
        f"{os.fspath(path)} holds no {what}: it was saved without. Nothing was loaded. Write save(..., {what}={what})."
    )


def names_of(optimizer: Optimizer, model: Module) -> list[str]:
    """The paths of an optimizer's parameters in a model; the place of one that is not there."""
    paths = {id(value): name for name, value in named_values(model).items()}
    return [paths.get(id(parameter), str(place)) for place, parameter in enumerate(optimizer.parameters)]


def optimizer_state(path: Path, notes: Any, arrays: State, optimizer: Optimizer, model: Module) -> dict[str, Any]:
    """The state of an optimizer as a file has it, checked."""
    if "optimizer" not in notes:
        raise ValueError(lacks(path, "optimizer"))
    saved, kind = notes["optimizer"], type(optimizer).__name__
    names = names_of(optimizer, model)
    problem: str | None
    if saved["kind"] != kind:
        problem = f"it is that of {saved['kind']}"
    elif set(saved["steps"]) != set(names):
        problem = f"it is one for the parameters {', '.join(saved['steps'])}, and not for {', '.join(names)}"
    else:
        kept = []
        for name in names:
            start = f"{OPTIMIZER}{name}."
            found = {key.removeprefix(start): v for key, v in arrays.items() if f"{key.rpartition('.')[0]}." == start}
            kept.append({**found, "steps": saved["steps"][name]} if saved["steps"][name] is not None else {})
        settings = {key: tuple(v) if isinstance(v, list) else v for key, v in saved["settings"].items()}
        state = {"settings": settings, "kept": kept}
        problem = optimizer._misfit(state)
        if problem is None:
            return state
    raise ValueError(f"The optimizer's state in {os.fspath(path)} does not fit {kind}: {problem}. Nothing was loaded.")


# ---- random generators -----------------------------------------------------------------------------------------------


def generators_of(model: Module, generator: RandomGenerator | None) -> dict[str, RandomGenerator]:
    """The generators that training draws from, each once: that of the loop, and those that the model's layers hold."""
    found: dict[int, tuple[str, RandomGenerator]] = {} if generator is None else {id(generator): ("", generator)}
    for path, module in model.named_modules():
        for place, part in members(module, path):
            if isinstance(part, RandomGenerator):
                found.setdefault(id(part), (place, part))
    return dict(found.values())


def generators_to_restore(path: Path, notes: Any, generator: Any, optimizer: Any, model: Module) -> list[Any]:
    """Each generator with the state that a file has for it."""
    if optimizer is None and generator is None:
        return []
    saved, found = notes.get("generators", {}), generators_of(model, generator)
    if generator is not None and "" not in saved:
        raise ValueError(lacks(path, "generator"))
    for name, each in found.items():
        if name in saved and saved[name]["bit_generator"] != random_state(each)["bit_generator"]:
            raise ValueError(
                f"The generator {name or 'of the loop'} in {os.fspath(path)} is a {saved[name]['bit_generator']}, and "
                f"not a {random_state(each)['bit_generator']}. Nothing was loaded."
            )
        if name in saved:
            set_random_state(copy.deepcopy(each), saved[name])
    return [(each, saved[name]) for name, each in found.items() if name in saved]


def random_state(generator: RandomGenerator) -> dict[str, Any]:
    """Where a generator is, in Python numbers."""
    if isinstance(generator, np.random.RandomState):
        state: Any = generator.get_state(legacy=False)
    else:
        state = generator.bit_generator.state
    readable: dict[str, Any] = json.loads(json.dumps(state, default=np.ndarray.tolist))
    return readable


def set_random_state(generator: RandomGenerator, state: dict[str, Any]) -> None:
    if isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state


# ---- kinds of file ---------------------------------------------------------------------------------------------------

NOTES = "__metadata__"  # as safetensors calls them


def to_npz(arrays: State, notes: str) -> bytes:
    import zipfile  # here, since few programs save, and all import

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, value in {**arrays, NOTES: np.array(notes)}.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())  # dated 1980: equal states, equal files
    return content.getvalue()


def from_npz(content: bytes) -> tuple[State, str]:
    import zipfile

    arrays = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            member = io.BytesIO(archive.read(name))
            arrays[name.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
    return arrays, str(arrays.pop(NOTES, ""))


def to_safetensors(arrays: State, notes: str) -> bytes:
    content = safetensors().save({name: np.array(v, order="C") for name, v in arrays.items()}, {"notes": notes})
    return bytes(content)


def from_safetensors(content: bytes) -> tuple[State, str]:
    arrays = safetensors().load(content)
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    return dict(arrays), header.get(NOTES, {}).get("notes", "")


def safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "A .safetensors file needs the package safetensors: pip install safetensors. A .npz file needs nothing."
        ) from error
    return safetensors.numpy


FORMATS: dict[str, tuple[Callable[[State, str], bytes], Callable[[bytes], tuple[State, str]]]] = {
    ".npz": (to_npz, from_npz),
    ".safetensors": (to_safetensors, from_safetensors),
}


def suffix(path: Path) -> str:
    return os.path.splitext(os.fspath(path))[1].lower()


def file_format(path: Path) -> Any:
    """The functions that write and read a kind of file."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"The path of a file is a str, not a {type(path).__name__}. It comes first: save(path, model).")
    if suffix(path) not in FORMATS:
        raise ValueError(
            f"{os.fspath(path)!r} should end in one of {', '.join(FORMATS)}, which says how it is written."
        )
    return FORMATS[suffix(path)]


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside the one that is wanted, then put it into its place, which no reader sees half done."""
    target = os.path.realpath(path)
    beside = f"{target}.{os.urandom(4).hex()}.part"
    try:
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        if os.path.exists(beside):
            os.remove(beside)
        raise
