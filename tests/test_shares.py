"""Which items a process takes."""

import pytest

from eoras.errors import ConfigError
from eoras.shares import Share, own_share


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_all_shares_together_hold_each_item_once(size: int) -> None:
    items = list(range(7))
    taken = [item for rank in range(size) for item in Share(rank, size).of(items)]
    assert sorted(taken) == items


@pytest.mark.parametrize(
    ("environment", "share"),
    [
        ({}, Share(0, 1)),
        ({"RANK": "2", "WORLD_SIZE": "4"}, Share(2, 4)),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "3"}, Share(1, 3)),
        ({"RANK": "0", "WORLD_SIZE": "2", "SLURM_PROCID": "1", "SLURM_NTASKS": "3"}, Share(0, 2)),
        ({"RANK": "5"}, Share(0, 1)),
    ],
)
def test_a_share_is_what_the_launcher_says(environment: dict[str, str], share: Share) -> None:
    assert own_share(environment) == share


@pytest.mark.parametrize(("rank", "size"), [("2", "2"), ("-1", "2"), ("0", "0"), ("one", "2"), ("", "")])
def test_numbers_that_make_no_sense_are_refused(rank: str, size: str) -> None:
    with pytest.raises(ConfigError, match="RANK and WORLD_SIZE: expected the number of this process"):
        own_share({"RANK": rank, "WORLD_SIZE": size})
