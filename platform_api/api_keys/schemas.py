"""Bodies of the API key endpoints."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from platform_api.api_keys.rules import Scope
from platform_api.api_keys.service import NewKey
from platform_api.fields import Name, Time
from platform_api.schemas import StrictBody


class ApiKeyIn(StrictBody):
    """`scopes`: what the key may do, and no more."""

    name: Name = Field(examples=["ERP of the Kaolack depot"])
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))] = Field(
        examples=[["orders:read", "orders:write"]]
    )
    expires_at: Time | None = None


class ApiKeyOut(BaseModel):
    """`prefix`: the first characters of the key, to know which is which."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewApiKeyOut(ApiKeyOut):
    """`key` is shown this one time: keep it as a password."""

    key: str = Field(examples=["mess_key_8Jc1V0k3..."])

    @classmethod
    def of(cls, new: NewKey) -> "NewApiKeyOut":
        return cls(**ApiKeyOut.model_validate(new.row).model_dump(), key=new.key)
