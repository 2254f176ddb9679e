"""A registry that is reached by mail, and a ticket for it."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.bridge.crossing import Crossing, bridged
from tests.cast import Cast
from tests.escalations.stage import Stage


@pytest.fixture
def crossing(app: Flask, cast: Cast, session: Session) -> Crossing:
    """Alice's ticket, which is escalated by mail."""
    stage = Stage.set(cast, session)
    bridged(cast)
    return Crossing(stage, app.config["DESK"])
