"""What each change of a ticket causes in its clocks: the table of the design, line by line, and what is kept of it."""

from datetime import UTC, datetime, timedelta

import pytest

from desk.domain.calendar import BusinessCalendar
from desk.domain.calendar_history import CalendarHistory, Version
from desk.domain.lifecycle import State
from desk.domain.priority import Priority
from desk.domain.sla import Book, Change, ClockState, EventType, HandoverAnswer, Kind, Target, Terms

OFFICE = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
AFTER_TWO, AFTER_THREE = START + timedelta(minutes=2), START + timedelta(minutes=3)
OPENED = Change.created()
TARGETS = {Kind.LEAD: Target(seconds=36_000), Kind.OVERALL: Target(working_days=5)}


def calendar(tz: str = "UTC") -> CalendarHistory:
    return CalendarHistory.of(BusinessCalendar.from_spec({"tz": tz, "weekly_hours": OFFICE}), tz)


def terms(**more: bool) -> Terms:
    return Terms(dict.fromkeys(Kind, "lead"), TARGETS, **more)


def told(changes: list[Change], under: Terms | None = None) -> tuple[Book, list[str]]:
    """The book after the changes, a minute apart, and what the last one caused: kind, type, cause."""
    book, last = Book({}, {"lead": calendar(), "other": calendar("Asia/Tokyo")}), 0
    for minute, change in enumerate(changes):
        last = len(book.entries)
        book.apply(change, under or terms(), START + timedelta(minutes=minute))
    return book, [f"{e.event.kind} {e.event.type} {e.event.cause}" for e in book.entries[last:]]


CAUSED: list[tuple[str, list[Change], list[str]]] = [
    (
        "opened by the member",
        [OPENED],
        [
            "first_response started created",
            "regular_update started created",
            "lead started created",
            "overall started created",
        ],
    ),
    (
        "opened by staff",
        [Change.created(opened_by_staff=True)],
        ["regular_update started created", "lead started created", "overall started created"],
    ),
    (
        "answered",
        [OPENED, Change.staff_replied()],
        [
            "first_response stopped staff_replied",
            "regular_update stopped staff_replied",
            "regular_update started staff_replied",
        ],
    ),
    (
        "answered while the member is asked",
        [OPENED, Change.moved(State.PENDING_MEMBER), Change.staff_replied()],
        [
            "first_response stopped staff_replied",
            "regular_update stopped staff_replied",
            "regular_update started staff_replied",
            "regular_update paused pending_member",
        ],
    ),
    (
        "answered after it was resolved",
        [OPENED, Change.resolved(public_message=False), Change.staff_replied()],
        [],
    ),
    (
        "receipt",
        [OPENED, Change.receipt_sent()],
        [],
    ),
    (
        "the member writes before any answer",
        [OPENED, Change.member_wrote()],
        [],
    ),
    (
        "the member writes after an answer",
        [OPENED, Change.staff_replied(), Change.member_wrote()],
        ["next_response started member_wrote"],
    ),
    (
        "the member writes again",
        [OPENED, Change.staff_replied(), Change.member_wrote(), Change.member_wrote()],
        [],
    ),
    (
        "answered a later question",
        [OPENED, Change.staff_replied(), Change.member_wrote(), Change.staff_replied()],
        [
            "next_response stopped staff_replied",
            "regular_update stopped staff_replied",
            "regular_update started staff_replied",
        ],
    ),
    (
        "asked",
        [OPENED, Change.moved(State.PENDING_MEMBER)],
        ["lead paused pending_member", "overall paused pending_member", "regular_update paused pending_member"],
    ),
    (
        "asked again",
        [OPENED, Change.moved(State.PENDING_MEMBER), Change.moved(State.PENDING_MEMBER)],
        [],
    ),
    (
        "back from the member",
        [OPENED, Change.moved(State.PENDING_MEMBER), Change.moved(State.OPEN)],
        ["lead resumed moved", "overall resumed moved", "regular_update resumed moved"],
    ),
    (
        "held",
        [OPENED, Change.moved(State.ON_HOLD)],
        ["lead paused on_hold"],
    ),
    (
        "held after asking",
        [OPENED, Change.moved(State.PENDING_MEMBER), Change.moved(State.ON_HOLD)],
        ["lead paused on_hold", "overall resumed moved", "regular_update resumed moved"],
    ),
    (
        "woken",
        [OPENED, Change.moved(State.ON_HOLD), Change.moved(State.OPEN)],
        ["lead resumed moved"],
    ),
    (
        "handed over",
        [OPENED, Change.escalated()],
        ["lead paused escalated", "registry started escalated", "registry_acceptance started escalated"],
    ),
    (
        "handed over again while asked",
        [OPENED, Change.escalated(), Change.escalated()],
        [],
    ),
    (
        "asked for the registry",
        [OPENED, Change.escalated(), Change.moved(State.PENDING_MEMBER)],
        [
            "lead paused pending_member",
            "registry paused pending_member",
            "overall paused pending_member",
            "regular_update paused pending_member",
        ],
    ),
    (
        "accepted",
        [OPENED, Change.escalated(), Change.handover_answered(HandoverAnswer.ACCEPTED, State.ESCALATED)],
        ["registry_acceptance stopped accepted"],
    ),
    (
        "returned",
        [OPENED, Change.escalated(), Change.handover_answered(HandoverAnswer.RETURNED, State.PENDING_LEAD)],
        ["registry_acceptance stopped returned", "lead resumed handover_answered", "registry paused pending_lead"],
    ),
    (
        "declined after acceptance",
        [
            OPENED,
            Change.escalated(),
            Change.handover_answered(HandoverAnswer.ACCEPTED, State.ESCALATED),
            Change.handover_answered(HandoverAnswer.DECLINED, State.PENDING_LEAD),
        ],
        ["lead resumed handover_answered", "registry paused pending_lead"],
    ),
    (
        "withdrawn",
        [OPENED, Change.escalated(), Change.moved(State.OPEN)],
        ["lead resumed moved", "registry paused open", "registry_acceptance cancelled moved"],
    ),
    (
        "handed over a second time",
        [
            OPENED,
            Change.escalated(),
            Change.handover_answered(HandoverAnswer.RETURNED, State.PENDING_LEAD),
            Change.escalated(),
        ],
        ["lead paused escalated", "registry resumed escalated", "registry_acceptance started escalated"],
    ),
    (
        "resolved with an answer",
        [OPENED, Change.resolved(public_message=True)],
        [
            "first_response stopped resolved",
            "lead stopped resolved",
            "overall stopped resolved",
            "regular_update stopped answered",
        ],
    ),
    (
        "resolved in silence",
        [OPENED, Change.resolved(public_message=False)],
        [
            "first_response cancelled resolved",
            "lead stopped resolved",
            "overall stopped resolved",
            "regular_update stopped resolved",
        ],
    ),
    (
        "reopened by the member",
        [OPENED, Change.resolved(public_message=True), Change.reopened(by_member=True)],
        [
            "lead resumed reopened",
            "overall resumed reopened",
            "regular_update started reopened",
            "next_response started reopened",
        ],
    ),
    (
        "reopened by staff after silence",
        [OPENED, Change.resolved(public_message=False), Change.reopened()],
        ["lead resumed reopened", "overall resumed reopened", "regular_update resumed reopened"],
    ),
    (
        "closed",
        [
            OPENED,
            Change.resolved(public_message=False),
            Change.reopened(by_member=True),
            Change.resolved(public_message=False),
            Change.closed(),
        ],
        [],
    ),
    (
        "closed at once",
        [OPENED, Change.closed()],
        [
            "lead stopped closed",
            "overall stopped closed",
            "regular_update stopped closed",
            "first_response cancelled closed",
        ],
    ),
    (
        "merged",
        [OPENED, Change.moved(State.PENDING_MEMBER), Change.merged()],
        [
            "first_response cancelled merged",
            "regular_update cancelled merged",
            "lead cancelled merged",
            "overall cancelled merged",
        ],
    ),
    (
        "absorbs an older question",
        [OPENED, Change.staff_replied(), Change.member_wrote(), Change.absorbed(START)],
        ["next_response cancelled absorbed", "next_response started absorbed"],
    ),
    (
        "absorbs a newer one",
        [OPENED, Change.staff_replied(), Change.member_wrote(), Change.absorbed(AFTER_THREE)],
        [],
    ),
    (
        "absorbs one of the same age",
        [OPENED, Change.staff_replied(), Change.member_wrote(), Change.absorbed(AFTER_TWO)],
        [],
    ),
    (
        "absorbs one while nobody waits",
        [OPENED, Change.staff_replied(), Change.absorbed(START)],
        ["next_response started absorbed"],
    ),
    (
        "absorbs none",
        [OPENED, Change.staff_replied(), Change.absorbed(None)],
        [],
    ),
    (
        "hours edited",
        [OPENED, Change.moved(State.PENDING_MEMBER), Change.calendar_edited("lead")],
        [
            "first_response calendar_changed calendar_edited",
            "regular_update calendar_changed calendar_edited",
            "lead calendar_changed calendar_edited",
            "overall calendar_changed calendar_edited",
        ],
    ),
    (
        "other hours edited",
        [OPENED, Change.calendar_edited("other")],
        [],
    ),
    (
        "zone",
        [OPENED, Change.zone_rules_changed("lead")],
        [
            "first_response calendar_changed zone_rules_changed",
            "regular_update calendar_changed zone_rules_changed",
            "lead calendar_changed zone_rules_changed",
            "overall calendar_changed zone_rules_changed",
        ],
    ),
    (
        "same priority",
        [OPENED, Change.priority_changed()],
        [],
    ),
    (
        "closed with a question open",
        [OPENED, Change.staff_replied(), Change.member_wrote(), Change.closed()],
        [
            "lead stopped closed",
            "overall stopped closed",
            "regular_update stopped closed",
            "next_response cancelled closed",
        ],
    ),
    (
        "resolved while the registry is asked to accept",
        [OPENED, Change.escalated(), Change.resolved(public_message=False)],
        [
            "first_response cancelled resolved",
            "lead stopped resolved",
            "registry stopped resolved",
            "overall stopped resolved",
            "regular_update stopped resolved",
            "registry_acceptance cancelled resolved",
        ],
    ),
    (
        "reopened by the member after silence with a first answer given",
        [OPENED, Change.staff_replied(), Change.resolved(public_message=False), Change.reopened(by_member=True)],
        [
            "lead resumed reopened",
            "overall resumed reopened",
            "regular_update resumed reopened",
            "next_response started reopened",
        ],
    ),
]


@pytest.mark.parametrize(("what", "changes", "expected"), CAUSED, ids=[what for what, _, _ in CAUSED])
def test_a_change_causes_exactly_these_events(what: str, changes: list[Change], expected: list[str]) -> None:
    assert told(changes)[1] == expected


def test_a_receipt_is_a_first_answer_only_where_the_agreement_says_so() -> None:
    assert told([OPENED, Change.receipt_sent()], terms(receipt_counts=True))[1] == [
        "first_response stopped receipt_sent"
    ]


def test_on_hold_the_promise_stands_still_only_where_the_agreement_says_so() -> None:
    held = [OPENED, Change.moved(State.ON_HOLD)]
    assert told(held, terms(hold_pauses_overall=True))[1] == ["lead paused on_hold", "overall paused on_hold"]
    book, _ = told(held)
    book.entries.clear()
    book.apply(Change.agreement_changed(State.ON_HOLD), terms(hold_pauses_overall=True), AFTER_TWO)
    assert [(e.event.kind, e.event.type) for e in book.entries] == [(Kind.OVERALL, EventType.PAUSED)]
    book.apply(Change.agreement_changed(State.ON_HOLD), terms(), AFTER_THREE)
    assert book.clocks[Kind.OVERALL].state is ClockState.RUNNING
    book.apply(Change.agreement_changed(State.OPEN), terms(hold_pauses_overall=True), AFTER_THREE)
    assert book.clocks[Kind.OVERALL].state is ClockState.RUNNING


def test_only_live_clocks_whose_target_differs_get_another() -> None:
    book, _ = told([OPENED, Change.staff_replied()])
    book.entries.clear()
    other = Terms(
        dict.fromkeys(Kind, "lead"), {**TARGETS, Kind.LEAD: Target(seconds=60), Kind.FIRST_RESPONSE: Target(1)}
    )
    book.apply(Change.priority_changed(), other, AFTER_TWO)
    changed = [e.event for e in book.entries if e.event.type is EventType.RETARGETED]
    assert [(event.kind, event.target) for event in changed] == [(Kind.LEAD, Target(seconds=60))]


def test_what_was_resolved_goes_on_under_the_target_of_its_new_priority() -> None:
    book, _ = told([OPENED, Change.resolved(public_message=False)])
    other = Terms(dict.fromkeys(Kind, "lead"), {Kind.LEAD: Target(seconds=7_200)})
    book.apply(Change.priority_changed(), other, AFTER_TWO)
    assert book.clocks[Kind.LEAD].target == Target(seconds=36_000)
    book.apply(Change.reopened(), other, AFTER_THREE)
    assert (book.clocks[Kind.LEAD].target, book.clocks[Kind.LEAD].cycle) == (Target(seconds=7_200), 2)
    assert book.clocks[Kind.OVERALL].target == Target()


def test_a_transfer_moves_tier_one_and_a_choice_of_hours_what_the_teams_keep() -> None:
    elsewhere = Terms(dict.fromkeys(Kind, "other"), TARGETS)
    book, _ = told([OPENED, Change.escalated()])
    book.entries.clear()
    book.apply(Change.lead_transferred(), elsewhere, AFTER_TWO)
    assert [(e.event.kind, e.event.calendar) for e in book.entries] == [(Kind.LEAD, "other")]
    book.entries.clear()
    book.apply(Change.hours_chosen(), elsewhere, AFTER_THREE)
    assert {e.event.kind for e in book.entries} == {Kind.REGISTRY, Kind.REGISTRY_ACCEPTANCE}
    book.entries.clear()
    book.apply(Change.lead_transferred(), Terms({}), AFTER_THREE)
    assert book.entries == []


def test_what_was_cancelled_goes_nowhere() -> None:
    book, _ = told([OPENED, Change.merged()])
    book.entries.clear()
    book.apply(Change.lead_transferred(), Terms(dict.fromkeys(Kind, "other"), TARGETS), AFTER_TWO)
    assert book.entries == []


def test_without_a_calendar_a_kind_is_not_measured() -> None:
    book = Book({}, {"lead": calendar()})
    book.apply(OPENED, Terms({Kind.LEAD: "lead"}), START)
    book.apply(Change.lead_transferred(), Terms({Kind.LEAD: "lead"}), START)
    assert set(book.clocks) == {Kind.LEAD}
    assert book.clocks[Kind.LEAD].target == Target()


def test_reason_and_actor_are_kept_with_every_event_and_the_priority_with_each_target() -> None:
    under = Terms(dict.fromkeys(Kind, "lead"), TARGETS, priority=Priority.P2)
    book = Book({}, {"lead": calendar()})
    book.apply(OPENED, under, START, reason="by mail", actor_id=7)
    book.apply(Change.moved(State.PENDING_MEMBER), under, AFTER_TWO, reason="which one", actor_id=8)
    assert {(e.event.reason, e.event.actor_id) for e in book.entries} == {("by mail", 7), ("which one", 8)}
    assert {e.event.priority for e in book.entries if e.event.type is EventType.STARTED} == {Priority.P2}
    assert {e.event.priority for e in book.entries if e.event.type is EventType.PAUSED} == {None}


def test_an_older_question_that_comes_with_a_merge_counts_from_when_it_was_asked() -> None:
    book, _ = told([OPENED, Change.staff_replied(), Change.absorbed(START)])
    assert book.clocks[Kind.NEXT_RESPONSE].started_at == START
    book, _ = told([OPENED, Change.staff_replied(), Change.member_wrote(), Change.absorbed(START)])
    assert (book.clocks[Kind.NEXT_RESPONSE].started_at, book.clocks[Kind.NEXT_RESPONSE].cycle) == (START, 2)


def test_a_clock_that_is_late_by_a_change_is_late_from_then_on_and_warned_from_then_on() -> None:
    book, _ = told([OPENED])
    late = START + timedelta(hours=3)
    under = Terms(dict.fromkeys(Kind, "lead"), {**TARGETS, Kind.LEAD: Target(seconds=7_200)})
    book.entries.clear()
    book.apply(Change.priority_changed(), under, late)
    assert {(e.event.type, e.event.percent, e.event.at) for e in book.entries if e.event.kind is Kind.LEAD} == {
        (EventType.RETARGETED, None, late),
        (EventType.WARNED, 50, late),
        (EventType.WARNED, 80, late),
        (EventType.WARNED, 100, late),
        (EventType.BREACHED, None, late),
    }


def test_another_ladder_counts_from_the_change_that_brings_it() -> None:
    book, _ = told([OPENED])
    rungs = {Kind.LEAD: (10,)}
    book.apply(Change.agreement_changed(), terms(), START + timedelta(hours=3), percents=rungs)
    assert book.percents == rungs
    warned = [e.event for e in book.entries if e.event.type is EventType.WARNED]
    assert [(event.percent, event.at) for event in warned] == [(10, START + timedelta(hours=3))]
    book.apply(Change.staff_replied(), terms(), START + timedelta(hours=4))
    assert book.percents == rungs


def test_the_stretch_that_an_event_closes_is_cut_where_versions_change() -> None:
    book, _ = told([OPENED])
    longer = BusinessCalendar.from_spec({"tz": "UTC", "weekly_hours": {**OFFICE, "mon": [["09:00", "23:00"]]}})
    versions = [*book.calendars["lead"].versions, Version(START + timedelta(hours=2), longer, "longer")]
    book.calendars = {**book.calendars, "lead": CalendarHistory(versions)}
    book.apply(Change.moved(State.PENDING_MEMBER), terms(), START + timedelta(hours=10))
    paused = next(e for e in book.entries if e.event.kind is Kind.LEAD and e.event.type is EventType.PAUSED)
    assert [(piece.version.key, piece.seconds) for piece in paused.pieces] == [("UTC", 7_200), ("longer", 8 * 3_600)]
    assert paused.event.seconds == 10 * 3_600
    assert paused.clock is book.clocks[Kind.LEAD]
    assert all(e.pieces == () for e in book.entries if e.event.type is EventType.STARTED)


def test_a_version_that_is_written_in_the_same_second_does_not_cut_what_was_before_it() -> None:
    book, _ = told([OPENED])
    at = START + timedelta(hours=3)
    shut = BusinessCalendar.from_spec(
        {"tz": "UTC", "weekly_hours": {}, "overrides": {"2026-03-09": [["09:00", "10:00"]]}}
    )
    versions = [*book.calendars["lead"].versions, Version(at, shut, "shut", known_from=at)]
    book.calendars = {**book.calendars, "lead": CalendarHistory(versions)}
    book.apply(Change.calendar_edited("lead"), terms(), at)
    closed = next(e for e in book.entries if e.event.kind is Kind.LEAD and e.event.type is EventType.CALENDAR_CHANGED)
    assert [(piece.version.key, piece.seconds) for piece in closed.pieces] == [("UTC", 3 * 3_600)]


def test_what_was_touched_is_what_is_new_and_every_latest_cycle() -> None:
    book, _ = told([OPENED, Change.staff_replied()])
    again = Book(dict(book.clocks), book.calendars, cycles=dict(book.cycles))
    assert set(again.touched()) == {(clock.kind, clock.cycle) for clock in book.clocks.values()}
    again.apply(Change.staff_replied(), terms(), AFTER_THREE)
    assert set(again.touched()) == {
        (Kind.FIRST_RESPONSE, 1),
        (Kind.REGULAR_UPDATE, 2),
        (Kind.REGULAR_UPDATE, 3),
        (Kind.LEAD, 1),
        (Kind.OVERALL, 1),
    }
    assert all(again.touched()[clock.kind, clock.cycle] is clock for clock in again.clocks.values())


def test_a_book_of_clocks_alone_takes_them_for_its_cycles() -> None:
    book, _ = told([OPENED])
    assert Book(dict(book.clocks), book.calendars).cycles == book.cycles


def test_a_book_says_whether_something_was_entered_by_which_cause() -> None:
    book, _ = told([OPENED, Change.resolved(public_message=True)])
    assert book.had(Kind.LEAD, EventType.STOPPED)
    assert book.had(Kind.LEAD, EventType.STOPPED, "resolved")
    assert not book.had(Kind.LEAD, EventType.STOPPED, "created")
    assert not book.had(Kind.LEAD, EventType.PAUSED)
    assert not book.had(Kind.REGISTRY, EventType.STOPPED)
    assert not book.measured_again


def test_an_event_keeps_the_seconds_of_the_stretch_that_it_closed_and_of_no_other() -> None:
    book, _ = told([OPENED])
    for hours, state in ((1, State.PENDING_MEMBER), (2, State.OPEN), (5, State.PENDING_MEMBER)):
        book.apply(Change.moved(state), terms(), START + timedelta(hours=hours))
    closed = [e.event for e in book.entries if e.event.kind is Kind.LEAD and e.event.type is EventType.PAUSED]
    assert [event.seconds for event in closed] == [3_600, 3 * 3_600]


def test_an_edit_names_the_calendar_in_which_each_clock_goes_on() -> None:
    book, _ = told([OPENED, Change.calendar_edited("lead")])
    edited = [e.event for e in book.entries if e.event.type is EventType.CALENDAR_CHANGED]
    assert {event.calendar for event in edited} == {"lead"}
    assert len(edited) == 4
