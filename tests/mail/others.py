"""Messages of other projects with what those say they mean, where they are beside the checkout: our reading of them."""

import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import nh3
import pytest

from desk.mail.message import InboundMessage, read
from desk.mail.reply import new_text
from tests.mail.corpus import OTHERS

OF_REPLIES = {"reply_text", "reply_contains", "reply_not_contains"}


@dataclass(frozen=True)
class Fact:
    """One thing that a case states, whether our reading says the same, and what the difference is."""

    case: str
    kind: str
    right: bool
    detail: str


@cache
def facts() -> tuple[Fact, ...]:
    """Every fact of every case; the test is skipped where the cases are not."""
    if not (OTHERS / "cases.jsonl").exists():
        pytest.skip("not run here: the messages of other projects are not beside the checkout")
    checks = _checks()
    found: list[Fact] = []
    for line in (OTHERS / "cases.jsonl").read_text().splitlines():
        case = json.loads(line)
        mail = read((OTHERS / case["raw_path"]).read_bytes(), case.get("context", {}).get("authserv_id"))
        found += [Fact(case["id"], *fact) for fact in checks.check(case, as_others_ask(mail))]
    return tuple(found)


def _checks() -> Any:
    spec = importlib.util.spec_from_file_location("others_checks", OTHERS / "checks.py")
    assert spec and spec.loader
    checks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(checks)
    return checks


def as_others_ask(mail: InboundMessage) -> dict[str, Any]:
    """The reading under the names that the cases use."""

    def shown(address: Any) -> dict[str, str] | None:
        return {"email": address.email, "name": address.name} if address else None

    recipients = mail.report.recipients if mail.report else ()
    return {
        "subject": mail.subject,
        "from": shown(mail.sender or next(iter(mail.authors), None)),
        "to": [shown(address) for address in mail.to],
        "cc": [shown(address) for address in mail.cc],
        "reply_to": [shown(address) for address in mail.reply_to],
        "message_id": mail.message_id,
        "in_reply_to": next(iter(mail.in_reply_to), ""),
        "references": list(mail.references),
        "text": mail.text,
        "html": nh3.clean(mail.html) if mail.html else None,
        "attachments": [
            {"filename": file.filename, "content_type": file.content_type, "data": file.data}
            for file in mail.attachments
        ],
        "is_auto_reply": mail.is_auto_reply,
        "suppress_auto_response": mail.is_machine,
        "is_bounce": mail.is_bounce,
        "bounce": {
            "recipients": [recipient.email for recipient in recipients],
            "statuses": [recipient.status for recipient in recipients],
            "original_message_id": mail.report.original_message_id if mail.report else "",
        },
        "is_feedback_report": mail.is_feedback_report,
        "reply_text": new_text(mail),
        "auth_verdict": mail.auth.value,
        "forwarded_from": mail.forwarded_from.email if mail.forwarded_from else "",
    }
