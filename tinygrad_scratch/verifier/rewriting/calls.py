"""The changes of a call: another function, its arguments exchanged, other axes, no rounding."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tinygrad_scratch.verifier.reading.derivative_names import is_derivative_of, is_of_activation
from tinygrad_scratch.verifier.rewriting.branches import of_branches
from tinygrad_scratch.verifier.rewriting.entries import one_of
from tinygrad_scratch.verifier.rewriting.part import PRODUCTS, Part, name_of
from tinygrad_scratch.verifier.rewriting.rewrite import CHANGED, NAMED, SLOPE, Rewrite
from tinygrad_scratch.verifier.rewriting.text import METHOD, Source, is_near

SUMS = ("sum", "mean", "average", "max", "min", "prod")
ROUNDS = ("round", "rint", "floor", "ceil", "trunc", "int", "int32", "int64")
TURNS = ("transpose", "swapaxes", "moveaxis", "flip", "flipud", "fliplr", "rot90")
AT_POINT = "derivative-at-wrong-point"
SHAPES = re.compile(r"(?<![\w.])[\w.]+\.shape(?=\[)")
FILLED = ("zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "full_like", "array", "asarray")
OTHER = {
    "sum": ("mean", "missing-batch-sum-or-mean"),
    "mean": ("sum", "missing-batch-sum-or-mean"),
    "average": ("sum", "missing-batch-sum-or-mean"),
    "maximum": ("minimum", "wrong-operand"),
    "minimum": ("maximum", "wrong-operand"),
    "argmax": ("argmin", "derivative-at-wrong-point"),
    "argmin": ("argmax", "derivative-at-wrong-point"),
    "max": ("min", "wrong-operand"),
    "min": ("max", "wrong-operand"),
    "sin": ("cos", AT_POINT),
    "cos": ("sin", AT_POINT),
    "sinh": ("cosh", AT_POINT),
    "cosh": ("sinh", AT_POINT),
    "exp": ("log", "wrong-operand"),
    "log": ("exp", "wrong-operand"),
    "dot": ("multiply", "wrong-operand"),
    "multiply": ("dot", "wrong-operand"),
    "ones_like": ("zeros_like", "wrong-operand"),
    "zeros_like": ("ones_like", "wrong-operand"),
    "ones": ("zeros", "wrong-operand"),
    "triu": ("tril", "wrong-operand"),
    "tril": ("triu", "wrong-operand"),
    "add": ("subtract", "sign"),
    "subtract": ("add", "sign"),
    "convolve": ("correlate", "transpose"),  # which does not turn the kernel round
    "correlate": ("convolve", "transpose"),
    "convolve2d": ("correlate2d", "transpose"),
    "correlate2d": ("convolve2d", "transpose"),
}


def of_call(part: Part) -> Iterator[Rewrite]:
    name = name_of(part.node)
    for names, changes in CHANGES:
        if name in names:
            yield from changes(part)
    yield from of_theirs(part)
    yield from of_object(part)
    yield from of_holder(part)
    yield from other_divisor(part)
    yield from with_switch(part)
    yield from without_call(part)
    yield from without_out(part)
    if name not in PRODUCTS and not any(isinstance(each, ast.Starred) for each in part.node.args):
        yield from of_arguments(part)


def of_product(part: Part) -> Iterator[Rewrite]:
    node = part.node
    if is_method(node) and len(node.args) == 1:
        yield from part.other_ways(node.func.value, node.args[0], "{}." + name_of(node) + "({})")
    elif len(node.args) == 2:
        yield from part.other_ways(node.args[0], node.args[1], part.source.code(node.func) + "({}, {})")


def of_theirs(part: Part) -> Iterator[Rewrite]:
    """Another function of theirs, called as this one is elsewhere, as the slope of a tanh for that of a sigmoid.

    So is a slope that is imported, and that nothing reads. What only is another way to make the same is none, by its
    name: what is wrong in one is to be mended there.
    """
    written = part.source.code(part.node.func)
    others = part.source.alike(written, len(part.node.args))
    may_be_slope = len(part.node.args) == 1 and not written.startswith(("np.", "numpy.", "math."))
    in_vain = [other for other in part.source.imported_in_vain if may_be_slope and is_slope(part, other)]
    for other in dict.fromkeys([*others, *in_vain]):
        slopes = [is_slope(part, name) for name in (written, other)]
        if not any(slopes) and (written.startswith(f"{other}_") or other.startswith(f"{written}_")):
            continue
        kind = "wrong-operand" if not slopes[1] else AT_POINT if slopes[0] else "missing-derivative"
        said = f"`{written}` should be `{other}` in `{part.code}`"
        yield part.change(other, kind, said, at=part.source.span(part.node.func))


def of_object(part: Part) -> Iterator[Rewrite]:
    """The method for the slope of a function that is an object, for the object itself or its forward method."""
    written, held = part.source.code(part.node.func), part.node.func
    if not isinstance(held, ast.Attribute) or written.startswith(("np.", "numpy.", "math.")):
        return
    holders = [held, held.value] if FORWARD.fullmatch(held.attr) else [held]
    for other in (f"{part.source.code(each)}.{method}" for each in holders for method in part.source.slope_methods):
        if other != written:
            said = f"`{written}` should be `{other}` in `{part.code}`"
            yield part.change(other, "missing-derivative", said, at=part.source.span(part.node.func))


def of_holder(part: Part) -> Iterator[Rewrite]:
    """The same method of another object, as of another gate's activation."""
    held = part.node.func.value if is_method(part.node) else None
    if not isinstance(held, ast.Attribute) or part.source.code(held).startswith(("np.", "numpy.")):
        return
    written, method = part.source.code(held), name_of(part.node)
    others = re.findall(rf"(?<![\w.])(self\.\w+)\.{method}\(", part.source.text)
    words = part.source.words(part.line, of_class=True)
    near = [name for name in (*words.names, *sorted(words.called_at_all)) if is_near(name, written)]
    for other in dict.fromkeys([*others, *near]):
        if other != written:
            kind = AT_POINT if METHOD.fullmatch(method) else "wrong-operand"
            yield part.change(other, kind, f"{written} should be {other}", at=part.source.span(held))


FORWARD = re.compile(r"__call__|forward\w*|call|apply|fn?|func\w*|activate")


def is_slope(part: Part, name: str) -> bool:
    """Whether a function is called as the slope of another one is."""
    slope = SLOPE.search(name) is not None or part.source.is_slope_of_another(name)
    return slope or is_of_activation(name) or is_derivative_of(name, set())


def other_divisor(part: Part) -> Iterator[Rewrite]:
    """What else is divided by in the function or the class around, for a length that is called for."""
    around = part.around
    if isinstance(around, ast.BinOp) and isinstance(around.op, ast.Div) and around.right is part.node:
        for size in part.source.words(part.line, of_class=True).divisors:
            if size != part.code:
                yield part.change(size, "wrong-operand", f"`{part.code}` should be {size}", NAMED)


def with_switch(part: Part) -> Iterator[Rewrite]:
    """With what turns a function of theirs into its slope, and is left at False: `derivative=True`."""
    given = {keyword.arg for keyword in part.node.keywords}
    module = is_method(part.node) or part.source.code(part.node.func).startswith(("np.", "numpy.", "math."))
    for name in part.source.switches if not module or "self." in part.source.code(part.node.func) else ():
        if name not in given and part.node.args:
            kind = "missing-derivative" if SLOPE.search(name) or name in ("d", "dx", "df") else "wrong-operand"
            said = f"`{part.code}` lacks {name}=True"
            yield part.change(f"{part.code[:-1].rstrip(', ')}, {name}=True)", kind, said, NAMED)


def without_call(part: Part) -> Iterator[Rewrite]:
    """What a function of one number is given, and not what it makes of it."""
    if isinstance(part.statement, ast.Expr) and part.is_whole:
        return
    if len(part.node.args) == 1 and part.source.code(part.node.func) in part.source.takes_one(part.line):
        inner = part.source.code(part.node.args[0])
        kind = "derivative-at-wrong-point" if part.is_of_slope else "wrong-operand"
        said = f"`{part.code}` should be {inner} itself"
        yield part.change(part.source.operand(part.node.args[0]), kind, said, NAMED)


def without_out(part: Part) -> Iterator[Rewrite]:
    """The call with an array of its own for its result, where it writes over one: `np.multiply(g, x, out=g)`."""
    given, source = [*part.node.args, *part.node.keywords], part.source
    for keyword in part.node.keywords if not isinstance(part.statement, ast.Expr) else ():
        if keyword.arg == "out":
            rest = ", ".join(source.code(each) for each in given if each is not keyword)
            said = f"`out={source.code(keyword.value)}` writes over what is read once more"
            yield part.change(f"{source.code(part.node.func)}({rest})", "inplace-corruption", said)


def of_function(part: Part) -> Iterator[Rewrite]:
    """Another function."""
    name = name_of(part.node)
    end = part.source.span(part.node.func)[1]
    for other, kind in (OTHER[name], *((("trace", "broadcasting-shape"),) if name == "sum" else ())):
        yield part.change(other, kind, f"`{name}` should be `{other}` in `{part.code}`", at=(end - len(name), end))


def of_range(part: Part) -> Iterator[Rewrite]:
    """The other direction of a loop, and one turn more or less where a bound is no sum, and no number, of its own."""
    if name_of(part.node) == "range":
        yield part.change(f"reversed({part.code})", "off-by-one", f"`{part.code}` should be run through from its end")
        for bound in part.node.args[:2]:
            code, is_value = part.source.code(bound), isinstance(bound, ast.Name | ast.Attribute | ast.Call)
            for other in (f"{code} + 1", f"{code} - 1") if is_value else ():
                yield part.change(other, "off-by-one", f"{code} should be {other}", NAMED, at=part.source.span(bound))
    elif len(part.node.args) == 1:
        inner = part.source.code(part.node.args[0])
        yield part.change(inner, "off-by-one", f"`{inner}` should be run through from its beginning")


def of_running_sum(part: Part) -> Iterator[Rewrite]:
    """The sum from the other end on, as the gradient of a running sum is: `np.cumsum(d[::-1])[::-1]`."""
    inner = inner_of(part.node)
    if inner is not None:
        text = part.code.replace(part.source.code(inner), f"{part.source.operand(inner)}[::-1]", 1) + "[::-1]"
        yield part.change(text, "wrong-operand", f"`{part.code}` runs the wrong way: it should begin at the end", NAMED)


def of_rounding(part: Part) -> Iterator[Rewrite]:
    inner = inner_of(part.node)
    if inner is not None:
        said = f"`{part.code}` makes whole numbers, and drops what is behind the point"
        yield part.change(part.source.operand(inner), "dtype-or-integer", said)


def left_out(part: Part) -> Iterator[Rewrite]:
    """What a call is given, alone."""
    inner = inner_of(part.node)
    if inner is not None:
        kind = "transpose" if name_of(part.node) in TURNS else "wrong-operand"
        yield part.change(part.source.operand(inner), kind, f"`{part.code}` should be {part.source.code(inner)} alone")


def of_type(part: Part) -> Iterator[Rewrite]:
    """An array for numbers with a point, where one of whole numbers was made."""
    said = f"`{part.code}` is of whole numbers, and drops what is behind the point"
    for keyword in part.node.keywords:
        if keyword.arg == "dtype":
            yield part.change("float", "dtype-or-integer", said, at=part.source.span(keyword.value))
            return
    for argument in part.node.args[1:]:
        if part.source.code(argument) in ("int", "np.int32", "np.int64", "bool", "np.uint8", "np.int8"):
            yield part.change("float", "dtype-or-integer", said, at=part.source.span(argument))
            return
    yield part.change(f"{part.code[:-1].rstrip(', ')}, dtype=float)", "dtype-or-integer", said)


def of_arguments(part: Part) -> Iterator[Rewrite]:
    """Two arguments in a row, exchanged: none that a function of theirs calls as it is called where it is given."""
    codes = [part.source.code(each) for each in part.node.args]
    for i in range(len(codes) - 1):
        if part.source.is_given_by_name(name_of(part.node), codes[: i + 2], i):
            continue
        first, second = part.node.args[i], part.node.args[i + 1]
        span = part.source.span(first)[0], part.source.span(second)[1]
        said = f"{codes[i]} and {codes[i + 1]} should be exchanged in `{part.code}`"
        turns = name_of(part.node) in (*TURNS, "outer", "einsum")
        yield part.change(f"{codes[i + 1]}, {codes[i]}", "transpose" if turns else "wrong-operand", said, at=span)


def of_axes(part: Part) -> Iterator[Rewrite]:
    """A sum over another axis, over none, and with or without its dimensions kept."""
    node, code, inner = part.node, part.code, inner_of(part.node)
    if isinstance(node.func, ast.Name):  # Python's own knows no axis
        yield from of_several(part)
        return
    if inner is None:
        return
    for text, kind in over_axes(part.source, node):
        yield part.change(text, kind, f"`{code}` sums over other axes than are due")
    if part.in_index:
        said = f"`{code}` should be `{part.source.code(inner)}`"
        yield part.change(part.source.operand(inner), "off-by-one", said)
        return
    said = f"`{code}` sums what should stay apart"
    yield part.change(part.source.operand(inner), "broadcasting-shape", said)
    if part.code.endswith(("()", f"({part.source.code(inner)})")) and isinstance(part.around, ast.BinOp):
        yield part.change(f"{part.source.operand(inner)}[:, None]", "broadcasting-shape", said)  # one for each row


def over_axes(source: Source, node: ast.Call) -> Iterator[tuple[str, str]]:
    """A sum over each axis, and over none, with and without its dimensions kept; and the kinds of these."""
    by_place, inner = node.args[0 if is_method(node) else 1 :], inner_of(node)
    has_axis = bool(by_place) or any(keyword.arg == "axis" for keyword in node.keywords)
    of = "" if is_method(node) or inner is None else source.code(inner)
    for number in (None, 0, 1, -1):
        for kept in ("", "keepdims=True"):
            inside = [of, f"axis={number}" if number is not None else "", kept]
            text = f"{source.code(node.func)}({', '.join(each for each in inside if each)})"
            yield text, "missing-batch-sum-or-mean" if number is None and has_axis else "broadcasting-shape"


def of_reshape(part: Part) -> Iterator[Rewrite]:
    """Rows and columns: of another layout, an array of two axes is made the other way round and then turned."""
    given, first = part.node.args, 0 if is_method(part.node) else 1
    sizes = given[first].elts if len(given) == first + 1 and isinstance(given[first], ast.Tuple) else given[first:]
    if len(sizes) == 2:
        start, end = part.source.span(part.node)
        (a, b), (c, d) = (part.source.span(each) for each in sizes)
        text = part.source.text
        turned = f"{text[start:a]}{text[c:d]}{text[b:c]}{text[a:b]}{text[d:end]}.T"
        yield part.change(turned, "transpose", f"`{part.code}` mixes rows and columns: `{turned}` is meant", NAMED)


def of_turned_rows(part: Part) -> Iterator[Rewrite]:
    """The shape of a value as it is, for its parts in another order and a turn: `d.reshape(x.shape)`."""
    inner = inner_of(part.node)
    base = inner_of(inner) if isinstance(inner, ast.Call) and name_of(inner) == "reshape" else None
    shapes = SHAPES.findall(part.source.code(inner)) if inner is not None and base is not None else []
    if base is not None and len(set(shapes)) == 1:
        text = f"{part.source.operand(base)}.reshape({shapes[0]})"
        said = f"`{part.code}` takes the entries in another order: `{text}` is meant"
        yield part.change(text, "transpose", said, NAMED)


def of_order(part: Part) -> Iterator[Rewrite]:
    """Entries taken column by column where it was row by row, and the other way round."""
    written = ORDER.search(part.code)
    turned = ORDER.sub("", part.code) if written else f"{part.code[:-1].rstrip(', ')}, order='F')".replace("(, ", "(")
    said = f"`{part.code}` takes the entries {'column by column' if written else 'row by row'}: `{turned}` is meant"
    yield part.change(turned, "transpose", said, CHANGED if written else NAMED)


ORDER = re.compile(r"""(?:,\s*)?(?:order\s*=\s*)?(['"])F\1""")


def of_several(part: Part) -> Iterator[Rewrite]:
    """One of several numbers, and not the largest or the least."""
    for kept in part.node.args if len(part.node.args) > 1 else ():
        said = f"`{part.code}` should be {part.source.code(kept)} alone"
        kind = "off-by-one" if part.in_index else "wrong-operand"
        yield part.change(part.source.operand(kept), kind, said)


def is_method(node: ast.Call) -> bool:
    """Whether an array's method is called, and no function of a module's."""
    return isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") not in ("np", "numpy", "math")


def inner_of(node: ast.Call) -> ast.expr | None:
    """The array that a call is about: what holds the method, or the first argument."""
    if is_method(node):
        return node.func.value  # type: ignore[attr-defined, no-any-return]
    return node.args[0] if node.args else None


CHANGES = (
    (PRODUCTS, of_product),
    (OTHER, of_function),
    (("range", "reversed"), of_range),
    (("where",), of_branches),
    (("cumsum",), of_running_sum),
    (SUMS, of_axes),
    (SUMS, one_of),
    (("astype", *ROUNDS), of_rounding),
    (FILLED, of_type),
    (("transpose", "swapaxes", "copy", "clip", "abs", "sign", "flip", "flipud", "fliplr", "rot90"), left_out),
    (("reshape",), of_reshape),
    (("transpose", "swapaxes", "moveaxis"), of_turned_rows),
    (("reshape", "ravel", "flatten"), of_order),
)
