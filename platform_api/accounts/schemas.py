"""Bodies of the account endpoints."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from platform_api.accounts.limits import CODE_PAUSE
from platform_api.accounts.models import SignInSession, User
from platform_api.accounts.otp_rules import MAX_CODE_CHARS
from platform_api.accounts.registering import Pending
from platform_api.accounts.rules import MAX_PASSWORD_CHARS, MAX_PHONE_CHARS, MIN_PASSWORD_CHARS
from platform_api.accounts.sessions import SignedIn
from platform_api.accounts.tokens import MAX_TOKEN_CHARS
from platform_api.actor import Role
from platform_api.fields import Name, OptionalName
from platform_api.schemas import StrictBody

RESEND_AFTER_S = int(CODE_PAUSE.step.total_seconds())

Phone = Annotated[str, StringConstraints(max_length=MAX_PHONE_CHARS)]
NewPassword = Annotated[str, StringConstraints(min_length=MIN_PASSWORD_CHARS, max_length=MAX_PASSWORD_CHARS)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TOKEN_CHARS)]


Code = Annotated[str, StringConstraints(min_length=1, max_length=MAX_CODE_CHARS)]
DeviceName = Annotated[
    OptionalName, Field(default="", description="What its owner calls it, shown in the list of sessions")
]
OldPassword = Annotated[str, StringConstraints(max_length=MAX_PASSWORD_CHARS)]


class RegisterIn(BaseModel):
    phone: Phone
    name: Name
    role: Role
    password: NewPassword


class CodeSentOut(BaseModel):
    """The same whether the number has an account or not."""

    code_expires_at: datetime
    resend_after_s: Annotated[int, Field(description="Before then another code is refused")]

    @classmethod
    def until(cls, expires_at: datetime) -> "CodeSentOut":
        return CodeSentOut(code_expires_at=expires_at, resend_after_s=RESEND_AFTER_S)


class RegistrationOut(CodeSentOut):
    """`registration_id` is wanted with the code: keep it, and show it to nobody."""

    registration_id: UUID
    phone: str
    name: str
    role: Role

    @classmethod
    def of(cls, pending: Pending) -> Self:
        return cls(
            registration_id=pending.id,
            phone=pending.phone,
            name=pending.name,
            role=pending.role,
            code_expires_at=pending.code_expires_at,
            resend_after_s=RESEND_AFTER_S,
        )


class VerifyIn(BaseModel):
    registration_id: UUID
    code: Code
    device_name: DeviceName


class ResendIn(BaseModel):
    registration_id: UUID


class LoginIn(BaseModel):
    phone: Phone
    password: OldPassword
    device_name: DeviceName


class ResetIn(BaseModel):
    phone: Phone


class ResetConfirmIn(BaseModel):
    phone: Phone
    code: Code
    new_password: NewPassword
    device_name: DeviceName


class PasswordChangeIn(StrictBody):
    current_password: OldPassword
    new_password: NewPassword


class RevokeAllIn(StrictBody):
    keep_current: Annotated[bool, Field(description="Stay signed in here")] = False


class RevokedOut(BaseModel):
    revoked: int


class SessionOut(BaseModel):
    """`current`: the one that asks."""

    id: UUID
    device_name: str
    user_agent: str
    ip: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    current: bool

    @classmethod
    def of(cls, row: SignInSession, current: UUID | None) -> Self:
        return cls(
            id=row.id,
            device_name=row.device_name,
            user_agent=row.user_agent,
            ip=row.ip,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
            current=row.id == current,
        )


class SessionsOut(BaseModel):
    items: list[SessionOut]


class RefreshIn(BaseModel):
    refresh: Token


class UserOut(BaseModel):
    id: UUID
    phone: str
    name: str
    role: Role
    carrier_id: UUID | None
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(
            id=user.id,
            phone=user.phone,
            name=user.name,
            role=Role(user.role),
            carrier_id=user.carrier_id,
            created_at=user.created_at,
        )


class TokensOut(BaseModel):
    access: str
    refresh: str

    @classmethod
    def of_tokens(cls, signed_in: SignedIn) -> "TokensOut":
        return TokensOut(access=signed_in.access, refresh=signed_in.refresh)


class LoginOut(TokensOut):
    user: UserOut

    @classmethod
    def of(cls, signed_in: SignedIn) -> Self:
        return cls(access=signed_in.access, refresh=signed_in.refresh, user=UserOut.of(signed_in.user))
