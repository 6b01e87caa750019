"""Mutated messages always get a proper status and do not affect later calls."""

import random
from collections import Counter
from typing import Any

import pytest

from digits.v1 import recognizer_pb2 as pb
from scripts import fuzz

SEEDS = fuzz.seed_images()


@pytest.mark.parametrize("seed", range(3))
async def test_mutated_messages_to_every_method_have_proper_statuses(
    running_server: Any, image_of: Any, seed: int
) -> None:
    chance = random.Random(seed)
    outcomes: Counter[str] = Counter()
    for _ in range(400):
        method, kind = chance.choice(list(fuzz.METHODS.items()))
        content = fuzz.message(kind, SEEDS, chance)
        outcomes[await fuzz.call_status(running_server.channel, method, content)] += 1
    assert set(outcomes) <= fuzz.PROPER
    assert outcomes["OK"] > 20
    assert outcomes["INVALID_ARGUMENT"] > 50
    response = await running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(4)))
    assert response.predictions[0].digit == 4
    assert running_server.count("digits_images_in_hand") == 0
