"""Which items a process takes."""

import pytest

from eoras.errors import ConfigError
from eoras.shares import Share, local_rank, own_share


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_all_shares_together_hold_each_item_once(size: int) -> None:
    items = list(range(7))
    taken = [item for rank in range(size) for item in Share(rank, size).of(items)]
    assert sorted(taken) == items
    blocks = [Share(rank, size).block_of(items) for rank in range(size)]
    assert [item for block in blocks for item in block] == items
    assert max(map(len, blocks)) - min(map(len, blocks)) <= 1


@pytest.mark.parametrize(
    ("environment", "share"),
    [
        ({}, Share(0, 1)),
        ({"RANK": "2", "WORLD_SIZE": "4"}, Share(2, 4)),
        ({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "3"}, Share(1, 3)),
        ({"RANK": "0", "WORLD_SIZE": "2", "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "3"}, Share(0, 2)),
        ({"RANK": "5"}, Share(0, 1)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "3"}, Share(0, 1)),  # in a batch script, not started by srun
    ],
)
def test_a_share_is_what_the_launcher_says(environment: dict[str, str], share: Share) -> None:
    assert own_share(environment) == share


@pytest.mark.parametrize(("rank", "size"), [("2", "2"), ("-1", "2"), ("0", "0"), ("one", "2"), ("", "")])
def test_numbers_that_make_no_sense_are_refused(rank: str, size: str) -> None:
    with pytest.raises(ConfigError, match="RANK and WORLD_SIZE: expected the number of this process"):
        own_share({"RANK": rank, "WORLD_SIZE": size})


@pytest.mark.parametrize(
    ("environment", "number"),
    [({}, 0), ({"LOCAL_RANK": "3", "RANK": "7"}, 3), ({"SLURM_LOCALID": "2"}, 2)],
)
def test_the_number_on_the_own_machine_is_what_the_launcher_says(environment: dict[str, str], number: int) -> None:
    assert local_rank(environment) == number


def test_a_number_on_the_own_machine_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="LOCAL_RANK: expected the number of this process on its machine"):
        local_rank({"LOCAL_RANK": "first"})
