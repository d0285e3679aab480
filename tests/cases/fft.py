"""Cases of rules/fft.py."""

from __future__ import annotations

from typing import Any

from numpy.fft import (
    fft,
    fft2,
    fftn,
    fftshift,
    hfft,
    ifft,
    ifft2,
    ifftn,
    ifftshift,
    ihfft,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftn,
)

from tests.cases.table import NEED_AXES, NOT_ANALYTIC, case, complex_normal, normal

function: Any  # the one that a loop below is at
values: Any

COMPLEX = ((fft, normal), (fft, complex_normal), (ifft, normal), (ifft, complex_normal))
OF_REAL = ((rfft, normal), (ihfft, normal))
TO_REAL = ((irfft, normal), (irfft, complex_normal), (hfft, normal), (hfft, complex_normal))

# ---- one axis --------------------------------------------------------------------------------------------------------

for function, values in (*COMPLEX, *OF_REAL, *TO_REAL):
    case(function, values(4))
    case(function, values(5))
    case(function, values(2, 3, 2), axis=1)
    case(function, values(0, 3))
    for n in (1, 2, 3, 8):
        case(function, values(5), n=n)
    case(function, values(3, 2), 4, 0)
    for norm in ("backward", "ortho", "forward"):
        case(function, values(4), n=5, norm=norm)

# ---- several axes ----------------------------------------------------------------------------------------------------

for function, values in (
    (fftn, normal), (fftn, complex_normal), (ifftn, normal), (ifftn, complex_normal),
    (rfftn, normal), (irfftn, normal), (irfftn, complex_normal),
):  # fmt: skip
    case(function, values(4))
    case(function, values(2, 3, 4))
    case(function, values(3, 4, 2), axes=(2, 0))
    case(function, values(2, 3), axes=(-1,))
    case(function, values(3, 4), s=(4, 3), axes=(0, 1))
    case(function, values(3, 4), s=(2, 5), axes=(1, 0), norm="ortho")
    case(function, values(3, 4), s=(-1, 3), axes=(0, 1))
    case(function, values(2, 3), norm="forward")
    case(function, values(0, 3), axes=(1,))
    case(function, values(3, 2), axes=(0, 0))
    case(function, values(3, 2), s=(5, 2, 4), axes=(0, 1, 0))
for function in (fftn, ifftn):
    case(function, normal(2, 3), axes=())
for function, values in (
    (fft2, normal), (fft2, complex_normal), (ifft2, normal), (ifft2, complex_normal),
    (rfft2, normal), (irfft2, normal), (irfft2, complex_normal),
):  # fmt: skip
    case(function, values(2, 3))
    case(function, values(2, 3, 4))
    case(function, values(3, 2, 3), axes=(0, 2))
    case(function, values(3, 4), s=(4, 3), norm="ortho")
    case(function, values(3, 4), s=(-1, 5))
    case(function, values(2, 3), axes=None, norm="forward")
    case(function, values(0, 2, 3))

# ---- the frequency 0 in the middle -----------------------------------------------------------------------------------

for function in (fftshift, ifftshift):
    case(function, normal(5))
    case(function, normal(2, 3))
    case(function, normal(4, 3), axes=1)
    case(function, normal(5, 3), axes=(0, -1))
    case(function, complex_normal(5))
    case(function, normal(0, 3))

TRANSFORMS: set[Any] = {fft, ifft, rfft, ihfft, irfft, hfft, fftn, ifftn, rfftn, irfftn, fft2, ifft2, rfft2, irfft2}
NOT_ANALYTIC.update(TRANSFORMS)  # they make complex numbers of real ones, or take only one of the two kinds
NEED_AXES.update({*TRANSFORMS, fftshift, ifftshift})
