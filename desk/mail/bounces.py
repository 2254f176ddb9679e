"""Delivery failures told in prose, as four in ten servers do: is it one, for whom, and how final. Pure, never raises.

No list of servers' templates: who wrote it (a mail system), what it says (nothing arrived), and which addresses stand
where a server puts the one that failed: on a line of their own, behind a label, beside a reply code of SMTP. The
address that the returned copy was sent to is taken only where the prose names none.
"""

import re
from dataclasses import dataclass

from desk.mail.headers import Fields, addresses, value

LONGEST_PROSE = 60_000
_OPENING = 4000
_MOST_RECIPIENTS = 100


@dataclass(frozen=True, slots=True)
class Claim:
    """One address of which the prose says that a mail did not reach it; the status is '' where it gives none."""

    email: str
    action: str
    status: str = ""
    diagnostic: str = ""


# ------------------------------------------------------------------ is it one

_DAEMONS = re.compile(
    r"mailer-?daemon|mail-?daemon|mdaemon|post[._-]?master|mmdf|mail[._ -]?(?:delivery|system|service|subsystem)"
    r"|system administrator|\bndr\b|antivirus|imss|\bbounces?\b",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|deliver\w{0,4} (?:status|fail|problem|error|incomplete|report)|returned (?:mail|to sender|message)"
    r"|mail delivery|failure notice|non[- ]?(?:deliver|remis)|processing error|failed mail|mail (?:has )?failed"
    r"|delivery (?:has )?(?:been )?(?:fail|delay|notif)|unzustellbar|(?:could|can) ?not be delivered|n't be delivered"
    r"|mail (?:system )?error|message (?:delivery|status|delay)|(?:user|recipient|address)(?: is)? unknown|unknown user"
    r"|bounced|returning to sender|nicht zugestellt|échec de|non remis|non recapitat|no se (?:ha )?pud|devuelt"
    r"|niet (?:worden )?(?:af|be)(?:ge)?lever|kunde inte levereras|kunne ikke leveres|nie dostarczon|не доставлен"
    r"|недостав|не может быть доставлен|退信|无法送达|失败|失敗|配信(?:不能|できません)|エラー|반송|전송 실패",
    re.IGNORECASE,
)
_TEXT = re.compile(
    r"(?:could ?n.t|could not|can ?not|unable to|able to|has not|have not|not been|did not|was not|were not|failed to"
    r"|n.t) (?:yet )?(?:be(?:en)? )?(?:deliver|receive|reach|sent\b|send\b)|delivery (?:fail|to the following|attempts)"
    r"|delivery (?:of your|(?:has |was |is )?(?:been )?(?:fail|abort|delay))|undeliver|non-?deliver"
    r"|(?:failed|invalid|intended) recipient"
    r"|(?:failed|invalid) (?:final delivery |user )?(?:address|userid)|del\w{1,3}very errors|no mailbox here"
    r"|(?:recipient|user|mailbox|mailfolder|account|address)\w{0,2} (?:name )?(?:is |was |has been )?(?:not )?"
    r"(?:unknown|unavailable|full|disabled|rejected|found|recogni[sz]ed|listed)"
    r"|(?:unknown|invalid|no such) (?:\w{1,10} )?(?:user|mailbox|recipient|address)|quota exceeded|over quota"
    r"|automatically rejected|rejected by|failed permanently|(?:permanent|fatal|processing) (?:error|fail)"
    r"|encountered an? error|returned because|attempting to deliver|did not exactly match|still undelivered"
    r"|pas pu [eêé]tre d[eé]livr|pas [eé]t[eé] (?:remis|d[eé]livr|distribu)|nicht (?:\w{1,12} )?zugestellt"
    r"|nicht (?:\w{1,12} )?aus\w{0,4}liefert|no (?:se )?(?:ha )?(?:pud|podid)o entregar|non (?:è stato )?"
    r"(?:possibile )?(?:recapitare|consegnare)|n[aã]o (?:foi |p[oô]de ser )(?:poss[ií]vel )?entreg"
    r"|kan niet worden (?:af|be)|не (?:может быть|был\w?) доставлен|无法(?:被)?(?:发送|投递|送达)|配信できません"
    r"|送信できません|전송하지 못|배달되지",
    re.IGNORECASE,
)
# Only a mail system says "your message" of the mail that it returns; a person who asks for help says "my".
_MACHINE_WORDS = re.compile(
    r"your (?:e-?)?(?:message|mail)\b.{0,80}\b(?:could not|was not|has not|can ?not|did not|been delayed)"
    r"|(?:message|e-?mail)(?: below)? could not be delivered to the following|could not deliver message to"
    r"|did not reach the following recipient|message could not be delivered to|failed recipient|non-?delivery report"
    r"|delivery to the following|this is (?:an automatically generated|the mail (?:system|delivery))|votre message n",
    re.IGNORECASE | re.DOTALL,
)
_ARRIVED = re.compile(
    r"^\W{0,5}(?:delivered|relayed|successful|success notice|read|gelesen|lu|leído|letto)\b.{0,3}:"
    r"|success(?:ful)? (?:mail )?deliver|delivery (?:status notification )?\(?(?:success|relay)"
    r"|was (?:successfully )?relayed",
    re.IGNORECASE,
)
_PEOPLE = re.compile(
    r"^\s{0,20}(?:hi|hello|dear|hallo|bonjour|hola|liebe\w?|sehr geehrte\w?|good (?:morning|day))\b"
    r"|\b(?:i|i'm|we|our|my|me|she|he|thanks|regards|fyi|ich|wir|je|nous)\b",
    re.IGNORECASE,
)


def is_bounce(fields: Fields, subject: str, text: str) -> bool:
    """A machine of the mail system wrote it, and it speaks of what did not arrive. A person may speak of that too."""
    opening = text[:_OPENING]
    if _ARRIVED.search(subject):
        return False
    report = value(fields, "content-type").lower().startswith("multipart/report")
    receipt = report and "disposition-notification" in value(fields, "content-type").lower()
    speaks = bool(_TEXT.search(opening))
    if _is_daemon(fields) or (report and not receipt):
        return bool(_SUBJECT.search(subject)) or speaks
    answered = value(fields, "auto-submitted").lower().startswith("auto-replied")
    machine_words = bool(_MACHINE_WORDS.search(opening[:600]))
    if answered or receipt or _has_null_path(fields):
        return machine_words or (bool(_SUBJECT.search(subject)) and (speaks or not receipt))
    # Nothing but its words says that a machine wrote it: subject and first words must both, and nobody is greeted.
    machine = machine_words and not _PEOPLE.search(opening) and "in-reply-to" not in fields
    return machine and bool(_SUBJECT.search(subject))


def _is_daemon(fields: Fields) -> bool:
    authors = addresses(fields.get("from", []))
    return any(_DAEMONS.search(f"{author.name} {author.email}") for author in authors) or any(
        _DAEMONS.search(path) for path in fields.get("return-path", ())
    )


def _has_null_path(fields: Fields) -> bool:
    return any(path.replace(" ", "") == "<>" for path in fields.get("return-path", ()))


# ------------------------------------------------------------------ for whom

_ONE = r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}"
_ADDRESS = re.compile(rf"(?<![\w.+=@-])({_ONE})", re.ASCII)
# Where a server puts the address that failed.
_PLACED = re.compile(
    r"^[ \t>*•·-]{0,20}(?:\d{1,3}[.)] {0,3})?(?:"
    rf"<{{0,2}}({_ONE})>{{0,2}}[ \t]{{0,5}}(?:$|[:;,(\[<]|\.{{3}}|[ \t]-|[ \t]on[ \t]|[ \t][45]\d\d\b)"
    rf"|<({_ONE})>"
    r"|(?:[\w ()]{0,40}(?:recipients?|rcpt to|addressed to|undeliverable (?:address|to)|delivered to|message to"
    r"|expanded from|unknown (?:user|recipient)|error-for)\b[\w() ]{0,20}:?"
    r"|[\w ]{0,40}\b(?:to|user|userid|mailbox|address|account|an)[\w() ]{0,20}[:=])"
    rf"[ \t\[<'\"]{{0,5}}(?:(?:smtp|rfc822|mailto)[:;=] ?)?(?<![\w.+@-])({_ONE})"
    rf"|[45]\d\d[ -](?:[45]\.\d{{1,3}}\.\d{{1,3}} )?.{{0,40}}?<({_ONE})>"
    r")",
    re.IGNORECASE | re.MULTILINE | re.ASCII,
)
# X.400 and LDAP names of gateways end with the address: "c=US;a= ;p=X;dda:SMTP=anne@example.org".
_GATEWAY = re.compile(r"(?:smtp|rfc822)[=:](?=[^\s@]{1,64}@)", re.IGNORECASE)
# The copy of the original mail begins at one of these; addresses in it are not what failed.
_COPY = re.compile(
    r"^[^\w\n]{0,60}(?:(?:this is a |included is a |below (?:this line |the next line )?is a )?copy of (?:the|your)"
    r" (?:original )?(?:message|mail)|(?:the )?(?:header of the )?original (?:message|mail)|old message"
    r"|(?:unsent|returned) (?:message|mail)|(?:message|mail) (?:text|header|headers|body|follows)"
    r"|(?:the )?(?:message|header) (?:follows|text)|begin(?:ning)? of (?:original|returned)|forwarded message"
    r"|your message reads|transcript of session follows|return-path:|received:|message-id:"
    r"|start of returned message).{0,200}$",
    re.IGNORECASE | re.MULTILINE,
)
_SENDERS = re.compile(
    r"^[ \t>*-]{0,20}(?:mail from|from|sender|reply-to|return-path|cc)[ \t]{0,3}:[^\n]{0,300}$",
    re.IGNORECASE | re.MULTILINE,
)


def claims(text: str, fields: Fields) -> list[Claim]:
    """The addresses of which the prose says that they failed, best places first; at most 100."""
    prose = _GATEWAY.sub(" ", text[:LONGEST_PROSE])
    copy = _COPY.search(prose)
    above = prose[: copy.start()] if copy else prose
    action = "delayed" if _DELAYED.search(above[:_OPENING]) and not _FINAL.search(above[:_OPENING]) else "failed"
    known = {address.email.lower() for name in ("to", "from", "cc") for address in addresses(fields.get(name, []))}
    # Some put the copy first and the reason below it.
    for where in (above, prose) if copy else (prose,):
        where = _SENDERS.sub("", where)
        for pattern in (_PLACED, _ADDRESS):
            found = _claimed(pattern, where, known, action)
            if found:
                return _with_status(found[:_MOST_RECIPIENTS], where)
    return _copied_to(prose[copy.start() :], action) if copy else []


def _claimed(pattern: re.Pattern[str], prose: str, known: set[str], action: str) -> list[Claim]:
    found: dict[str, Claim] = {}
    for match in pattern.finditer(prose):
        email = next(group for group in match.groups() if group).strip(".'`").lower()
        if email not in found and email not in known and not _DAEMONS.search(email):
            found[email] = Claim(email, action, *_reason(prose, match.end()))
    return list(found.values())


def _with_status(found: list[Claim], prose: str) -> list[Claim]:
    """Of one recipient everything is told, wherever in the prose the status stands."""
    if len(found) > 1 or found[0].status:
        return found
    return [Claim(found[0].email, found[0].action, _status(prose[:_OPENING]), found[0].diagnostic)]


def _copied_to(copy: str, action: str) -> list[Claim]:
    """To whom the returned copy was sent."""
    line = re.search(r"^[> ]{0,5}To:\s{0,5}(.{3,500})$", copy, re.IGNORECASE | re.MULTILINE)
    return [Claim(one.email.lower(), action) for one in addresses([line[1]] if line else []) if one.email]


_STATUS = re.compile(r"\b([45]\.\d{1,3}\.\d{1,3})\b(?!\.\d)")
_REPLY = re.compile(r"(?<![\d.,:-])\b([45])\d\d(?:[ :-]|$)", re.MULTILINE)
_DELAYED = re.compile(
    r"warning message only|delivery (?:\w{1,10} )?(?:is |has been |was )?delayed|been delayed|deferred"
    r"|still (?:undelivered|trying)|will (?:keep trying|continue|be retried|retry)|not (?:yet )?been delivered"
    r"|temporar(?:y|ily) (?:fail|defer|unable)",
    re.IGNORECASE,
)
_FINAL = re.compile(
    r"permanent|fatal|giving up|gave up|given up|no longer|will not (?:be )?retr|too long|failed:|no such"
    r"|(?:user|address|recipient) unknown|unknown (?:user|address)|\b5\d\d[ -]|\b5\.\d{1,3}\.\d{1,3}\b",
    re.IGNORECASE,
)


def _reason(prose: str, position: int) -> tuple[str, str]:
    """The status and the words that follow an address, up to the next empty line."""
    words = prose[position : position + 600].lstrip(">:,; \n").split("\n\n", 1)[0]
    return _status(words), " ".join(words.split())[:500]


def _status(words: str) -> str:
    """An enhanced status (RFC 3463), or the class of an SMTP reply as one, or ''."""
    status = _STATUS.search(words)
    reply = _REPLY.search(words)
    return status[1] if status else f"{reply[1]}.0.0" if reply else ""


def message_id_in(text: str) -> str:
    """The Message-ID of the copy that stands in the text, or ''."""
    match = re.search(
        r"^[\s>]{0,20}Message-ID:\s{0,5}<([^<>\s]{3,500})>", text[:LONGEST_PROSE], re.IGNORECASE | re.MULTILINE
    )
    return match[1] if match else ""
