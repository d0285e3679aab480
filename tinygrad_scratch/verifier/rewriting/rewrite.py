"""A change of a text, and what it says of the mistake that it undoes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tinygrad_scratch.verifier.reading.derivative_names import WORDS

CHANGED, NAMED, PUT_IN, MADE = range(4)
"""How much a change asks to believe: that a sign or a neighbour's name was meant, another name, what is not there but
stands elsewhere, what stands nowhere."""


@dataclass(frozen=True)
class Rewrite:
    """A part of a file's text and what it should be instead; the kind of the mistake, and a sentence about it."""

    line: int  # of the statement
    start: int
    end: int
    text: str
    kind: str
    sentence: str
    tier: int = CHANGED
    about: str = ""  # the factor or term by whose values the kind is told

    def of(self, text: str) -> str:
        return text[: self.start] + self.text + text[self.end :]


SLOPE = re.compile(rf"1\.?0?\s*-|{WORDS}|grad|\bd_?(?:sig|tanh|relu|act)|[<>]\s*0", re.IGNORECASE)
OF_PENALTY = re.compile(r"(?:\b|_)(?:reg(?!ress|ion)|lam|decay|wd\b)", re.IGNORECASE)
PENALTY = re.compile(rf"{OF_PENALTY.pattern}|\b(?:l1\w*|l2\w*|alpha|beta|mu)\b", re.IGNORECASE)
SIGNED = re.compile(r"\(*-1(?:\.0?)?\)*(?:\s*\*\*\s*.+)?")  # a minus, or one in turns
RATE = re.compile(r"[\d.\s*/()-]+|\w*(?:rate|eta|lr|step)\w*")


def kind_of_factor(factor: str) -> str:
    """The kind of a mistake by the factor that is missing, or one too many."""
    if SIGNED.fullmatch(factor):
        return "sign"
    if SLOPE.search(factor):
        return "missing-derivative"
    return "scale-factor" if RATE.fullmatch(factor) or PENALTY.search(factor) else "missing-derivative"


BACK = re.compile(r"pull|back|vjp|grad|deriv|prime", re.IGNORECASE)


def kind_of_call(name: str) -> str:
    """The kind of a mistake by the function that is not called."""
    return "missing-derivative" if BACK.search(name) else "wrong-operand"


def kind_of_term(term: str) -> str:
    of_penalty = PENALTY.search(term) and term not in ("alpha", "beta", "mu")  # these alone are no penalty
    return "regularisation" if of_penalty else "missing-term"


def kind_of_name(old: str, new: str, in_slope: bool = False) -> str:
    """The kind of a mistake by the name that was taken, and whether it is what a slope is taken at."""
    if ".shape" in old:
        return "wrong-operand"
    if "[" in old and without_numbers(old) == without_numbers(new):  # the neighbour in a list
        return "off-by-one"
    return "derivative-at-wrong-point" if in_slope else "wrong-operand"


NUMBER = re.compile(r"\s*[-+]?\s*\d+")


def without_numbers(text: str) -> str:
    return NUMBER.sub("", text).replace(" ", "")


SIZE = re.compile(r"[mMnN]|\w*(?:batch|size|num|count|samples|examples)\w*|[nN]_\w+|len\(.*\)|.*shape\[.*\]|.*\.size")


def kind_of_divisor(divisor: str) -> str:
    """The same by what is not divided by: the number of samples, or a part of a slope."""
    return "missing-batch-sum-or-mean" if SIZE.fullmatch(divisor.rpartition("self.")[2]) else kind_of_factor(divisor)
