"""Letters come in the language of who reads them: two people of one ticket, the daily mail, and whom nobody knows."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts.models import Consortium, Person
from desk.config import Settings
from desk.conversations.models import Message
from desk.db import transaction
from desk.domain.vocabulary import Audience, Channel
from desk.mail import notify, waiting
from desk.mail.compose import compose
from desk.mail.reply import MARKERS
from desk.preferences import service as preferences
from desk.progress import service as progress
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.mail.taking import Take, raw_mail, taker, tickets, told, vouched


@pytest.fixture
def take(session: Session, settings: Settings, now: datetime) -> Take:
    return taker(session, settings, now)


def likes(person: Person, language: str, timezone: str = "Europe/Berlin") -> None:
    with transaction() as unit:
        values = {"language": language, "timezone": timezone}
        unit.execute(sa.update(Person).where(Person.id == person.id).values(values))


def work(settings: Settings, now: datetime) -> None:
    """What the jobs do at this moment, short of sending."""
    for step in (notify.expand_one, waiting.write_one):
        more = True
        while more:
            with transaction() as unit:
                more = step(unit, settings=settings, now=now)


def test_a_german_member_and_a_french_lead_read_of_one_ticket_each_in_their_language(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    likes(cast.alice, "de")
    likes(cast.lena, "fr", "America/Toronto")
    take(raw_mail(cast.alice.email, head=vouched(cast.alice.email)))
    work(settings, now)
    [receipt], [news], [plain] = (told(session, each.email) for each in (cast.alice, cast.lena, cast.leo))
    received = "Wir haben Ihre Anfrage am Mittwoch, 4. März 2026 um 11:00 Uhr MEZ erhalten."
    assert received in receipt.text and received in receipt.html
    assert "Status: Eingegangen; zuerst antwortet Ihre Konsortialführung" in receipt.text
    assert "We get error 9017." in receipt.text  # what somebody wrote stays as it is
    assert "a ouvert un nouveau ticket le mercredi 4 mars 2026 à 05:00 EST." in news.text
    assert "filed a new ticket on Wed 4 Mar 2026, 11:00 CET." in plain.text
    for row, language in ((receipt, "de"), (news, "fr"), (plain, "en")):
        assert row.text.startswith(MARKERS[language])
        assert f'<html lang="{language}">' in row.html
        assert compose(row)["Content-Language"] == language
    answer = f"Noch immer Fehler 9017.\n\n{receipt.text}"
    take(raw_mail(cast.alice.email, to=receipt.reply_to, text=answer), mailbox=receipt.reply_to)
    [ticket] = tickets(session)
    texts = session.scalars(sa.select(Message.text).where(Message.ticket_id == ticket.id).order_by(Message.id)).all()
    assert texts == ["We get error 9017.", "Noch immer Fehler 9017."]


def test_a_language_that_the_desk_does_not_write_is_answered_in_english_and_says_so(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    likes(cast.alice, "ja")
    take(raw_mail(cast.alice.email, head=vouched(cast.alice.email)))
    work(settings, now)
    [receipt] = told(session, cast.alice.email)
    assert "We received your request on Wed 4 Mar 2026" in receipt.text
    assert compose(receipt)["Content-Language"] == "en" and '<html lang="en">' in receipt.html


def test_somebody_whom_nobody_knows_is_written_to_in_the_language_of_the_consortium(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    with transaction() as unit:
        unit.execute(sa.update(Consortium).where(Consortium.id == cast.north.id).values(language="es"))
    take(raw_mail("somebody@else.example"))
    work(settings, now)
    [receipt] = told(session, "somebody@else.example")
    assert receipt.subject.endswith("Su solicitud")
    assert "recibimos un correo de esta dirección" in receipt.text
    assert compose(receipt)["Content-Language"] == "es"


def test_what_waits_is_written_in_the_language_of_the_moment_of_writing(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    take(raw_mail(cast.alice.email, head=vouched(cast.alice.email)))
    work(settings, now)
    gather = replace(settings, MAIL_GATHER_SECONDS=60)
    with transaction() as unit:
        lena = unit.get_one(Person, cast.lena.id)
        nothing = {"quiet_from": None, "quiet_until": None, "off": ()}
        preferences.save(unit, lena, daily_at=8, **nothing, now=now)
    for text in ("First note.", "Second note."):
        with transaction() as unit:
            ticket = unit.scalars(sa.select(Ticket)).one()
            progress.add_message(
                unit,
                cast.actor(cast.leo),
                ticket,
                audience=Audience.LEAD,
                text=text,
                channel=Channel.WEB,
                now=now,
            )
    work(gather, now)
    likes(cast.lena, "es")
    work(gather, now + timedelta(hours=21))
    digest = told(session, cast.lena.email)[-1]
    assert digest.subject == "Su día en un correo: 2 novedades"
    assert "jueves" not in digest.text and "miércoles 4 de marzo de 2026 a las 11:00 CET" in digest.text
    assert digest.text.count("Leo Larch ha escrito una nota solo para su equipo:") == 2
    assert compose(digest)["Content-Language"] == "es"


def test_the_page_of_letters_shows_them_in_the_language_that_is_chosen(cast: Cast, client: FlaskClient) -> None:
    likes(cast.lena, "fr")
    cast.sign_in(client, cast.lena)
    page = client.get("/mail/letters").text
    assert '<option value="fr" lang="fr" selected>Français</option>' in page
    assert "Nous avons reçu votre demande" in page
    german = client.get("/mail/letters?language=de").text
    assert "Wir haben Ihre Anfrage" in german and "language=de" in german
    shown = client.get("/mail/letters/html?kind=opened&to=member&language=de").text
    assert '<html lang="de">' in shown and "Wir haben Ihre Anfrage" in shown
    assert "Nous avons reçu" in client.get("/mail/letters?language=ja").text
