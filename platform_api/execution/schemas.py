"""Bodies of what the crew says."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from platform_api.execution.models import DeliveryCode, DriverAction, DriverActionFile
from platform_api.execution.reckoning import Kind
from platform_api.execution.service import Details
from platform_api.execution.steps import StepKind, StepState
from platform_api.execution.telling import Position, Said
from platform_api.fields import Id, Name, OptionalName, Time
from platform_api.orders.bodies import MAX_WEIGHT_KG, Latitude, Longitude, Text
from platform_api.orders.rules import OrderStatus
from platform_api.schemas import StrictBody

MAX_PHOTOS = 20
MAX_SEALS = 10
MAX_PACKAGES = 1_000_000
# Of one batch: a week without coverage has fewer.
MAX_ACTIONS = 100

Photos = Annotated[list[UUID], Field(max_length=MAX_PHOTOS, description="ids of uploaded pictures")]
Packages = Annotated[int, Field(ge=0, le=MAX_PACKAGES)]
Weight = Annotated[int, Field(ge=1, le=MAX_WEIGHT_KG)]
Seal = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40, pattern=r"^[\w./ -]+$")
]
# Whatever the driver typed; a wrong form is a wrong code.
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20)]
RequiredText = Annotated[Text, Field(min_length=1)]


class PositionIn(StrictBody):
    lat: Latitude
    lon: Longitude
    accuracy_m: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    def position(self) -> Position:
        return Position(self.lat, self.lon, self.accuracy_m)


class ReservesIn(StrictBody):
    """What is wrong with the goods, in words, and how many packages it concerns."""

    text: RequiredText
    photos: Photos = Field(default=[])
    packages_damaged: Packages | None = None
    packages_missing: Packages | None = None


def _plain(body: BaseModel, *without: str) -> dict[str, Any]:
    """What was given, as JSON; files and positions have columns of their own."""
    told: dict[str, Any] = body.model_dump(
        mode="json", exclude_none=True, exclude={"time", "position", "photos", "signature", "code", *without}
    )
    if "reserves" in told:
        told["reserves"].pop("photos", None)
    return told


def _photos(photos: list[UUID], reserves: ReservesIn | None = None) -> tuple[tuple[UUID, str], ...]:
    told = [(photo, "photo") for photo in photos]
    if reserves is not None:
        told += [(photo, "reserve_photo") for photo in reserves.photos]
    return tuple(told)


def _signed(signature: UUID | None) -> tuple[tuple[UUID, str], ...]:
    return () if signature is None else ((signature, "signature"),)


class _Loading(StrictBody):
    photos: Photos = Field(default=[])
    seals: list[Seal] = Field(default=[], max_length=MAX_SEALS)
    weight_kg: Weight | None = Field(
        default=None, description="as loaded; far from the declared it is flagged"
    )
    packages: Packages | None = None
    reserves: ReservesIn | None = None
    sender_name: OptionalName = Field(default="", description="who handed the goods over")
    signature: UUID | None = Field(default=None, description="id of an uploaded picture of his")

    def files(self) -> tuple[tuple[UUID, str], ...]:
        return (*_photos(self.photos, self.reserves), *_signed(self.signature))


class _Proof(StrictBody):
    receiver_name: Name
    note: OptionalName = ""
    photos: Photos = Field(default=[])
    signature: UUID | None = Field(default=None, description="id of an uploaded picture of it")
    code: Code | None = Field(default=None, description="the consignee's code")
    packages_delivered: Packages | None = None
    reserves: ReservesIn | None = None

    def files(self) -> tuple[tuple[UUID, str], ...]:
        return (*_photos(self.photos, self.reserves), *_signed(self.signature))


class LoadingIn(_Loading):
    """`time`: when it was loaded, if the phone was offline; without it now."""

    time: Time | None = None
    position: PositionIn | None = None

    def details(self) -> Details:
        position = self.position.position() if self.position else None
        return Details(self.time, position, _said(_plain(self)), self.files())


class ProofIn(_Proof):
    """`time` and `position`: as the phone had them when the receiver signed."""

    time: Time | None = None
    position: PositionIn | None = None

    def details(self) -> Details:
        position = self.position.position() if self.position else None
        return Details(self.time, position, _said(_plain(self)), self.files(), self.code)


def _said(body: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing."""
    return {key: value for key, value in body.items() if value not in ([], "")}


class RejectIn(StrictBody):
    reason: RequiredText


class CrewIn(StrictBody):
    """Without `driver_id` the vehicle's driver."""

    vehicle_id: Id
    driver_id: UUID | None = None


class CrewOut(BaseModel):
    """`answer`: of the driver; `silent` = he may still turn it down, until `answer_until`."""

    order_id: UUID
    vehicle_id: int
    driver_id: UUID
    since: datetime
    answer: Literal["accepted", "rejected", "silent"]
    answer_until: datetime


# One action of a phone -----------------------------------------------------------


class _Action(StrictBody):
    """`id` is made by the phone; `time` and `position` are its own."""

    id: UUID
    order_id: UUID
    time: Time
    position: PositionIn | None = None

    def said(self) -> Said:
        return Said(
            self.id,
            self.order_id,
            Kind(getattr(self, "kind")),  # noqa: B009 - each form below has it
            self.time,
            self.position.position() if self.position else None,
            _said(_plain(self, "id", "order_id", "kind")),
            self.files(),
            getattr(self, "code", None),
        )

    def files(self) -> tuple[tuple[UUID, str], ...]:
        return _photos(getattr(self, "photos", []), getattr(self, "reserves", None))


class AcceptAction(_Action):
    kind: Literal["accept"]


class RejectAction(_Action, RejectIn):
    kind: Literal["reject"]


class ArrivedAction(_Action):
    """`stop`: the number of a stop between pickup and delivery, where `place` is "stop"."""

    kind: Literal["arrived"]
    place: Literal["pickup", "delivery", "stop"]
    stop: int | None = Field(default=None, ge=1, le=20)


class LoadingAction(_Loading, _Action):
    kind: Literal["loading"]


class ProofAction(_Proof, _Action):
    kind: Literal["proof"]


class ReserveAction(_Action, ReservesIn):
    """Reserves made apart from loading and delivery."""

    kind: Literal["reserve"]
    stage: Literal["pickup", "delivery"]


class NoteAction(_Action):
    kind: Literal["note"]
    text: RequiredText
    photos: Photos = Field(default=[])


AnyAction = Annotated[
    AcceptAction | RejectAction | ArrivedAction | LoadingAction | ProofAction | ReserveAction | NoteAction,
    Field(discriminator="kind"),
]
ACTION: TypeAdapter[AnyAction] = TypeAdapter(AnyAction)


class SyncIn(StrictBody):
    """Each action is judged by itself, so a malformed one does not hold up the others. Forms: docs/execution.md."""

    actions: list[dict[str, Any]] = Field(
        min_length=1,
        max_length=MAX_ACTIONS,
        examples=[
            [
                {
                    "id": "7d2f1c7e-55b8-4a4e-9a0c-0b6f3f1f5a11",
                    "order_id": "6a3f7b1e-0d2c-4a53-8f1b-2f7f6a9c0d21",
                    "kind": "loading",
                    "time": "2026-03-02T09:12:00Z",
                    "position": {"lat": 14.6797, "lon": -17.4281, "accuracy_m": 8},
                    "seals": ["SN-004512"],
                    "weight_kg": 19840,
                    "packages": 400,
                }
            ]
        ],
    )


class ActionResult(BaseModel):
    """`state`: applied; kept (evidence beside another one that counts); repeated answers carry the state of now.

    `refused` has a `code`; `waiting_for_file`: upload the files and send it again.
    """

    id: UUID | None
    state: Literal["applied", "kept", "refused", "waiting_for_file"]
    repeated: bool = False
    code: str | None = None
    detail: str | None = None
    flags: list[str] = []


class SyncOut(BaseModel):
    """In the order in which the actions were sent."""

    results: list[ActionResult]


# A driver's tasks -----------------------------------------------------------------


class SpotOut(BaseModel):
    """Where, when somebody is there, and who."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    lat: float
    lon: float
    opens_at: datetime | None
    closes_at: datetime | None
    contact_name: str | None
    contact_phone: str | None
    instructions: str


class StepOut(BaseModel):
    """`at`: when it was done; null also where it followed from a later step. `needs`: what to send with it."""

    model_config = ConfigDict(from_attributes=True)

    kind: StepKind
    state: StepState
    at: datetime | None
    place: SpotOut | None = Field(validation_alias="spot")
    needs: list[str]
    stop: int | None
    until: datetime | None


class TaskOut(BaseModel):
    order_id: UUID
    reference: str
    status: OrderStatus
    goods: str
    packages: int | None
    weight_kg: int | None
    vehicle_id: int
    steps: list[StepOut]


class TasksOut(BaseModel):
    """The order that he is at first, then the ones after it."""

    orders: list[TaskOut]


# What is read -----------------------------------------------------------------------


class EvidenceFile(BaseModel):
    id: UUID
    role: str


class StatementOut(BaseModel):
    """Something that the crew said, and what came of it."""

    id: UUID
    user_id: UUID
    kind: str
    source: str
    time: datetime
    recorded_at: datetime
    lat: float | None
    lon: float | None
    accuracy_m: float | None
    state: str
    code: str | None
    flags: list[str]
    said: dict[str, Any]
    files: list[EvidenceFile]

    @classmethod
    def of(cls, row: DriverAction, files: list[DriverActionFile]) -> Self:
        return cls(
            id=row.id,
            user_id=row.user_id,
            kind=row.kind,
            source=row.source,
            time=row.at,
            recorded_at=row.recorded_at,
            lat=row.lat,
            lon=row.lon,
            accuracy_m=row.accuracy_m,
            state=row.verdict,
            code=row.refusal,
            flags=row.flags,
            said={key: value for key, value in row.body.items() if key != "files"},
            files=[EvidenceFile(id=file.file_id, role=file.role) for file in files],
        )


class DemandIn(StrictBody):
    required: bool = Field(description="whether the goods are handed over only against the code")


class DeliveryCodeOut(BaseModel):
    """`misses`: wrong ones so far; after five nothing counts until it is renewed."""

    code: str
    required: bool
    misses: int
    locked: bool
    created_at: datetime
    renewed_at: datetime
    sent_at: datetime | None

    @classmethod
    def of(cls, row: DeliveryCode, code: str, *, locked: bool) -> Self:
        return cls(
            code=code,
            required=row.required,
            misses=row.misses,
            locked=locked,
            created_at=row.created_at,
            renewed_at=row.renewed_at,
            sent_at=row.sent_at,
        )
