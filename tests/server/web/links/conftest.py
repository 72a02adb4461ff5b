"""Links of the tests."""

from __future__ import annotations

import pytest

from ...conftest import Client
from ...sample_images import SAMPLES


def token_of(link: dict) -> str:
    return link["url"].rpartition("/")[2]


@pytest.fixture
def publish_and_share(owner: Client):
    """Return a link to a new figure."""

    async def make(type: str = "png", **options: object) -> dict:
        mimetype, data = SAMPLES[type]
        figure = await owner.publish("sales", data, mimetype, title="Sales <b>", alt='A "line" & more')
        return await owner.share(figure, **options)

    return make
