"""What a unit is called at the end of a field's name: letters, digits and underscores, and no two units alike."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

NAMED: Final[Mapping[str, str]] = {
    "%": "percent",
    "[ppth]": "ppth",
    "[ppm]": "ppm",
    "[ppb]": "ppb",
    "[pH]": "pH",
    "[degF]": "degF",
    "[in_i]": "in",
    "[ft_i]": "ft",
    "[kn_i]": "kn",
    "[mi_i]/h": "mph",
    "[ft_i]/min": "ft_per_min",
    "[in_i]/h": "in_per_h",
    "[g]": "gravity",
    "m[g]": "milligravity",
    "[psi]": "psi",
    "m[Hg]": "mHg",
    "mm[Hg]": "mmHg",
    "[in_i'Hg]": "inHg",
    "m[H2O]": "mH2O",
    "'": "arcmin",
    "{rev}/min": "rpm",
    "V.A{reactive}": "var",
    "{UVI}": "UVI",
    "/[in_i]2": "per_in2",
    "/[in_i]2/h": "per_in2_per_h",
    "/(100.mL)": "per_100mL",
    "[NTU]": "NTU",
    "{FNU}": "FNU",
    "dB{A}": "dBA",
    "dB{mW}": "dBm",
    "[lb_av]": "lb",
}
"""UCUM codes with signs that a name cannot hold, and what everybody calls them."""

_TAKEN: Final = frozenset(NAMED.values())
_ATOM: Final = r"(?!per\b|neg[0-9])[A-Za-z0-9]+(?:-[0-9]+)?"
_PLAIN: Final = re.compile(rf"/?{_ATOM}(?:[./]{_ATOM})*")
"""Codes whose words can be put together again: ``/`` is ``per``, a dot an underscore, a minus ``neg``."""

_SPELT: Final = {"/": "_per_", ".": "_", "-": "_neg"}


@lru_cache(maxsize=4096)
def unit_suffix(code: str) -> str:
    """``Cel``, ``percent``, ``m_per_s``; empty where there is no unit. Two different codes never give the same.

    A code that cannot be spelt so that it could be read back ends in eight digits of its digest.
    """
    if code in {"", "1"}:
        return ""
    if code in NAMED:
        return NAMED[code]
    spelt = "".join(_SPELT.get(sign, sign) for sign in code).lstrip("_")
    if _PLAIN.fullmatch(code) and spelt not in _TAKEN:
        return spelt
    words = re.sub(r"[^A-Za-z0-9]+", "_", spelt).strip("_") or "unit"
    return f"{words}_{hashlib.blake2s(code.encode(), digest_size=4).hexdigest()}"
