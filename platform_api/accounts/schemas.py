"""Bodies of the account endpoints."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, StringConstraints

from platform_api.accounts.models import User
from platform_api.accounts.rules import MAX_PASSWORD_CHARS, MAX_PHONE_CHARS, MIN_PASSWORD_CHARS
from platform_api.accounts.service import SignedIn
from platform_api.accounts.tokens import MAX_TOKEN_CHARS
from platform_api.actor import Role
from platform_api.fields import Name

Phone = Annotated[str, StringConstraints(max_length=MAX_PHONE_CHARS)]
NewPassword = Annotated[str, StringConstraints(min_length=MIN_PASSWORD_CHARS, max_length=MAX_PASSWORD_CHARS)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TOKEN_CHARS)]


class RegisterIn(BaseModel):
    phone: Phone
    name: Name
    role: Role
    password: NewPassword


class LoginIn(BaseModel):
    phone: Phone
    password: Annotated[str, StringConstraints(max_length=MAX_PASSWORD_CHARS)]


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
