"""A ticket that the tests of hand-overs begin with."""

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.escalations.stage import Stage


@pytest.fixture
def stage(cast: Cast, session: Session) -> Stage:
    """A ticket of Alice's whose catalogue entry is for the registry."""
    return Stage.set(cast, session)
