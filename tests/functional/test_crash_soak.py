"""A few runs of the crash soak (`python -m tests.bench.crash_soak`), the same ones each time."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.bench import crash_soak
from tests.bench.crash_soak import Plan, Soak

SEED = 4
# Chosen so that each stage and each victim is among them.
RUNS = [Plan.drawn(SEED, number) for number in range(8)]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds its victims in /proc")


@pytest.fixture(scope="module")
def soak() -> Iterator[Soak]:
    with crash_soak.soaking() as running:
        yield running


def test_the_chosen_runs_kill_everyone_everywhere():
    assert {plan.victim for plan in RUNS} == {"trainer", "worker", "git"}
    assert {plan.stage for plan in RUNS} == set(crash_soak.STAGES)


@pytest.mark.parametrize("plan", RUNS, ids=lambda plan: f"{plan.victim}-{plan.stage}")
def test_a_kill_loses_nothing_and_sends_nothing_twice(soak, plan):
    crash_soak.carry_out(soak, plan, SEED)
