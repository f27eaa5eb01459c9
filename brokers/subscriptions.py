"""Who is subscribed to what, as a tree of topic levels: finding the receivers costs levels, not filters."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from brokers.topics import split_share

MAX_QOS_GRANTED: Final = 1


@dataclass(slots=True)
class _Node:
    children: "dict[str, _Node]" = field(default_factory=dict)
    # client id -> QoS, and share group -> client id -> QoS in order of joining
    plain: dict[str, int] = field(default_factory=dict)
    shared: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.children or self.plain or self.shared)


@dataclass(frozen=True, slots=True)
class Receivers:
    """Who gets a message: each client once at its highest QoS, and the share groups with their members."""

    plain: dict[str, int]
    groups: list[tuple[str, dict[str, int]]]  # (`$share/group/filter`, members in order of joining)


class SubscriptionTree:
    """Plain and shared subscriptions of all sessions. Filters must be well formed (`topics.is_topic_filter`)."""

    def __init__(self) -> None:
        self._root = _Node()
        self._filters: dict[str, set[str]] = {}

    def filters_of(self, client_id: str) -> set[str]:
        return self._filters.get(client_id, set())

    def add(self, client_id: str, topic_filter: str, qos: int) -> None:
        """Subscribe, or change the QoS of the same subscription."""
        group, bare = _split(topic_filter)
        node = self._root
        for level in bare.split("/"):
            node = node.children.setdefault(level, _Node())
        members = node.plain if group is None else node.shared.setdefault(group, {})
        members[client_id] = min(qos, MAX_QOS_GRANTED)
        self._filters.setdefault(client_id, set()).add(topic_filter)

    def remove(self, client_id: str, topic_filter: str) -> None:
        """Unsubscribe; nothing happens when there is no such subscription."""
        filters = self._filters.get(client_id, set())
        if topic_filter not in filters:
            return
        filters.discard(topic_filter)
        if not filters:
            del self._filters[client_id]
        group, bare = _split(topic_filter)
        self._prune(self._root, bare.split("/"), client_id, group)

    def remove_client(self, client_id: str) -> None:
        for topic_filter in list(self.filters_of(client_id)):
            self.remove(client_id, topic_filter)

    def members(self, topic_filter: str) -> dict[str, int]:
        """The members of one `$share/group/filter`."""
        group, bare = _split(topic_filter)
        node: _Node | None = self._root
        for level in bare.split("/"):
            node = node.children.get(level) if node else None
        return dict(node.shared.get(group or "", {})) if node else {}

    def receivers(self, topic: str) -> Receivers:
        """Everyone whose filter covers this topic name."""
        found = Receivers({}, [])
        for node, path in self._covering(topic.split("/")):
            for client_id, qos in node.plain.items():
                found.plain[client_id] = max(qos, found.plain.get(client_id, 0))
            for group, members in node.shared.items():
                found.groups.append((f"$share/{group}/{'/'.join(path)}", members))
        return found

    def _covering(self, names: list[str]) -> Iterator[tuple[_Node, tuple[str, ...]]]:
        """The nodes at which a matching filter ends, with their filter's levels."""
        layer: list[tuple[_Node, tuple[str, ...]]] = [(self._root, ())]
        for depth, name in enumerate(names):
            following: list[tuple[_Node, tuple[str, ...]]] = []
            for node, path in layer:
                # MQTT 4.7.2: a leading wildcard does not see $-topics.
                wildcards = () if depth == 0 and name.startswith("$") else ("+", "#")
                for level in dict.fromkeys((name, *wildcards)):
                    child = node.children.get(level)
                    if child is not None and level == "#":
                        yield child, (*path, level)
                    elif child is not None:
                        following.append((child, (*path, level)))
            layer = following
        for node, path in layer:
            yield node, path
            # MQTT 4.7.1.2: `a/#` covers `a` as well.
            rest = node.children.get("#")
            if rest is not None:
                yield rest, (*path, "#")

    def _prune(self, node: _Node, levels: list[str], client_id: str, group: str | None) -> None:
        if not levels:
            if group is None:
                node.plain.pop(client_id, None)
            elif group in node.shared:
                node.shared[group].pop(client_id, None)
                if not node.shared[group]:
                    del node.shared[group]
            return
        child = node.children[levels[0]]
        self._prune(child, levels[1:], client_id, group)
        if child.is_empty:
            del node.children[levels[0]]


def _split(topic_filter: str) -> tuple[str | None, str]:
    share = split_share(topic_filter)
    if share is None:
        raise ValueError(f"malformed shared subscription {topic_filter!r}")
    return share


def choose_member(candidates: list[str], publisher: str) -> str:
    """One member of a share group: the same publisher keeps to one member while the group stays as it is.

    The dispatch strategy EMQX calls `hash_clientid`.
    """
    return candidates[crc32(publisher.encode()) % len(candidates)]
