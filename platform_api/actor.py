"""Who acts: the value that every rule and query takes instead of a user row."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    SHIPPER = "shipper"
    CARRIER = "carrier"
    DRIVER = "driver"
    # Of freight; MQTT brokers live in the package `brokers`.
    BROKER = "broker"
    ADMINISTRATOR = "administrator"


class MemberRole(StrEnum):
    """What somebody may do in the business that he acts for. Everybody owns his own."""

    OWNER = "owner"
    # also invites and removes members
    MANAGER = "manager"
    MEMBER = "member"
    # reads only
    VIEWER = "viewer"
    # handed his business over and left it: he acts for nobody
    FORMER = "former"


# The party of who acts for nobody: nothing belongs to it.
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, and for whom he acts.

    `acts_for`: the owner of the organisation whose member he is, None = himself. What belongs to a
    business (orders, bids, vehicles) belongs to `party_id`; what a person did is `user_id`'s.
    `carrier_id` is the fleet the actor belongs to: a carrier's party, a driver's carrier, else None.
    `session_id` is the sign-in whose token he showed; None = he came with an API key, whose `scopes` are more
    than None then.
    """

    user_id: UUID
    role: Role
    is_superuser: bool = False
    carrier_id: UUID | None = None
    acts_for: UUID | None = None
    member_role: MemberRole = MemberRole.OWNER
    session_id: UUID | None = None
    scopes: frozenset[str] | None = None

    @property
    def manages(self) -> bool:
        """Whether he speaks for the business: its members, its papers, its name."""
        return self.member_role in (MemberRole.OWNER, MemberRole.MANAGER)

    @property
    def party_id(self) -> UUID:
        return self.acts_for or self.user_id

    @property
    def is_administrator(self) -> bool:
        return self.is_superuser or self.role is Role.ADMINISTRATOR
