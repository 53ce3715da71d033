"""How is it told what a bisection will take? Plan -> words. (pure)"""

from __future__ import annotations

from bisector.evidence.forecast import Expected, Plan


def facts(plan: Plan) -> tuple[tuple[str, str], ...]:
    """Return what is known, each thing with its name."""
    return (
        ("old end", f"{plan.old.short} {plan.old.subject}"),
        ("new end", f"{plan.new.short} {plan.new.subject}"),
        ("commits", f"{plan.commits}"),
        ("that can make another kernel", _differing(plan)),
        ("merge bases", ", ".join(base[:12] for base in plan.merge_bases)),
        ("kernels at hand", f"{plan.at_hand} of this range"),
        ("kernels to build", _expected(plan.kernels)),
        ("boots", _expected(plan.boots)),
        ("disk", f"{_gib(plan.needs)} more, {_gib(plan.free)} free"),
        ("time", _time(plan)),
    )


def line(plan: Plan) -> str:
    """Return what matters most, in one line."""
    told = "" if plan.differing is None else f", of which {_some(plan)} can make another kernel{_likely(plan)}"
    return (
        f"plan: {plan.commits} commits{told}; kernels to build: {_expected(plan.kernels)}; "
        f"boots: {_expected(plan.boots)}; time: {_time(plan)}"
    )


def _differing(plan: Plan) -> str:
    if plan.differing is None:
        return "known after the first build"
    return f"{_some(plan)}{_likely(plan)}"


def _some(plan: Plan) -> str:
    some = f" of the {plan.looked_at} without merges" if plan.looked_at < plan.commits else ""
    return f"{plan.differing}{some}"


def _likely(plan: Plan) -> str:
    return f", {plan.suspected} of these by a suspected file" if plan.suspected else ""


def _expected(number: Expected) -> str:
    return f"{number.worst}" if number.worst == number.median else f"{number.median}, at most {number.worst}"


def _time(plan: Plan) -> str:
    if plan.seconds is None:
        return "nothing was measured here yet"
    half, most = plan.seconds
    return f"{duration(half)}, in nine of ten cases at most {duration(most)}, by what was measured here"


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
