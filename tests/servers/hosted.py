"""A hosted desk as a script: it answers every mail, in the ways that make such desks hard to talk to.

A new number for each mail, an automatic answer that no header marks as one, a subject of its own, references thrown
away, the whole history below each answer without a mark, and a footer.
"""

import email
import email.policy
import smtplib
import threading
from email.message import EmailMessage
from typing import cast

from tests.servers.sink import Received

ADDRESS = "support@hosted.example"
RECEIPT = "We have received your request and will be in touch"
FOOTER = "Sent from Hosted Desk. Help us help you: rate this answer."


class HostedDesk:
    """Takes mail from the postman, receipts it at once, and writes what its agents say."""

    def __init__(self) -> None:
        self.port = 0  # of the postman, once there is one
        self.came: list[EmailMessage] = []
        self._number = 20_500
        self._lock = threading.Lock()

    def take(self, received: Received) -> None:
        """A mail arrives: kept, and receipted under a new number."""
        message = cast(EmailMessage, email.message_from_bytes(received.raw, policy=email.policy.default))
        with self._lock:
            self.came.append(message)
        # Not from here: whoever hands a mail over waits for its end.
        threading.Thread(target=self.say, args=(f"{RECEIPT}.",), kwargs={"history": False}).start()

    def say(self, text: str, *, status: str = "", history: bool = True) -> None:
        """An answer to the latest mail, by a person or a rule: nothing in it says which."""
        with self._lock:
            self._number += 1
            number, latest = self._number, self.came[-1]
        answer = EmailMessage()
        answer["From"] = f"Hosted Support <{ADDRESS}>"
        answer["To"] = str(latest["Reply-To"] or latest["From"])
        answer["Subject"] = f"Ticket #{number} has been updated"
        answer["Message-ID"] = f"<{number}@mail.hosted.example>"
        lines = [text, *([f"Ticket status: {status}"] if status else [])]
        if history:
            body = latest.get_body(("plain",))
            lines += ["", str(latest["From"]), body.get_content() if body else ""]
        answer.set_content("\n".join([*lines, "", FOOTER]))
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
            client.send_message(answer, ADDRESS, [answer["To"]])
