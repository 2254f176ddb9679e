"""The desk's own messages, each beside what is to be read in it: calendars, forged senders, bounces, broken mail."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from desk.mail.evidence import REPORT
from desk.mail.message import InboundMessage, read
from desk.mail.threading import Facts, decide
from tests.mail.corpus import CORPUS

MESSAGES = CORPUS / "reading"

FACTS: dict[str, Callable[[InboundMessage], Any]] = {
    "subject": lambda mail: mail.subject,
    "sender": lambda mail: mail.sender.email if mail.sender else None,
    "sender_name": lambda mail: mail.sender.name if mail.sender else None,
    "cc": lambda mail: [address.email for address in mail.cc],
    "message_id": lambda mail: mail.message_id,
    "in_reply_to": lambda mail: list(mail.in_reply_to),
    "references": lambda mail: list(mail.references),
    "text": lambda mail: mail.text.strip(),
    "attachments": lambda mail: [[file.filename, file.content_type, file.label] for file in mail.attachments],
    "content_ids": lambda mail: [file.content_id for file in mail.attachments],
    "inline": lambda mail: [file.inline for file in mail.attachments],
    "data": lambda mail: [file.data.decode() for file in mail.attachments],
    "is_machine": lambda mail: mail.is_machine,
    "is_auto_reply": lambda mail: mail.is_auto_reply,
    "is_feedback_report": lambda mail: mail.is_feedback_report,
    "is_bounce": lambda mail: mail.is_bounce,
    "bounced": lambda mail: [[one.email, one.action, one.status] for one in mail.report.recipients],  # type: ignore[union-attr]
    "original_message_id": lambda mail: mail.report.original_message_id,  # type: ignore[union-attr]
    "forwarded_from": lambda mail: mail.forwarded_from.email if mail.forwarded_from else None,
    "defects": lambda mail: list(mail.defects),
}


@pytest.mark.parametrize("name", sorted(path.stem for path in MESSAGES.glob("*.eml")))
def test_a_message_of_ours_is_read_as_expected(name: str) -> None:
    mail = read((MESSAGES / f"{name}.eml").read_bytes())
    expected = json.loads((MESSAGES / f"{name}.json").read_text())
    del expected["decision"]
    for fragment in expected.pop("text_contains", []):
        assert fragment in mail.text
    for fragment in expected.pop("text_lacks", []):
        assert fragment not in mail.text
    assert expected.pop("html_contains", "") in mail.html
    assert {fact: FACTS[fact](mail) for fact in expected} == expected
    assert mail.complete


@pytest.mark.parametrize("name", sorted(path.stem for path in MESSAGES.glob("*.eml")))
def test_what_would_be_done_with_a_message_of_ours_is_as_expected(name: str) -> None:
    mail = read((MESSAGES / f"{name}.eml").read_bytes())
    decision = decide(facts_alone(mail), [], {})
    expected = json.loads((MESSAGES / f"{name}.json").read_text())["decision"]
    assert {
        "verdict": decision.verdict.value,
        "machine": decision.machine,
        "answerable": decision.answerable,
    } == expected


def facts_alone(mail: InboundMessage) -> Facts:
    """What a message says of itself, with nobody known and no ticket that it could belong to."""
    return Facts(
        sender=mail.sender.email.lower() if mail.sender else None,
        sender_doubt=mail.sender_doubt,
        auth=mail.auth,
        auth_reason=mail.auth_reason,
        machine=mail.machine,
        is_auto_reply=mail.is_auto_reply,
        is_report=mail.is_bounce or mail.is_feedback_report,
        is_notice=REPORT in mail.machine,
    )
