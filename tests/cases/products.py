"""Cases of rules/products.py."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tests.cases.table import CALLED_BY, NEED_AXES, NOT_ANALYTIC, case, complex_normal, normal
from tinygrad_scratch.rules.products import einsum, on_diagonal

matvec, vecmat = (getattr(np, name, None) for name in ("matvec", "vecmat"))

# ---- products --------------------------------------------------------------------------------------------------------

case(np.matmul, normal(3), normal(3))
case(np.matmul, normal(2, 3), normal(3))
case(np.matmul, normal(3), normal(3, 2))
case(np.matmul, normal(2, 3), normal(3, 4))
case(np.matmul, normal(1, 3), normal(3, 1))
case(np.matmul, normal(2, 2, 3), normal(2, 3, 2))
case(np.matmul, normal(2, 3), normal(4, 3, 2))
case(np.matmul, normal(4, 2, 3), normal(3, 2))
case(np.matmul, normal(2, 1, 2, 3), normal(3, 3, 1))
case(np.matmul, normal(4, 2, 3), normal(3))
case(np.matmul, normal(3), normal(2, 3, 2))
case(np.matmul, normal(0, 3), normal(3, 2))
case(np.matmul, normal(2, 0), normal(0, 3))
case(np.matmul, normal(2, 3), np.arange(6).reshape(3, 2))
case(np.matmul, complex_normal(2, 3), complex_normal(3, 2))
case(np.matmul, normal(2, 3), complex_normal(3, 2))

case(np.dot, normal(), normal())
case(np.dot, normal(), normal(2, 3))
case(np.dot, normal(2, 3), normal())
case(np.dot, normal(2, 3), 2.5)
case(np.dot, 2.5, normal(2, 3))
case(np.dot, normal(3), normal(3))
case(np.dot, normal(2, 3), normal(3))
case(np.dot, normal(3), normal(3, 2))
case(np.dot, normal(2, 3), normal(3, 4))
case(np.dot, normal(2, 2, 3), normal(3))
case(np.dot, normal(3), normal(2, 3, 2))
case(np.dot, normal(2, 3), normal(4, 3, 2))
case(np.dot, normal(2, 2, 3), normal(3, 2))
case(np.dot, normal(2, 2, 3), normal(2, 3, 2))
case(np.dot, normal(0, 3), normal(3, 2))
case(np.dot, normal(2, 0), normal(0, 3))
case(np.dot, complex_normal(2, 3), complex_normal(3))

case(np.tensordot, normal(2, 3), normal(3, 4), axes=1)
case(np.tensordot, normal(2, 3, 4), normal(3, 2, 4), axes=((1, 2, 0), (0, -1, 1)))
case(np.tensordot, normal(2, 3), normal(3, 4), axes=((1,), 0))
case(np.tensordot, normal(2, 3), normal(4), axes=((), ()))
case(np.tensordot, normal(2, 3), 2.5, axes=0)
case(np.tensordot, 2.5, normal(2, 3), axes=0)
case(np.tensordot, complex_normal(2, 3), complex_normal(3, 2), axes=1)
case(np.tensordot, normal(2, 3), complex_normal(3, 2), axes=1)
case(np.tensordot, normal(2, 3, 2), normal(2, 3, 3), np.array([[0, 1], [0, 1]]))
case(np.tensordot, normal(4, 2, 3), normal(2, 3, 2))
case(np.tensordot, normal(2, 3), normal(2), axes=0)
case(np.tensordot, normal(2, 3, 4), normal(4, 2), axes=([0, 2], [1, 0]))
case(np.tensordot, normal(2, 3), normal(4, 3), axes=(-1, -1))
case(np.tensordot, normal(), normal(), axes=0)
case(np.tensordot, normal(0, 3), normal(3, 2), axes=1)
case(np.tensordot, normal(2, 3), [1.0, 2.0, 3.0], axes=1)
case(np.inner, normal(3), normal(3))
case(np.inner, normal(2, 3), normal(4, 3))
case(np.inner, normal(), normal(2, 3))
case(np.inner, normal(0, 3), normal(2, 3))
case(np.inner, 2.5, normal(3))
case(np.inner, normal(2, 3), normal())
case(np.inner, normal(2, 2, 3), normal(4, 3))
case(np.inner, normal(3), normal(2, 3))
case(np.inner, normal(2, 2, 3), normal(3))
case(np.inner, normal(2, 0), normal(3, 0))
case(np.inner, complex_normal(2, 3), complex_normal(2, 3))
case(np.inner, [1.0, 2.0, 3.0], normal(3))
case(np.outer, [1.0, 2.0, 3.0], normal(2))
case(np.dot, [1.0, 2.0, 3.0], normal(3))
case(np.matmul, normal(2, 3), [1.0, 2.0, 3.0])
case(np.vdot, normal(3), [1.0, 2.0, 3.0])
case(np.vecdot, normal(3), [1.0, 2.0, 3.0])
case(matvec, normal(2, 3), [1.0, 2.0, 3.0])
case(vecmat, [1.0, 2.0, 3.0], normal(3, 2))
case(np.outer, normal(3), normal(2))
case(np.outer, normal(2, 2), normal(3))
case(np.outer, normal(), normal())
case(np.outer, normal(0), normal(3))
case(np.outer, 2.5, normal(2, 3))
case(np.outer, complex_normal(2), complex_normal(2, 2))
for values in (normal, complex_normal):
    case(np.vdot, values(2, 3), values(2, 3))
    case(np.vecdot, values(2, 3), values(3))
    case(np.vecdot, values(3, 2), values(3, 2), axis=0)
    case(matvec, values(2, 3), values(3))
    case(vecmat, values(3), values(3, 2))
case(np.vdot, normal(), normal())
case(np.vdot, normal(0), normal(0))
case(np.vecdot, normal(0, 3), normal(3))
case(matvec, normal(4, 2, 3), normal(4, 3))
case(matvec, normal(2, 3), normal(4, 3))
case(matvec, normal(1, 2, 3), normal(4, 3))
case(matvec, normal(4, 2, 3), normal(3))
case(matvec, normal(0, 3), normal(3))
case(vecmat, normal(4, 3), normal(1, 3, 2))
case(vecmat, normal(3), normal(4, 3, 2))
case(vecmat, normal(4, 3), normal(4, 3, 2))
case(vecmat, normal(4, 3), normal(3, 2))
case(vecmat, normal(3), normal(3, 0))

case(np.matmul, complex_normal(4, 2, 3), complex_normal(3, 2))
case(np.matmul, normal(2, 3), normal(4, 2, 3, 2))
case(np.matmul, normal(0, 2, 3), normal(3, 2))
case(np.vdot, normal(2, 3), normal(3, 2))
case(np.vdot, normal(3), complex_normal(3))
case(np.vecdot, normal(3), normal(3, 2), axis=0)
case(np.vecdot, complex_normal(3, 2), complex_normal(4, 3, 2), axis=-2)
case(np.vecdot, complex_normal(2, 3, 2), normal(1, 3, 2), axis=1)

case(np.kron, normal(2), normal(3))
case(np.kron, normal(2, 2), normal(2, 3))
case(np.kron, normal(2, 3), normal(2))
case(np.kron, normal(2), normal(2, 1, 3))
case(np.kron, normal(2, 1, 2, 2), normal(1, 2, 2))
case(np.kron, normal(), normal(2, 3))
case(np.kron, normal(2), normal())
case(np.kron, normal(), normal())
case(np.kron, normal(0, 2), normal(3, 1))
case(np.kron, normal(2, 2), 2.5)
case(np.kron, [1.0, 2.0], normal(2, 2))
case(np.kron, np.arange(4).reshape(2, 2), normal(2, 2))
case(np.kron, complex_normal(2, 2), complex_normal(2))

# ---- the cross product -----------------------------------------------------------------------------------------------


def cross_in_plane(a: Any, b: Any, **axes: Any) -> Any:
    """np.cross, of vectors of two elements, too, which NumPy takes before 2.5."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.cross(a, b, **axes)


CALLED_BY[cross_in_plane] = np.cross
for values in (normal, complex_normal):
    case(np.cross, values(3), values(3))
    case(np.cross, values(2, 3), values(2, 3))
case(np.cross, normal(3), normal(2, 3))
case(np.cross, normal(2, 1, 3), normal(4, 3))
case(np.cross, normal(2, 3), [1.0, 2.0, 3.0])
case(np.cross, np.arange(3), normal(3))
case(np.cross, normal(0, 3), normal(3))
case(np.cross, normal(3, 2), normal(3, 2), axis=0)
case(np.cross, normal(3, 2), normal(4, 3, 2), axis=-2)
case(np.cross, normal(3, 2), normal(2, 3), axisa=0, axisb=1)
case(np.cross, normal(3), normal(2, 3), axisa=0)
case(np.cross, normal(3, 4), normal(2, 4, 3), axisa=0, axisc=1)
case(np.cross, normal(2, 3, 2), normal(3, 2, 2), axisa=1, axisb=0, axisc=-2)
case(np.cross, normal(2, 3), normal(2, 3), -1, -1, 0)
if np.lib.NumpyVersion(np.__version__) < "2.5.0":
    case(cross_in_plane, normal(2), normal(2))
    case(cross_in_plane, normal(4, 2), normal(2))
    case(cross_in_plane, normal(2), normal(3))
    case(cross_in_plane, normal(4, 3), normal(2))
    case(cross_in_plane, normal(2, 4), normal(4, 3), axisa=0, axisc=0)
    case(cross_in_plane, normal(2, 3), normal(2, 3), axis=0)
    case(cross_in_plane, complex_normal(2), complex_normal(3))

# ---- Einstein's sums -------------------------------------------------------------------------------------------------

SUMS: list[tuple[Any, ...]] = [
    # of one array: sums, transpositions, diagonals
    ("->", ()), ("i->", (3,)), ("ij->i", (2, 3)), ("ij", (2, 3)), ("ji", (2, 3)), ("Ba", (2, 3)),
    ("ijk->kji", (2, 3, 2)), ("ii", (3, 3)), ("ii->i", (3, 3)), ("iij->ij", (2, 2, 3)), ("ijii->j", (2, 3, 2, 2)),
    ("jiij->ij", (2, 3, 3, 2)), ("ijij->", (2, 3, 2, 3)), ("iji->", (2, 3, 2)), ("ii", (1, 1)), ("...->...", ()),
    ("...", (2, 3)), ("...i->...", (2, 3)), ("i...->...", (2, 3, 2)), ("ii...->i...", (2, 2, 3)), ("i...i", (2, 3, 2)),
    ("i->i", (0,)), ("ij->i", (0, 3)),
    # of two
    ("ij,jk->ik", (2, 3), (3, 2)), ("ij,jk", (2, 3), (3, 2)), ("ba,cb", (2, 3), (2, 2)), ("aB,Bc", (2, 3), (3, 2)),
    (" i j , j k -> i k ", (2, 3), (3, 2)), ("i,j->ij", (2,), (3,)), ("i,i->", (3,), (3,)),
    ("ij,ij->ij", (2, 3), (2, 3)), ("ij,k->i", (2, 3), (2,)), ("ij,jk->", (2, 3), (3, 2)), (",ij", (), (2, 3)),
    (",->", (), ()), ("i,->i", (3,), ()), ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    ("bqhd,bkhd->bhqk", (2, 3, 2, 2), (2, 2, 2, 2)), ("iij,j->i", (2, 2, 3), (3,)), ("ii,i->i", (3, 3), (3,)),
    ("ii,ij->j", (1, 1), (3, 2)), ("ij,jj->i", (2, 1), (3, 3)), ("ij,ij->ij", (2, 3), (1, 3)),
    ("ij,ij->j", (2, 3), (1, 3)), ("ij,jk->ik", (2, 3), (1, 2)), ("i,i->", (3,), (1,)), ("ij,jk->ki", (2, 0), (0, 3)),
    ("ij,j->i", (0, 3), (3,)), ("i,j->i", (0,), (3,)), ("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
    ("i...,i...", (2, 3), (2, 3)), ("...i,...i->...", (2, 1, 3), (4, 3)), ("...i,i->i...", (2, 3), (3,)),
    ("...,...", (2, 3), (3,)), ("...ij,jk", (2, 2, 3), (3, 2)), ("i...,...i->...", (2, 3), (2,)),
    ("...ii,...i->...i", (4, 2, 2), (1, 2)), ("a...,b...->ab", (2,), (3,)),
    # of more
    ("i,ij,j->", (2,), (2, 3), (3,)), ("ij,jk,kl,lm->im", (2, 2), (2, 3), (3, 2), (2, 2)), ("i,i,i", (3,), (3,), (3,)),
    ("ij,ik,il->jkl", (2, 2), (2, 3), (1, 2)), ("...i,ij,j...->...", (2, 2), (2, 3), (3, 2)),
]  # fmt: skip
for subscripts, *shapes in SUMS:
    case(np.einsum, subscripts, *(normal(*shape) for shape in shapes))
    if len(shapes) > 2:
        case(np.einsum, subscripts, *(normal(*shape) for shape in shapes), optimize=True)
case(np.einsum, "ij,jk->ik", complex_normal(2, 3), complex_normal(3, 2))
case(np.einsum, "iij,j->i", complex_normal(2, 2, 3), normal(3))
case(np.einsum, "ij,jk->ik", normal(2, 3), complex_normal(3, 2), optimize=True)
case(np.einsum, "ij,j->i", normal(2, 3), np.arange(3))
case(np.einsum, "ij,j->i", normal(2, 3), [1.0, 2.0, 3.0])
case(np.einsum, ",ij", 2.5, normal(2, 3))
case(np.einsum, "i,...->i...", normal(2), 2.5)
case(np.einsum, "ij,jk,kl->il", normal(2, 2), np.arange(6).reshape(2, 3), normal(3, 2), optimize=True)
case(np.einsum, "ij,j,->i", normal(2, 3), [1.0, 2.0, 3.0], 2.5, optimize=True)

case(np.einsum, normal(2, 3), [0, 1])
case(np.einsum, normal(2, 3), [1, 0])
case(np.einsum, normal(3, 3), [7, 7], [])
case(np.einsum, normal(2, 3), [0, 1], normal(3, 2), [1, 2])
case(np.einsum, normal(2, 3), [30, 2], normal(3, 2), [2, 51])
case(np.einsum, normal(2, 3), [0, 1], normal(3, 2), [1, 2], [0, 2])
case(np.einsum, normal(2, 2, 3), [Ellipsis, 0, 1], normal(3), (1,), [0, Ellipsis])
case(np.einsum, normal(2), [0], normal(2, 3), [0, 1], normal(3), [1], optimize="optimal")

CHAIN = (normal(2, 2), normal(2, 3), normal(3, 2))
case(np.einsum, "ii->i", normal(3, 3), optimize=True)
case(np.einsum, "ij,jk->ik", normal(2, 3), normal(3, 2), optimize="greedy")
case(np.einsum, "ij,ij->ij", normal(2, 3), normal(1, 3), optimize=True)
plan: Any
for plan in ("greedy", "optimal", ("greedy", 4), ["einsum_path", (0, 2), (0, 1)], ["einsum_path", (1,), (0, 1, 2)]):
    case(np.einsum, "ij,jk,kl->il", *CHAIN, optimize=plan)
case(np.einsum, "ij,jk,kk->i", normal(2, 2), normal(2, 3), normal(3, 3), optimize=["einsum_path", (2,), (0, 1), (0, 1)])
case(np.einsum, "ij,jk,kl->il", *CHAIN, order="F", optimize=True)
case(np.einsum, "ij,jk,kl->il", *CHAIN, dtype=complex, optimize=True)
for function, form in ((np.einsum, ("ij,jk->ik",)), (einsum, ())):
    named = {} if form else {"subscripts": "ij,jk->ik"}
    case(function, *form, normal(2, 3), normal(3, 2), **named, dtype=complex)
    case(function, *form, normal(2, 3), np.arange(6).reshape(3, 2), **named, dtype=np.longdouble)
    case(function, *form, normal(2, 3), normal(3, 2), **named, casting="same_kind")
    case(function, *form, normal(2, 3), normal(3, 2), **named, order="F")
    case(function, *form, normal(2, 3), normal(3, 2), **named, optimize=True)
case(einsum, normal(), normal(0), subscripts=",i->i")
case(einsum, normal(2, 2), normal(3), normal(1, 3), subscripts="ii,j,kj->i")
case(einsum, complex_normal(2, 2), normal(2), subscripts="ij,j")
case(on_diagonal, normal(2), "ii", (2, 2))
case(on_diagonal, normal(2, 3), "iji", (2, 3, 2))
case(on_diagonal, normal(1, 3), "ij", (2, 3))
case(on_diagonal, normal(), "jii", (3, 2, 2))
case(on_diagonal, complex_normal(0, 3), "iij", (0, 0, 3))
case(np.einsum_path, "ij,jk,kl->il", *CHAIN)
case(np.einsum_path, "ij,jk,kl->il", *CHAIN, optimize="optimal")

NOT_ANALYTIC.update({np.vdot, np.vecdot, vecmat})  # a conjugate is in them
NEED_AXES.update({np.matmul, np.vecdot, matvec, vecmat, np.cross})
