"""The row of each mailbox: which process fetches it now, how far that got, and what is in the way."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.db import insert_ignore
from desk.imap_account import ImapAccount
from desk.mail.models import ImapMailbox, MailboxTrouble

LEASE = timedelta(minutes=2)
"""How long a mailbox stays held by a process that died."""


def claim(session: Session, account: ImapAccount, holder: str, now: datetime) -> bool:
    """Take or keep hold of a mailbox until ``now + LEASE``; False while another process has it.

    One statement decides: of two that ask at the same moment, one is told no on both databases.
    """
    if session.scalars(sa.select(ImapMailbox.id).where(ImapMailbox.name == account.name)).first() is None:
        fresh = {"last_uid": 0, "holder": "", "trouble": MailboxTrouble.NONE}
        insert_ignore(session, ImapMailbox, name=account.name, address=account.address.lower(), **fresh)
    free = sa.or_(ImapMailbox.holder.in_(("", holder)), ImapMailbox.held_until.is_(None), ImapMailbox.held_until <= now)
    taken = session.execute(
        sa.update(ImapMailbox)
        .where(ImapMailbox.name == account.name, free)
        .values(holder=holder, held_until=now + LEASE, tried_at=now, address=account.address.lower())
        .returning(ImapMailbox.id)
        .execution_options(synchronize_session=False)
    )
    return taken.first() is not None


def release(session: Session, account: ImapAccount, holder: str) -> None:
    """Let another process have it at once."""
    session.execute(
        sa.update(ImapMailbox)
        .where(ImapMailbox.name == account.name, ImapMailbox.holder == holder)
        .values(holder="", held_until=None)
        .execution_options(synchronize_session=False)
    )


def remembered_validity(session: Session, account: ImapAccount) -> int | None:
    """The UIDVALIDITY under which this mailbox was fetched last."""
    return session.scalar(sa.select(ImapMailbox.uid_validity).where(ImapMailbox.name == account.name))


def note(
    session: Session,
    account: ImapAccount,
    trouble: MailboxTrouble,
    now: datetime,
    *,
    uid_validity: int | None = None,
    last_uid: int = 0,
) -> None:
    """Write down how a pass ended: what was in its way since when, and up to where mail was kept."""
    row = session.scalars(sa.select(ImapMailbox).where(ImapMailbox.name == account.name).with_for_update()).one()
    if trouble is not row.trouble:
        row.trouble, row.trouble_since = trouble, None if trouble is MailboxTrouble.NONE else now
    if trouble is MailboxTrouble.NONE:
        row.fetched_at = now
    if uid_validity is not None:
        row.last_uid = last_uid if uid_validity != row.uid_validity else max(last_uid, row.last_uid)
        row.uid_validity = uid_validity
