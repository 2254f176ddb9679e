"""What stays on record of each sending, and where one may go."""

import pytest

from desk.db import transaction
from desk.domain.errors import InvalidInput, NotFound
from desk.domain.escalation import ReturnReason
from desk.domain.lifecycle import State
from desk.escalations import queries, service
from desk.escalations.models import Escalation
from desk.tickets import queries as tickets
from tests.cast import Cast
from tests.escalations.stage import HOUR, Stage


def test_what_was_shown_when_stays_on_record_for_both_sides(stage: Stage, cast: Cast) -> None:
    (message,) = stage.messages()
    stage.sent(asked="The first question.", messages=[message.id], attachments=[message.attachments[0].id])
    stage.does(cast.rita, service.return_, reason=ReturnReason.CONSENT, text="Please ask.")
    stage.wait(1)
    stage.sent(asked="The second question.")
    stage.does(cast.leo, service.withdraw)
    stage.sent(asked="Again, later.")
    for person in (cast.leo, cast.rita):
        panel = queries.panel_for(stage.session, stage.ticket, cast.actor(person))
        assert panel is not None
        assert [(each.what, each.by) for each in panel.shown] == [
            ("Brief, sending 1, then returned (the record holder's consent is needed)", "Leo Larch"),
            ("Message of Alice Alder", "Leo Larch"),
            ("File trace.txt", "Leo Larch"),
            ("Brief, sending 2, then withdrawn", "Leo Larch"),
            ("Brief, sending 1 of escalation 2", "Leo Larch"),
        ]
        assert "The first question." in str(panel.shown[0].lines)
        assert panel.shown[3].at - panel.shown[0].at == HOUR
    assert queries.record_of(stage.session, cast.actor(cast.dora), stage.ticket, None) == []


def test_a_second_escalation_of_the_same_ticket_has_a_number_and_clocks_of_its_own(stage: Stage, cast: Cast) -> None:
    stage.accepted()
    stage.does(cast.leo, service.withdraw, text="Found it.")
    assert stage.ticket.state is State.OPEN
    escalation = stage.sent()
    assert (escalation.ordinal, escalation.cycle, escalation.accepted_at) == (2, 1, None)
    assert stage.clocks()["registry_acceptance"] == "running"


def test_what_goes_to_a_registry_that_is_not_the_consortiums_is_refused(stage: Stage, cast: Cast) -> None:
    prepared = stage.saved().id
    with transaction() as unit:
        unit.get_one(Escalation, prepared).registry_id = cast.datacite.id
    with pytest.raises(InvalidInput, match="does not belong to the registry"):
        stage.does(cast.leo, service.send)
    stage.session.expire_all()
    assert stage.ticket.state is State.NEW
    with pytest.raises(NotFound):
        tickets.get(stage.session, cast.actor(cast.dora), stage.ticket.number)
