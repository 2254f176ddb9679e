"""Forty tickets, one issue, two leads: all are answered, nobody is mailed twice, and no name crosses over."""

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.db import transaction
from desk.domain.bulk_answer import Choice
from desk.domain.lifecycle import State
from desk.domain.register import IssueState
from desk.domain.vocabulary import Outcome
from desk.events.models import Event
from desk.issues.models import IssuePublication
from desk.known_issues import service as known_issues
from desk.mail import notify
from desk.mail.models import OutboundMail
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.delegation.scenes import Two, followed, heard, later, sent, ticket, worked_off
from tests.issues.scenes import filed, linked, published


def forty(two: Two) -> tuple[list[int], list[int]]:
    """Nineteen tickets more in each consortium, of Alice and Bob in turn, and of Eve."""
    cast = two.cast
    here = [filed(cast, *[(cast.alice, cast.alder), (cast.bob, cast.birch)][each % 2]) for each in range(19)]
    there = [filed(cast, two.eve, two.org) for _ in range(19)]
    linked(cast, cast.leo, two.number, *here)
    linked(cast, two.emil, two.number, *there)
    return [two.here, *here], [two.there, *there]


def mails(app: Flask, session: Session, cast: Cast) -> list[OutboundMail]:
    """What was written since the last time."""
    before = session.scalar(sa.select(sa.func.max(OutboundMail.id))) or 0
    for _ in range(500):
        with transaction() as unit:
            if not notify.expand_one(unit, settings=app.config["DESK"], now=cast.now):
                break
    return list(session.scalars(sa.select(OutboundMail).where(OutboundMail.id > before).order_by(OutboundMail.id)))


def test_forty_tickets_are_answered_by_two_leads_and_no_name_crosses_over(
    app: Flask, cast: Cast, session: Session
) -> None:
    two = Two.set(cast)
    here, there = forty(two)
    published(cast, cast.leo, two.number, cast.north)
    followed(cast, cast.olga, cast.alder, two.number)
    followed(cast, cast.alice, cast.alder, two.number)
    with transaction() as unit:
        unit.execute(sa.update(Event).values(expanded_at=cast.now))

    two.said(IssueState.KNOWN_ERROR, workaround="Load it again.", next_update_at=later(cast, 48))
    sent(cast, cast.leo, cast.north, text="The north says so.")
    sent(cast, two.emil, two.place, text="The east says so.")
    assert worked_off(cast.now) == 42
    assert all("north" in heard(session, each)[-1].text for each in here)
    assert all("east" in heard(session, each)[-1].text for each in there)
    told = mails(app, session, cast)
    desks = (cast.leo.id, cast.lena.id, two.emil.id)
    to_members = {mail.to_address: mail for mail in told if mail.person_id not in desks}
    people = (cast.alice, cast.bob, cast.olga, two.eve)
    assert sorted(to_members) == sorted(person.email for person in people)
    assert len([mail for mail in told if mail.to_address in to_members]) == 4
    assert all(mail.automatic for mail in to_members.values())
    assert (to_members[cast.alice.email].ticket_id, to_members[cast.olga.email].ticket_id) == (two.here, None)

    two.said(IssueState.FIXED)
    for person, place, numbers in ((cast.leo, cast.north, here), (two.emil, two.place, there)):
        choice = Choice(frozenset(numbers), frozenset(numbers))
        sent(cast, person, place, text="It is mended.", choice=choice, outcome=Outcome.SOLVED)
    worked_off(cast.now)
    assert {each.state for each in session.scalars(sa.select(Ticket))} == {State.RESOLVED}
    assert {ticket(session, each).outcome for each in (*here, *there)} == {Outcome.SOLVED}
    states = session.scalars(sa.select(IssuePublication.state)).all()
    assert list(states) == [IssueState.FIXED, IssueState.FIXED]
    told += mails(app, session, cast)
    assert len([mail for mail in told if mail.to_address in to_members]) == 8

    for mail in told:
        whole = f"{mail.subject} {mail.text} {mail.html}"
        of_east = mail.person_id in (two.eve.id, two.emil.id)
        strange = ("Alice", "Alder", "Bob", "Birch", "Northern") if of_east else ("Eve", "Elm", "Emil", "Eastern")
        assert not [word for word in strange if word in whole], (mail.to_address, mail.subject)


def test_who_stopped_following_meanwhile_is_not_told(app: Flask, cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    published(cast, cast.leo, two.number, cast.north)
    followed(cast, cast.olga, cast.alder, two.number)
    with transaction() as unit:
        unit.execute(sa.update(Event).values(expanded_at=cast.now))
    two.said()
    sent(cast, cast.leo, cast.north)
    with transaction() as unit:
        found = unit.get_one(IssuePublication, 1).issue
        known_issues.follow(unit, cast.actor(cast.olga), found, False, member_org_id=cast.alder.id, now=cast.now)
    worked_off(cast.now)
    assert cast.olga.email not in [mail.to_address for mail in mails(app, session, cast)]
