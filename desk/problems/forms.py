"""What the lists of a registry are narrowed to and ordered by, as addresses carry it; nonsense means "all"."""

from collections.abc import Mapping

from desk.domain.escalation import OPEN, EscalationState
from desk.domain.vocabulary import Party
from desk.forms import id_of
from desk.problems.queries import ISSUE_ORDERS, NEEDS, ORDERS, Filters

ORDER_WORDS: Mapping[str, str] = {
    "age": "Oldest",
    "waits": "Longest as it is",
    "consortium": "Consortium",
    "service": "Service",
    "tier": "Tier",
    "state": "State",
    "holder": "Whose turn",
}
ISSUE_ORDER_WORDS: Mapping[str, str] = {
    "members": "Most members",
    "age": "Oldest",
    "review": "Review date",
    "state": "State",
    "service": "Service",
}
NEED_WORDS: Mapping[str, str] = {"": "All", "workaround": "Without a workaround", "review": "Review overdue"}
KEYS = ("consortium", "service", "tier", "state", "holder", "by")


def filters_of(args: Mapping[str, str]) -> Filters:
    """What was chosen."""
    state, holder = args.get("state", ""), args.get("holder", "")
    return Filters(
        consortium_id=id_of(args.get("consortium", "")),
        service=args.get("service", "")[:40],
        tier=id_of(args.get("tier", "")),
        state=EscalationState(state) if state in OPEN else None,
        holder=Party(holder) if holder in set(Party) else None,
    )


def order_of(args: Mapping[str, str]) -> str:
    """By what escalations are ordered."""
    return args["by"] if args.get("by") in ORDERS else "age"


def need_of(args: Mapping[str, str]) -> str:
    """What the listed issues lack; empty: all."""
    return args["need"] if args.get("need") in NEEDS else ""


def issue_order_of(args: Mapping[str, str]) -> str:
    """By what issues are ordered."""
    return args["by"] if args.get("by") in ISSUE_ORDERS else "members"
