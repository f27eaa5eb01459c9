"""Decisions about one-time codes: what is stored of one, when it is right, what is texted."""

import hashlib
import hmac
from datetime import datetime, timedelta
from enum import StrEnum

from platform_api.errors import Conflict, Forbidden, PlatformError
from platform_api.languages import Language

CODE_DIGITS = 6
CODE_LIFE = timedelta(minutes=10)
MAX_CODE_CHARS = 16
# A registration has its own id, so all wrong tries are its owner's. A reset has none: strangers can
# spend tries too, each from his network, until the lock of that network stops him.
MAX_ATTEMPTS = {"register": 5, "reset": 10}


class Purpose(StrEnum):
    REGISTER = "register"
    RESET = "reset"


def hash_code(secret: str, purpose: Purpose, phone: str, code: str) -> str:
    """HMAC-SHA256 in hex: a million codes are tried in a second, so what is stored must need the secret."""
    said = f"one-time code|{purpose}|{phone}|{code}"
    return hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()


def digits_of(typed: str) -> str:
    """Codes are read out and typed in groups."""
    return "".join(character for character in typed if character not in " -.\u00a0\u202f")


def judge(
    *, right: bool, purpose: Purpose, attempts: int, expires_at: datetime, now: datetime
) -> PlatformError | None:
    """Why a code is not taken; None = it is. `attempts` before this one."""
    if expires_at <= now:
        return no_code()
    if attempts >= MAX_ATTEMPTS[purpose]:
        return Conflict("code_used_up", "Too many wrong codes. Ask for a new one.")
    return None if right else Forbidden("code_wrong", "This is not the code.")


def no_code() -> Conflict:
    return Conflict("code_expired", "The code has expired. Ask for a new one.")


_TEXTS = {
    (
        Purpose.REGISTER,
        Language.FRENCH,
    ): "Code MESS pour ouvrir votre compte : {code}. Valable {minutes} min. Ne le donnez à personne.",
    (
        Purpose.REGISTER,
        Language.ENGLISH,
    ): "MESS code to open your account: {code}. Valid for {minutes} min. Do not give it to anybody.",
    (
        Purpose.RESET,
        Language.FRENCH,
    ): "Code MESS pour un nouveau mot de passe : {code}. Valable {minutes} min. Ne le"
    " donnez à personne. Rien demandé ? Ignorez ce message.",
    (
        Purpose.RESET,
        Language.ENGLISH,
    ): "MESS code for a new password: {code}. Valid for {minutes} min. Do not give it"
    " to anybody. Not you? Ignore this message.",
}
_HAS_ACCOUNT = {
    Language.FRENCH: "MESS : ce numéro a déjà un compte. Connectez-vous, ou demandez un nouveau mot de passe. Rien"
    " demandé ? Ignorez ce message.",
    Language.ENGLISH: "MESS: this number has an account already. Sign in, or ask for a new password. Not you? Ignore"
    " this message.",
}
_PASSWORD_CHANGED = {
    Language.FRENCH: "MESS : votre mot de passe a été changé. Ce n'est pas vous ? Demandez-en un nouveau.",
    Language.ENGLISH: "MESS: your password was changed. It was not you? Ask for a new one.",
}


def code_text(purpose: Purpose, language: Language, code: str) -> str:
    minutes = int(CODE_LIFE.total_seconds()) // 60
    return _TEXTS[purpose, language].format(code=code, minutes=minutes)


def has_account_text(language: Language) -> str:
    return _HAS_ACCOUNT[language]


def password_changed_text(language: Language) -> str:
    return _PASSWORD_CHANGED[language]
