"""Saving: what a file holds, that it is whole, that training goes on from it exactly, and what is refused."""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import Tensor
from tinygrad_scratch.nn import (
    SGD,
    Adam,
    Checkpoint,
    Dense,
    History,
    Module,
    RMSprop,
    Schedule,
    Sequential,
    Warmup,
    fit,
    load,
    load_state_dict,
    mean_squared_error,
    predict,
    save,
    state_dict,
)

KINDS = ["npz", "safetensors"]


@pytest.fixture(params=KINDS)
def kind(request: Any) -> Any:
    if request.param == "safetensors":
        pytest.importorskip("safetensors", reason="safetensors is not installed, so its files are not tested here")
    return request.param


class Noise(Module):
    """A layer with a buffer and a random generator of its own."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)
        self.scale = Tensor([0.1])

    def __call__(self, x: Any) -> Any:
        return x + self.scale * self.generator.normal(size=x.shape)


def make(seed: int = 0, width: int = 4, dtype: Any = float) -> Sequential:
    generator = np.random.default_rng(seed)
    return Sequential(
        Dense(3, width, np.tanh, generator=generator, dtype=dtype), Noise(seed), Dense(width, 1, generator=generator)
    )


def values(model: Module) -> list[Any]:
    return [value.copy() for value in state_dict(model).values()]


def assert_alike(one: list[Any], two: list[Any]) -> None:
    assert len(one) == len(two)
    for a, b in zip(one, two, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


# ---- there and back --------------------------------------------------------------------------------------------------


def test_a_model_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{kind}"
    trained, fresh = make(1), make(2)
    trained[1].scale.data = [0.7]
    save(path, trained)
    weight = fresh[0].weight
    assert load(path, fresh)
    assert_alike(values(trained), values(fresh))
    assert fresh[0].weight is weight
    assert weight.requires_grad
    assert os.listdir(tmp_path) == [path.name]


def test_names_are_paths(tmp_path: Path) -> None:
    save(tmp_path / "model.npz", make())
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {*state_dict(make()), "__metadata__"}
        np.testing.assert_array_equal(arrays["layers.0.weight"], make()[0].weight.numpy())


def test_a_file_of_np_savez_is_a_state(tmp_path: Path) -> None:
    model = make(2)
    np.savez(tmp_path / "model.npz", **state_dict(make(1)))  # type: ignore[arg-type]
    load(tmp_path / "model.npz", model)
    assert_alike(values(model), values(make(1)))


def test_equal_states_make_equal_files(kind: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / f"{name}.{kind}", make())
    assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_every_dtype_and_shape(kind: str, tmp_path: Path) -> None:
    class Odd(Module):
        def __init__(self) -> None:
            self.number = Tensor(np.random.normal(), requires_grad=True)
            self.none = Tensor(np.ones((0, 3)), requires_grad=True)
            self.half = Tensor(np.random.normal(size=3), requires_grad=True, dtype=np.float16)
            self.turned = Tensor(np.random.normal(size=(3, 4)).astype("f4").T, requires_grad=True)
            self.file = [Tensor([np.nan, np.inf], requires_grad=True)]

    one, two = Odd(), Odd()
    save(tmp_path / f"odd.{kind}", one)
    load(tmp_path / f"odd.{kind}", two)
    assert_alike(values(one), values(two))


def test_values_are_cast_to_the_dtype_of_the_model(tmp_path: Path) -> None:
    save(tmp_path / "model.npz", make(1))
    model = make(2, dtype=np.float32)
    load(tmp_path / "model.npz", model)
    assert model[0].weight.dtype == np.float32
    np.testing.assert_array_equal(model[0].weight.numpy(), make(1)[0].weight.numpy().astype(np.float32))


def test_a_state_is_a_copy() -> None:
    model = make()
    state = state_dict(model)
    state["layers.0.weight"][...] = 0
    assert np.all(model[0].weight.numpy() != 0)
    load_state_dict(model, state)
    state["layers.0.weight"][...] = 1
    assert np.all(model[0].weight.numpy() == 0)


def test_what_was_recorded_before_loading_stays() -> None:
    model = make()
    loss = np.sum(model(np.ones((2, 3))) ** 2)
    (before,) = loss.gradient(model[0].weight)
    load_state_dict(model, state_dict(make(5)))
    np.testing.assert_array_equal(loss.gradient(model[0].weight)[0].numpy(), before.numpy())


def test_a_frozen_parameter_is_saved_and_loaded_and_not_trained(kind: str, tmp_path: Path) -> None:
    trained, fresh = make(1), make(2)
    for model in (trained, fresh):
        model[0].weight.requires_grad = False
    before = trained[0].weight.numpy().copy()
    assert "layers.0.weight" not in dict(trained.named_parameters())
    assert "layers.0.weight" in state_dict(trained)
    optimizer = SGD(trained.parameters(), 0.1)
    fit(trained, np.ones((4, 3)), np.zeros((4, 1)), loss=mean_squared_error, optimizer=optimizer, epochs=2)
    np.testing.assert_array_equal(trained[0].weight.numpy(), before)
    save(tmp_path / f"frozen.{kind}", trained)
    assert load(tmp_path / f"frozen.{kind}", fresh)
    assert_alike(values(trained), values(fresh))
    assert not fresh[0].weight.requires_grad
    melted = make(3)
    assert load(tmp_path / f"frozen.{kind}", melted)
    np.testing.assert_array_equal(melted[0].weight.numpy(), before)
    assert melted[0].weight.requires_grad


def test_shared_parameters_are_saved_once(tmp_path: Path) -> None:
    layer, other = Dense(2, 2), Dense(2, 2)
    save(tmp_path / "shared.npz", Sequential(layer, layer))
    load(tmp_path / "shared.npz", Sequential(other, other))
    assert_alike(values(layer), values(other))


# ---- training goes on ------------------------------------------------------------------------------------------------


def parts(seed: int = 0, make_generator: Any = np.random.default_rng) -> tuple[Any, ...]:
    model = make(seed)
    return model, Adam(model.parameters(), 0.02), make_generator(seed), History()


def train(training: Any, epochs: int, callbacks: Any = ()) -> Any:
    model, optimizer, generator, history = training
    x = np.random.default_rng(7).normal(size=(50, 3))
    schedule = Schedule(Warmup(20, lambda step: 0.02 / (1 + step)))
    return fit(
        model,
        x,
        x[:, :1] ** 2,
        loss=mean_squared_error,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=8,
        generator=generator,
        history=history,
        callbacks=[schedule, *callbacks],
    )


@pytest.mark.parametrize("make_generator", [np.random.default_rng, np.random.RandomState])
def test_training_resumes_exactly(kind: str, tmp_path: Path, make_generator: Any) -> None:
    whole = parts(0, make_generator)
    train(whole, epochs=6)
    path = tmp_path / f"half.{kind}"
    train(parts(0, make_generator), epochs=3, callbacks=[Checkpoint(path)])
    model, optimizer, generator, history = parts(9, make_generator)
    load(path, model, optimizer, generator, history)
    assert len(history) == 3
    train((model, optimizer, generator, history), epochs=6)
    assert_alike(values(model), values(whole[0]))
    assert history["loss"] == whole[3]["loss"]
    assert history["learning_rate"] == whole[3]["learning_rate"]
    assert history.gradient_norms == whole[3].gradient_norms
    assert history.steps == whole[3].steps == 42


@pytest.mark.parametrize("make_optimizer", [SGD, Adam, RMSprop])
def test_an_optimizer_comes_back(kind: str, tmp_path: Path, make_optimizer: Any) -> None:
    model, other = make(1), make(2)
    options = {"weight_decay": 0.1} if make_optimizer is Adam else {"momentum": 0.9}
    one = make_optimizer(reversed(model.parameters()), 0.1, **options)
    two = make_optimizer(other.parameters(), 0.3)
    np.sum(model[0](np.ones((2, 3)))).backward()  # the last layer has no gradient, and so nothing is kept for it
    one.step()
    save(tmp_path / f"state.{kind}", model, one)
    load(tmp_path / f"state.{kind}", other, two)
    assert one.settings() == two.settings()
    for mine, theirs in zip(reversed(one.kept), two.kept, strict=True):
        np.testing.assert_equal(mine, theirs)


def test_without_an_optimizer_a_models_own_generator_stays(tmp_path: Path) -> None:
    model = make(1)
    optimizer = SGD(model.parameters(), 0.1)
    save(tmp_path / "model.npz", model, optimizer, np.random.default_rng(0))
    other = make(2)
    load(tmp_path / "model.npz", other)
    assert other[1].generator.bit_generator.state == np.random.default_rng(2).bit_generator.state
    load(tmp_path / "model.npz", other, SGD(other.parameters(), 0.1))
    assert other[1].generator.bit_generator.state == np.random.default_rng(1).bit_generator.state


# ---- whole or not at all ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(kind: str, tmp_path: Path, part: float) -> None:
    path = tmp_path / f"model.{kind}"
    save(path, make(1))
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    assert_refused(path, "is no whole")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    save(path, make(1))
    content = bytearray(path.read_bytes())
    content[content.index(make(1)[0].weight.numpy().tobytes()) + 5] ^= 1
    path.write_bytes(content)
    assert_refused(path, "is no whole")


@pytest.mark.parametrize(
    "content",
    [b"", b"some text", pickle.dumps({"layers.0.weight": np.ones(3)}), b"PK\x03\x04", b"\x93NUMPY", b"\xff" * 64],
    ids=range(6),
)
def test_a_file_of_another_kind_is_refused(kind: str, tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"model.{kind}").write_bytes(content)
    assert_refused(tmp_path / f"model.{kind}", "is no whole")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", **{"layers.0.weight": np.array([print, {}], object)})  # type: ignore[arg-type]
    assert_refused(tmp_path / "model.npz", "is no whole .npz file: Object arrays cannot be loaded")


def test_an_array_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (2**50,)})
    with zipfile.ZipFile(tmp_path / "model.npz", "w") as archive:
        archive.writestr("layers.0.weight.npy", member.getvalue())
    assert_refused(tmp_path / "model.npz", "is no whole")


def assert_refused(path: Path, message: str) -> None:
    """A load raises, and leaves the model, the optimizer, the generator and the history as they were."""
    model, optimizer, generator, history = parts(3)
    train((model, optimizer, generator, history), epochs=1)
    before = values(model), repr(optimizer.state_dict()), generator.bit_generator.state, repr(history)
    with pytest.raises(ValueError, match=message):
        load(path, model, optimizer, generator, history)
    assert_alike(before[0], values(model))
    assert before[1:] == (repr(optimizer.state_dict()), generator.bit_generator.state, repr(history))


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.npz"
    save(path, make(1))
    before = path.read_bytes()
    for failing in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, failing, lambda *_: (_ for _ in ()).throw(OSError("the disk is full")))
            with pytest.raises(OSError, match="the disk is full"):
                save(path, make(2))
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["model.npz"]
    save(path, make(2))
    assert path.read_bytes() != before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only some users make links")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.npz").symlink_to(tmp_path / "model.npz")
    save(tmp_path / "link.npz", make(1))
    assert (tmp_path / "link.npz").is_symlink()
    load(tmp_path / "model.npz", make(2))


# ---- what does not fit -----------------------------------------------------------------------------------------------


def test_the_report_names_what_does_not_fit(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{kind}"
    save(path, Sequential(Dense(3, 5), np.tanh, Dense(5, 1, bias=False), Dense(1, 1, bias=False)))
    model = Sequential(Dense(3, 4), np.tanh, Dense(5, 1))
    before = values(model)
    with pytest.raises(ValueError, match="does not fit") as caught:
        load(path, model)
    assert_alike(before, values(model))
    assert str(caught.value) == "\n".join(
        [
            f"{path} does not fit this Sequential, which was left as it was:",
            "  missing:     layers.2.bias, of shape (1,)",
            "  unexpected:  layers.3.weight, of shape (1, 1)",
            "  misshapen:   layers.0.weight, of shape (3, 4) in the model, and (3, 5) in the state",
            "  misshapen:   layers.0.bias, of shape (4,) in the model, and (5,) in the state",
            "Pass strict=False to load what fits.",
        ]
    )
    report = load(path, model, strict=False)
    assert not report
    assert str(report) == repr(report) == "\n".join(str(caught.value).splitlines()[1:-1])
    assert not np.array_equal(before[2], values(model)[2])
    assert_alike(before[:2] + before[3:], values(model)[:2] + values(model)[3:])


@pytest.mark.parametrize("wrong", [np.ones((3, 2), complex), np.full((3, 2), "text")], ids=["complex", "text"])
def test_values_of_another_kind_do_not_fit(wrong: Any) -> None:
    model = Dense(3, 2, bias=False)
    with pytest.raises(ValueError, match="misshapen:   weight, of dtype float64 in the model, and"):
        load_state_dict(model, {"weight": wrong})


def test_an_optimizer_that_does_not_fit_leaves_all_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    model = make(1)
    save(path, model, SGD(model.parameters(), 0.1), np.random.default_rng(0), History())
    assert_refused(path, "The optimizer's state in .* does not fit Adam: it is that of SGD. Nothing was loaded")
    save(path, model, Adam(model.parameters()[:2], 0.1), np.random.default_rng(0), History())
    assert_refused(path, "it is one for the parameters layers.0.weight, layers.0.bias, and not for layers.0.weight,")
    save(path, model, Adam(model.parameters(), 0.1), np.random.RandomState(0), History())
    assert_refused(path, "The generator of the loop in .* is a MT19937, and not a PCG64")


def test_what_was_not_saved_is_asked_for_in_vain(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    model = make(1)
    optimizer, generator = Adam(model.parameters()), np.random.default_rng(0)
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "optimizer"),
        ({"optimizer": optimizer}, "generator"),
        ({"optimizer": optimizer, "generator": generator}, "history"),
    ]
    for saved, name in cases:
        save(path, model, **saved)
        assert_refused(path, f"holds no {name}: it was saved without. Nothing was loaded. Write save")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda notes: notes["optimizer"].pop("steps"),
        lambda notes: notes.update(optimizer=[]),
        lambda notes: notes["generators"][""].pop("state"),
        lambda notes: notes["history"].pop("epochs"),
    ],
    ids=range(4),
)
def test_notes_that_save_did_not_write_are_refused(tmp_path: Path, spoil: Any) -> None:
    path = tmp_path / "model.npz"
    model, optimizer, generator, history = parts(1)
    train((model, optimizer, generator, history), epochs=1)
    save(path, model, optimizer, generator, history)
    with np.load(path) as arrays:
        content = dict(arrays)
    notes = json.loads(str(content["__metadata__"]))
    spoil(notes)
    np.savez(path, **{**content, "__metadata__": np.array(json.dumps(notes))})
    assert_refused(path, "has notes on training that `save` did not write")


def test_other_kinds_of_file_and_no_file(tmp_path: Path) -> None:
    function: Any
    for function in (save, load):
        with pytest.raises(ValueError, match=r"should end in one of .npz, .safetensors"):
            function(tmp_path / "model.pkl", make())
        with pytest.raises(TypeError, match=r"is a str, not a Sequential. It comes first: save\(path, model\)"):
            function(make(), tmp_path / "model.npz")
    save(tmp_path / "model.npz", make())
    for function in (save, load):
        with pytest.raises(TypeError, match="is no Module, so its Tensors have no names"):
            function(tmp_path / "model.npz", np.tanh)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.npz", make())


def test_without_safetensors_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"pip install safetensors"):
        save(tmp_path / "model.safetensors", make())
    assert os.listdir(tmp_path) == []


def test_a_loaded_model_predicts_the_same(kind: str, tmp_path: Path) -> None:
    one, two = (Sequential(Dense(3, 2, np.tanh), Dense(2, 1)) for _ in range(2))
    save(tmp_path / f"model.{kind}", one)
    load(tmp_path / f"model.{kind}", two)
    x = np.random.normal(size=(5, 3))
    np.testing.assert_array_equal(predict(one, x), predict(two, x))
