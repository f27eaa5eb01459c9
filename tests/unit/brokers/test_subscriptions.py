from hypothesis import given
from hypothesis import strategies as st

from brokers.subscriptions import SubscriptionTree, choose_member
from brokers.topics import matches, split_share

level = st.sampled_from(["a", "b", "", "$x"])
topics = st.lists(level, min_size=1, max_size=4).map("/".join).filter(bool)
filters = st.builds(
    lambda share, levels, last: "/".join([*share, *levels, *last]) or "+",
    st.sampled_from([[], [], ["$share", "g"], ["$share", "h"]]),
    st.lists(st.sampled_from(["a", "b", "", "+", "$x"]), min_size=1, max_size=3),
    st.sampled_from([[], ["#"]]),
).filter(lambda text: split_share(text) is not None and text != "")
changes = st.lists(
    st.tuples(st.booleans(), st.sampled_from("xyz"), filters, st.sampled_from([0, 1, 2])), max_size=15
)


@given(changes, topics)
def test_the_tree_finds_what_a_plain_search_finds(
    steps: list[tuple[bool, str, str, int]], topic: str
) -> None:
    tree = SubscriptionTree()
    model: dict[tuple[str, str], int] = {}
    for adds, client, topic_filter, qos in steps:
        if adds:
            tree.add(client, topic_filter, qos)
            model[client, topic_filter] = min(qos, 1)
        else:
            tree.remove(client, topic_filter)
            model.pop((client, topic_filter), None)
    plain: dict[str, int] = {}
    groups: dict[str, dict[str, int]] = {}
    for (client, topic_filter), qos in model.items():
        share = split_share(topic_filter)
        assert share is not None
        if not matches(topic, share[1]):
            continue
        if share[0] is None:
            plain[client] = max(qos, plain.get(client, 0))
        else:
            groups.setdefault(topic_filter, {})[client] = qos
    receivers = tree.receivers(topic)
    assert receivers.plain == plain
    assert {share: dict(members) for share, members in receivers.groups} == groups
    for topic_filter, members in groups.items():
        assert tree.members(topic_filter) == members
    for client in "xyz":
        assert tree.filters_of(client) == {text for owner, text in model if owner == client}


@given(changes)
def test_removing_the_clients_leaves_an_empty_tree(steps: list[tuple[bool, str, str, int]]) -> None:
    tree = SubscriptionTree()
    for _, client, topic_filter, qos in steps:
        tree.add(client, topic_filter, qos)
    for client in "xyz":
        tree.remove_client(client)
    assert tree._root.is_empty
    assert not tree._filters


def test_a_publisher_keeps_to_one_member_and_publishers_spread() -> None:
    members = ["svc-ingest-1", "svc-ingest-2", "svc-ingest-3"]
    chosen = [choose_member(members, f"truck-{number}") for number in range(300)]
    assert chosen == [choose_member(members, f"truck-{number}") for number in range(300)]
    assert all(60 < chosen.count(member) < 140 for member in members)
