"""Whether more pilots are started, and where: by how the newest ones did."""

from djproject.clusters.fleet import health
from djproject.clusters.pilot import ENDED, QUEUED, RUNNING, SeenPilot


def pilot(
    job: str, started: int, node: str = "n1", *, failed: bool = False, ready: bool = True, **more: bool
) -> SeenPilot:
    return SeenPilot(job, ENDED, node, "why", started, failed=failed, ready=ready, **more)


def test_three_failed_starts_in_a_row_pause_and_one_that_began_ends_the_row() -> None:
    bad = [pilot(str(n), n, failed=True, ready=False) for n in (3, 4, 5)]
    assert health(bad).paused
    assert [each.job for each in health(bad).failed] == ["5", "4", "3"]
    assert not health(bad[:2]).paused
    assert not health([*bad, pilot("6", 6)]).paused
    assert health([*bad, pilot("2", 2)]).paused
    ended_later = pilot("6", 6, failed=True)  # it had begun: out of memory, for instance
    assert not health([*bad, ended_later]).paused


def test_pilots_that_still_begin_say_nothing() -> None:
    bad = [pilot(str(n), n, failed=True, ready=False) for n in (3, 4, 5)]
    waiting = [SeenPilot("7", QUEUED, ready=False), SeenPilot("8", RUNNING, "n1", "", 8, ready=False)]
    assert health([*bad, *waiting]).paused
    assert health([*bad, *waiting]).nodes == ("n1",)


def test_a_node_is_left_out_until_a_pilot_begins_there() -> None:
    found = [
        pilot("1", 1, "n1", failed=True, ready=False),
        pilot("2", 2, "n2", failed=True, ready=False), pilot("3", 3, "n2"),
        pilot("4", 4, "n3"), pilot("5", 5, "n3", failed=True),
        pilot("6", 6, "n4", failed=True, by_node=True),
        pilot("7", 7, "", failed=True, ready=False),
    ]  # fmt: skip
    assert health(found).nodes == ("n1", "n4")
