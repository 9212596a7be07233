"""Agreement as one HTML page with the figures that readers of trials expect; it has no script and asks nothing of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from coread.agreement_comparison import ALL, Agreement, Comparison, SystemAgreement
from coread.agreement_grades import Driver, GradeAgreement
from coread.report import palette, words
from coread.report.chart import HEIGHT, WIDTH, Plot, bland_altman_plot, probability_plot
from coread.report.page import part
from coread.report.policy import policy
from coread.scoring import ScoringSystem, system
from coread.stats.estimate import Estimate

if TYPE_CHECKING:
    from jinja2 import Template

DRIVERS_SHOWN = 12
STATUS = {
    "icc_2_1": "ICC(2,1)",
    "icc_3_1": "ICC(3,1)",
    "bias": "Bias",
    "limit_low": "Lower limit",
    "limit_high": "Upper limit",
    "sdd_95": "SDD, one reader",
    "sdd_95_mean": "SDD, mean of readers",
    "sem": "SEM",
    "sdc_sem_95": "SDC from SEM",
}
CHANGE = {
    "icc_2_1": "ICC(2,1)",
    "icc_3_1": "ICC(3,1)",
    "bias": "Bias",
    "sdc_95": "SDC, one reader",
    "sdc_95_mean": "SDC, mean of readers",
    "sdc_80": "SDC 80 %, one reader",
    "sdc_80_mean": "SDC 80 %, mean of readers",
    "worse": "Worse by more than SDC",
    "better": "Better by more than SDC",
}
GRADES = {
    "kappa_quadratic": "Kappa, quadratic",
    "kappa_linear": "Kappa, linear",
    "exact": "Exact",
    "within_one": "Within 1 point",
}
COEFFICIENTS = ("icc_2_1", "icc_3_1", "kappa_quadratic", "kappa_linear", "slope")
SHARES = ("exact", "within_one", "worse", "better")


def agreement_page(found: Agreement) -> str:
    """The page of an agreement as HTML: tables, Bland-Altman and cumulative probability plots, and where readers differ."""
    from markupsafe import Markup

    style = "\n".join((part("page.css"), palette.css(), part("agreement.css")))
    many = len(found.systems) > 1
    sections = [
        _section(comparison, under, number)
        for number, (under, comparison) in enumerate(((under, c) for under in found.systems for c in under.comparisons), start=1)
    ]
    return _template().render(
        systems=[(under, system(under.system)) for under in found.systems],
        notes=[(f"{system(u.system).name}: " if many else "") + note for u in found.systems for note in u.notes],
        sections=sections,
        many=many,
        plan=found.plan,
        level=f"{found.plan.level * 100:g} %",
        width=WIDTH,
        height=HEIGHT,
        policy=policy(style),
        style=Markup(style),
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["sentence"] = words.sentence
    return environment.from_string(part("agreement.html"))


def told(key: str, made: Estimate) -> Mapping[str, str]:
    """A cell: the estimate, its interval, and why either is missing."""
    bounds = f"{_figure(key, made.low)} to {_figure(key, made.high)}" if made.low is not None and made.high is not None else ""
    return {"value": "–" if made.estimate is None else _figure(key, made.estimate), "bounds": bounds, "reason": made.undefined}


def _figure(key: str, value: float) -> str:
    if key in SHARES:
        return f"{100 * value:.1f} %"
    return words.rounded(value, 3 if key in COEFFICIENTS else 1)


def _section(made: Comparison, under: SystemAgreement, number: int) -> Mapping[str, Any]:
    of = system(under.system)
    order = sorted({t.total for t in made.totals}, key=lambda name: -of.totals[name].maximum)
    first = order[0] if order else None
    status = [t for t in made.totals if t.what == "status"]
    change = [t for t in made.totals if t.what == "change"]
    plots = {name: _plots(made, name, of) for name in order}
    return {
        "key": f"comparison-{number}",
        "title": made.name,
        "system": of.name,
        "kind": made.kind,
        "exams": made.exams,
        "patients": made.patients,
        "notes": made.notes,
        "headline": _headline(made, first, of),
        "tables": [
            table
            for table in (
                _table("Status scores", [(words.total_words(t.total, of), len(t.scores), t.estimates) for t in status], STATUS),
                _table(
                    "Change, first to last visit", [(words.total_words(t.total, of), len(t.scores), t.estimates) for t in change], CHANGE
                ),
            )
            if table["rows"]
        ],
        "plots": plots.pop(first) if first else [],
        "first": words.total_words(first, of) if first else "",
        "more_plots": [(words.total_words(name, of), drawn) for name, drawn in plots.items() if drawn],
        "grades": [_grades(made, level, of) for level in ("feature", "group")],
        "heat": _heat(made.drivers, of),
        "drivers": [_driver(driver, made, of) for driver in made.drivers[:DRIVERS_SHOWN] if driver.points > 0],
    }


def _headline(made: Comparison, first: str | None, of: ScoringSystem) -> list[Mapping[str, Any]]:
    """The few numbers that a paper would print."""
    shown: list[Mapping[str, Any]] = []
    for total in made.totals:
        if total.total == first:
            name = words.total_words(total.total, of)
            keys = {"icc_2_1": f"ICC(2,1), {total.what}"}
            keys |= (
                {"sdc_95_mean": "smallest detectable change, mean of readers"}
                if total.what == "change"
                else {"sdd_95": "smallest detectable difference"}
            )
            shown += [
                {"what": f"{name}: {text}", "cell": told(key, total.estimates[key]), "n": len(total.scores)} for key, text in keys.items()
            ]
    for grades in made.grades:
        if grades.level == "feature":
            cell = told("kappa_quadratic", grades.estimates["kappa_quadratic"])
            shown.append(
                {
                    "what": f"{words.sentence(words.feature_words(grades.feature, of))}: kappa, quadratic weights",
                    "cell": cell,
                    "n": grades.n,
                }
            )
    return shown


def _table(title: str, rows: Sequence[tuple[str, int, Mapping[str, Estimate]]], measures: Mapping[str, str]) -> Mapping[str, Any]:
    """A table of estimates; its reasons name the cells that lack a number or an interval."""
    kept = {key: name for key, name in measures.items() if any(key in estimates for _, _, estimates in rows)}
    reasons: dict[str, list[str]] = {}
    for name, _, estimates in rows:
        for key in kept:
            if key in estimates and estimates[key].undefined:
                reasons.setdefault(estimates[key].undefined, []).append(f"{name}, {kept[key]}")
    return {
        "title": title,
        "columns": list(kept.values()),
        "rows": [(name, n, [told(key, estimates[key]) if key in estimates else None for key in kept]) for name, n, estimates in rows],
        "reasons": list(reasons.items()),
    }


def _grades(made: Comparison, level: str, of: ScoringSystem) -> Mapping[str, Any]:
    def name(grades: GradeAgreement) -> str:
        return ", ".join(part for part in (words.sentence(grades.name), words.feature_words(grades.feature, of)) if part)

    title = "Grades, pooled over all sites" if level == "feature" else "Grades by group of joints"
    return _table(title, [(words.sentence(name(g)), g.n, g.estimates) for g in made.grades if g.level == level and g.n], GRADES)


def _plots(made: Comparison, total: str, of: ScoringSystem) -> list[Plot]:
    drawn = []
    for each in made.totals:
        if each.total != total or not len(each.scores):
            continue
        title = f"{words.total_words(total, of)}, {each.what}"
        if made.kind != ALL:
            drawn.append(bland_altman_plot(each.scores, made.readers, each.estimates, title))
        if each.what == "change":
            drawn.append(probability_plot(each.scores, made.readers, each.estimates["sdc_95_mean"], title))
    return drawn


def _heat(drivers: Sequence[Driver], of: ScoringSystem) -> Mapping[str, Any]:
    """Rows of sites, columns of side and feature; each cell the share of the disagreement, coloured by it."""
    items = {driver.item.key: driver for driver in drivers}
    most = max((driver.share.estimate or 0.0 for driver in drivers), default=0.0)
    order = [item for item in of.items if item.key in items]
    sides = list(dict.fromkeys(item.side for item in order))
    features = list(dict.fromkeys(item.feature for item in order))
    rows = []
    for site in dict.fromkeys(item.site for item in order):
        drawn = [items.get((site, side, feature)) for side in sides for feature in features]
        rows.append((site, [_cell(driver, most) if driver is not None and driver.n else None for driver in drawn]))
    names = [words.feature_words(feature, of) for feature in features]
    return {"sides": [words.sentence(side or "midline") for side in sides], "features": names, "rows": rows, "any": most > 0}


def _cell(driver: Driver, most: float) -> Mapping[str, Any]:
    share = driver.share.estimate or 0.0
    counted = f"{words.number(driver.points)} points in {driver.n} pairs of grades"
    return {
        "step": palette.step_of(share, most),
        "text": f"{100 * share:.1f}",
        "spoken": f"{driver.item.label}: {100 * share:.1f} % of the disagreement, {counted}",
    }


def _driver(driver: Driver, made: Comparison, of: ScoringSystem) -> Mapping[str, Any]:
    lean = ""
    if driver.mean_difference is not None:
        higher = made.readers[0] if driver.mean_difference > 0 else made.readers[1]
        lean = f"{higher} higher by {abs(driver.mean_difference):.2f}" if abs(driver.mean_difference) >= 0.005 else "neither higher"
    share = driver.share
    bounds = f"{100 * share.low:.1f} to {100 * share.high:.1f}" if share.low is not None and share.high is not None else ""
    return {
        "name": f"{words.place_words(driver.item.site, driver.item.side)}, {words.feature_words(driver.item.feature, of)}",
        "share": f"{100 * (share.estimate or 0):.1f} %",
        "bounds": bounds,
        "reason": share.undefined,
        "points": words.number(driver.points),
        "n": driver.n,
        "lean": lean,
    }
