"""What the clocks are told of a move of the ticket: from an action of its life to changes in the clocks' own terms."""

from desk.domain.lifecycle import Action, State
from desk.domain.sla import Change, HandoverAnswer


def changes_of(
    action: Action, before: State, after: State, *, staff_wrote: bool, member_wrote: bool, answer: HandoverAnswer
) -> list[Change]:
    """The changes that follow from a move, in order.

    ``staff_wrote``, ``member_wrote``: a public message went with it. ``answer``: how the registry handed it back; a fix
    counts as an acceptance for a registry that never said that it accepted.
    """
    moved = [Change.moved(after)] if after is not before else []
    match action:
        case Action.ANSWER | Action.ASK_MEMBER:
            return [Change.staff_replied(), *moved]
        case Action.MEMBER_WRITES:
            return [*moved, Change.member_wrote()]
        case Action.ESCALATE:
            return [Change.escalated()]
        case Action.HAND_BACK:
            return [Change.handover_answered(answer, after)]
        case Action.RESOLVE:
            return [Change.resolved(public_message=staff_wrote)]
        case Action.REOPEN:
            return [Change.reopened(after, by_member=member_wrote)]
        case Action.CLOSE:
            return [Change.closed()]
        case Action.MERGE:
            return [Change.merged()]
        case Action.HOLD | Action.WAKE | Action.WITHDRAW:
            return moved
