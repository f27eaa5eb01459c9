"""Pairing codes: eight characters on the label of a tracker, the last of which finds typing mistakes.

The alphabet is Crockford's base 32 (https://www.crockford.com/base32.html): no I, L, O and U, and who reads
O as 0, I or L as 1 is understood. The check character makes the eight a code word over GF(2^5) with the
primitive polynomial x^5 + x^2 + 1: the weights of all places differ and none is 0, so that one wrong
character is always found, and so are any two that changed places.
"""

import hashlib
import hmac
from collections.abc import Callable

from platform_api.errors import Conflict, Invalid
from platform_api.fleet.rules import DeviceKind

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_CHARS = 8
# Typed with spaces and hyphens
MAX_TYPED_CHARS = 32
_POLYNOMIAL = 0b100101
_READ_AS = str.maketrans("OIL", "011", " -\u00a0\u202f")


def new_code(random_below: Callable[[int], int]) -> str:
    """35 random bits and the check character."""
    digits = [random_below(len(ALPHABET)) for _ in range(CODE_CHARS - 1)]
    return "".join(ALPHABET[digit] for digit in (*digits, _times_x(_sum(digits))))


def normalise(typed: str) -> str:
    """`abcd-efgh` as it was made; raises Invalid `invalid_pairing_code` for what can be no code."""
    code = typed.upper().translate(_READ_AS)
    if len(code) == CODE_CHARS and all(character in ALPHABET for character in code):
        digits = [ALPHABET.index(character) for character in code]
        if _sum(digits) == 0:
            return code
    raise Invalid("invalid_pairing_code", "This is no pairing code: look at the label again.")


def shown(code: str) -> str:
    """As it is printed."""
    return f"{code[:4]}-{code[4:]}"


def hash_code(secret: str, code: str) -> str:
    """HMAC-SHA256 in hex: 35 bits are tried through in minutes, so what is stored must need the secret."""
    return hmac.new(secret.encode(), f"pairing code|{code}".encode(), hashlib.sha256).hexdigest()


def check_pairable(kind: DeviceKind) -> None:
    """Raises Conflict `not_a_tracker`: phones belong to drivers, and a gateway is in no vehicle."""
    if kind is not DeviceKind.TRACKER:
        raise Conflict("not_a_tracker", "Only a tracker waits in stock and is paired by its code.")


def _times_x(value: int) -> int:
    doubled = value << 1
    return doubled ^ _POLYNOMIAL if doubled >= len(ALPHABET) else doubled


def _sum(digits: list[int]) -> int:
    """The polynomial with these coefficients, the highest first, at x."""
    total = 0
    for digit in digits:
        total = _times_x(total) ^ digit
    return total
