"""The reading of other projects' messages: how much of what they state, and why not the rest.

A miss that is not listed fails; so does a listed one that is a miss no more. Nothing is bent to a single file: what is
listed is either another project's policy or cannot be known from the bytes.
"""

from tests.mail.others import OF_REPLIES, facts

LEAST_RIGHT = 0.98
LEAST_WHOLE = 0.93

INSIDE = "asks for the text or files of an attached message as if they were of this one; the desk shows it as a message"
RECORDED = "records what another library made of it, damage included"
MISSES = {
    "flufl.bounce/aol_01": "names the recipient without a domain",
    "flufl.bounce/yale_01": "names the recipient without a domain, and the domains are known to that project only",
    "mikel-mail/attachment_2_base64": f"{RECORDED}: an attached message is not decoded",
    "mikel-mail/attachment_8bit": INSIDE,
    "mikel-mail/attachment_emails-attachment_message_rfc822": INSIDE,
    "mikel-mail/error_emails-invalid_subject_characters": f"{RECORDED}: letters with accents are dropped",
    "mikel-mail/mime_emails-raw_email_with_mimepart_without_content_type": INSIDE,
    "mikel-mail/multipart_report_emails-multi_address_bounce1": INSIDE,
    "mikel-mail/multipart_report_emails-multipart_report_multiple_status": f"{INSIDE}; and status parts as files",
    "mikel-mail/plain_emails-mix_caps_content_type": f"{RECORDED}: words without an address as the address",
    "mikel-mail/plain_emails-raw_email6": f"{RECORDED}: letters with accents are dropped",
    "mikel-mail/plain_emails-raw_email_incorrect_header": f"{RECORDED}: fields below a stray line become text",
    "mikel-mail/rfc2822-example10": f"{RECORDED}: comments are made part of the name",
    "mikel-mail/rfc2822-example13": f"{RECORDED}: fields with a blank before the colon become text",
    "mikel-mail/rfc6532-utf8_headers": "wants the domain in Unicode; the desk compares domains in ASCII",
    "mikel-mail/text_with_content_id": f"{RECORDED}: the only text is a file as well",
    "redmine/invalid_utf8": "wants a question mark for a broken byte; the desk shows U+FFFD",
    "zbateson/m1011": "the UTF-7 in it is damaged, and headers are no UTF-7",
}


def test_the_reading_says_what_others_state_or_the_reason_is_listed() -> None:
    missed = [fact for fact in facts() if not fact.right and fact.kind not in OF_REPLIES]
    for fact in missed:
        print(f"{fact.kind:20} {fact.case}: {MISSES.get(fact.case, 'NOT LISTED')}")
    assert [fact for fact in missed if fact.case not in MISSES] == []
    assert MISSES.keys() - {fact.case for fact in missed} == set()


def test_enough_facts_and_enough_whole_messages_are_right() -> None:
    right = sum(fact.right for fact in facts())
    cases = {fact.case for fact in facts()}
    wrong = {fact.case for fact in facts() if not fact.right}
    print(f"{right} of {len(facts())} facts, {len(cases) - len(wrong)} of {len(cases)} messages wholly")
    assert right >= LEAST_RIGHT * len(facts())
    assert len(cases) - len(wrong) >= LEAST_WHOLE * len(cases)
