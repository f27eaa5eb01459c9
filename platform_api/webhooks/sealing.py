"""Secrets of webhooks at rest: encrypted with a key derived from the server's own secret.

A signing secret must be readable again, so it cannot be hashed. When MESS_JWT_SECRET changes,
what was sealed cannot be opened; receivers then get new secrets by rotation.
"""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config.settings import get_settings


@lru_cache(maxsize=4)
def _fernet(server_secret: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"mess webhooks").derive(
        server_secret.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))


def seal(secret: str) -> str:
    return _fernet(get_settings().jwt_secret.get_secret_value()).encrypt(secret.encode()).decode("ascii")


def unseal(sealed: str) -> str | None:
    """None: sealed under another server secret."""
    try:
        return _fernet(get_settings().jwt_secret.get_secret_value()).decrypt(sealed.encode("ascii")).decode()
    except InvalidToken:
        return None
