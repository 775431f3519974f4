"""The report's charts as Vega-Lite specs, made with Altair.

Every colour is a CSS variable of the page (the SVG renderer passes `var(--…)` through), so that light, dark and
print need no second drawing. `picked` is a parameter of each chart: the trial to bring out, -1 for all."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from intern.records import Trial
from intern.report import monitor
from intern.report.estimate import duration

Row = Mapping[str, Any]
Spec = dict[str, Any]

# Okabe and Ito's palette, as the page's variables; the shape tells kinds apart where colour cannot.
KINDS = {
    "baseline": "circle",
    "propose": "circle",
    "sweep": "diamond",
    "remedy": "triangle-up",
    "rollback": "triangle-left",
    "ablate": "triangle-down",
    "repeat": "square",
}
STATES = {"PRUNED": "triangle-down", "FAIL": "cross", "RUNNING": "stroke", "REJECTED": "cross"}
STAGES = ("data", "synthetic", "sft", "grpo", "score", "export")
METRICS = {"sft": ("loss",), "grpo": ("reward", "entropy", "completions/clipped_ratio")}
CANARIES = ("right_rate", "eval_loss", "parse_rate", "truncation", "repetition")  # drawn where a stage has them
POINTS = 120  # of one learning curve: more cannot be told apart in a panel


def colour(name: str) -> str:
    """The page's colour of a kind, a state or a stage."""
    return f"var(--{name.lower()})"


def by_trial(trials: Sequence[Trial]) -> dict[str, Any]:
    """The charts whose axis is the trial's number: scores, and wall time."""
    rows, best, steps = [], 0.0, []
    for t in (t for t in trials if t.kind != "confirm"):
        mean, error = t.mean("dev"), t.stderr("dev")
        if mean is not None and (not t.number or t.verdict and t.verdict.call == "keep"):
            best, steps = mean, [*steps, {"trial": t.number, "mean": mean}]
        about = {"trial": t.number, "kind": t.kind, "state": t.state, "mean": mean, "hollow": t.fidelity < 1}
        span = {} if mean is None else {"low": mean - error, "high": mean + error}
        rows.append({**about, **span, **told(t)})
    if not rows:
        return {}
    steps = steps and [*steps, {"trial": rows[-1]["trial"], "mean": best}]
    times = [
        {"trial": t.number, "stage": row["stage"], "place": place, "seconds": row["seconds"]}
        for t in trials
        for place, row in enumerate(t.stages)
        if not row["reused"]
    ]
    axis = axis_of_trials(trials[-1].number)
    return {"scores": scores(rows, steps, rules(trials[0]), axis), "seconds": seconds(times, axis)}


def told(trial: Trial) -> dict[str, str]:
    """A trial's tooltip."""
    v, d = trial.verdict, trial.diagnosis
    judged = f"{v.call}: +{v.wins} −{v.losses} against trial {v.against}, p = {v.p:.2g}" if v else ""
    stopped = f"{d.rule} at step {d.step}" if d else ""
    changes = " ".join(word.removeprefix("recipe.") for word in trial.overrides)
    return {
        "what": f"{trial.kind} {trial.recipe or 'base model'} {changes}".strip(),
        "dev": rate(trial, "dev") or "not scored",
        "verdict": judged or stopped or trial.reason or "none",
        "time": duration(trial.seconds),
    }


def rules(base: Trial) -> list[dict[str, Any]]:
    """The baselines as lines across the chart; where two lie close, the lower one's label goes below it."""
    shots = {s.shots for s in base.scores if s.split == "dev"}
    means = sorted(((base.mean("dev", n), n) for n in shots), reverse=True)
    found = []
    for place, (mean, n) in enumerate(means):
        close = place > 0 and means[place - 1][0] - mean < 0.06
        label = f"base {f'{n}-shot' if n else 'zero-shot'} {100 * mean:.1f} %"
        found.append({"mean": mean, "label": label, "dy": 9 if close else -7})
    return found


def curves(folder: Path, trials: Sequence[Trial], best: Trial | None) -> list[tuple[str, str, Spec]]:
    """(stage, metric, chart) for each metric worth watching of each training stage."""
    runs: dict[str, dict[str, Any]] = {}
    for t in trials:
        for out, stage in trained(folder, t).items():
            run = runs.setdefault(out, {"run": out, "stage": stage, "trials": [], "rows": metrics(folder, out)})
            run["trials"].append(t.number)
    found = []
    for stage, usual in METRICS.items():
        mine = [run for run in runs.values() if run["stage"] == stage]
        seen = sorted({key for run in mine for row in run["rows"] for key in row})
        found += [(stage, key, panel(key, mine, trials, best)) for key in (*usual, *CANARIES) if key in seen]
    return found


def trained(folder: Path, trial: Trial) -> dict[str, str]:
    """{output folder: stage} of the training stages that a trial has begun."""
    noted = monitor.stage_rows(folder / "trials" / f"{trial.number:03d}") if trial.state != "COMPLETE" else []
    return {row["out"]: row["stage"] for row in (*noted, *trial.stages) if row["stage"] in METRICS}


def metrics(folder: Path, out: str) -> list[dict[str, Any]]:
    """The rows that a stage has logged so far; its folder has another name while it is under way."""
    paths = (folder / "stages" / name / "metrics.jsonl" for name in (out, f"{out}.tmp"))
    path = next((p for p in paths if p.exists()), None)
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")] if path else []


def panel(key: str, runs: Sequence[Mapping[str, Any]], trials: Sequence[Trial], best: Trial | None) -> Spec:
    """One metric of one stage over all its runs; NaN is a gap."""
    lines, about, stops = [], [], []
    for run in runs:
        rows = [row for row in run["rows"] if math.isfinite(row.get(key, math.nan))]
        ended = [t for t in trials if t.number in run["trials"] and t.diagnosis and t.diagnosis.stage == run["stage"]]
        won = best is not None and best.number in run["trials"]
        shade = colour("accent" if won else "pruned" if ended else "muted")
        numbers = ", ".join(map(str, run["trials"]))
        label = f"{'trials' if run['trials'][1:] else 'trial'} {numbers} · {trials[run['trials'][0]].recipe}"
        about.append({"run": run["run"], "trials": run["trials"], "label": label, "colour": shade})
        lines += [{"run": run["run"], "step": r["step"], "value": float(f"{r[key]:.4g}")} for r in thinned(rows)]
        for t in ended if rows else ():
            at = next((r for r in rows if r["step"] >= t.diagnosis.step), rows[-1])
            what = {"label": f"trial {t.number}, {t.diagnosis.rule}", "symptom": t.diagnosis.symptom}
            stops.append({"trials": run["trials"], "step": t.diagnosis.step, "value": at[key], **what})
    return curve(lines, about, stops)


def scores(rows: Sequence[Row], incumbent: Sequence[Row], rules: Sequence[Row], x: Any) -> Spec:
    """Dev score by trial. Rows have trial, kind, state, mean, low, high, hollow and the texts of the tooltip;
    `incumbent` has trial and mean; `rules` mean, label and dy, the label's place."""
    import altair as alt

    y = alt.Y("mean:Q", title=None, axis=alt.Axis(format="%", tickCount=6), scale=alt.Scale(zero=False, nice=True))
    bright = alt.condition("picked < 0 || datum.trial == picked", alt.value(1), alt.value(0.2))
    told = [alt.Tooltip(f"{key}:N") for key in ("trial", "what", "state", "dev", "verdict", "time")]
    scored, stopped = values(r for r in rows if r["mean"] is not None), values(r for r in rows if r["mean"] is None)
    base = alt.Chart(values(rules)).encode(y=y)
    line = base.mark_rule(strokeDash=[5, 4], stroke="var(--muted)", opacity=0.7)
    text = base.mark_text(align="right", dx=-2, dy=alt.expr("datum.dy"), fill="var(--muted)", fontSize=11).encode(
        x=alt.value("width"), text="label:N"
    )
    steps = alt.Chart(values(incumbent)).mark_line(
        interpolate="step-after", stroke="var(--accent)", strokeWidth=2, opacity=0.45
    )
    bars = alt.Chart(scored).mark_rule(strokeWidth=1.5).encode(x=x, y=y.copy(), y2="high:Q", opacity=bright)
    bars = bars.encode(y=alt.Y("low:Q", title=None), color=palette(KINDS))
    points = alt.Chart(scored).mark_point(size=95, strokeWidth=1.8, filled=True).encode(
        x=x, y=y, color=palette(KINDS), shape=shapes(KINDS), opacity=bright, tooltip=told
    )  # fmt: skip
    points = points.encode(fillOpacity=alt.condition("datum.hollow", alt.value(0.4), alt.value(1)))
    marks = alt.Chart(stopped).mark_point(size=80, strokeWidth=2.2, filled=False).encode(
        x=x, y=alt.value("height"), color=palette(STATES), shape=shapes(STATES), opacity=bright, tooltip=told
    )  # fmt: skip
    chart = alt.layer(line, text, steps.encode(x=x, y=y), bars, points, marks)
    return finished(chart.resolve_scale(color="independent", shape="independent"), 300)


def seconds(rows: Sequence[Row], x: Any) -> Spec:
    """Wall time by trial, stacked by stage. Rows have trial, stage, seconds."""
    import altair as alt

    slim = alt.expr(f"clamp(0.6 * width / {len({row['trial'] for row in rows}) or 1}, 2, 10)")  # bars never touch
    chart = alt.Chart(values(rows)).mark_bar(size=slim).encode(
        x=x,
        y=alt.Y("seconds:Q", title="seconds", axis=alt.Axis(tickCount=4)),
        color=palette(STAGES),
        order=alt.Order("place:Q"),
        opacity=alt.condition("picked < 0 || datum.trial == picked", alt.value(1), alt.value(0.25)),
        tooltip=["trial:N", "stage:N", alt.Tooltip("seconds:Q", format=".1f")],
    )  # fmt: skip
    return finished(chart, 110)


def curve(rows: Sequence[Row], runs: Sequence[Row], stops: Sequence[Row]) -> Spec:
    """One metric of one stage. Rows have run, step, value; `runs` say of each run its trials, label and colour;
    `stops` are the diagnosed moments: trials, step, value, label, symptom."""
    import altair as alt

    about = alt.LookupData(data=values(runs), key="run", fields=["trials", "label", "colour"])
    bright = "indexof(datum.trials, picked) >= 0"
    x = alt.X("step:Q", title="step", axis=alt.Axis(grid=False, tickCount=5, tickMinStep=1))
    y = alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=4), scale=alt.Scale(zero=False))
    told = [alt.Tooltip("label:N", title="run"), "step:Q", alt.Tooltip("value:Q", format=".4g")]
    opacity = alt.condition(f"picked < 0 ? datum.colour != 'var(--muted)' : {bright}", alt.value(1), alt.value(0.5))
    width = alt.condition(f"picked >= 0 && {bright}", alt.value(3), alt.value(1.6))
    lines = alt.Chart(values(rows)).transform_lookup(lookup="run", from_=about).mark_line().encode(
        x=x, y=y, detail="run:N", stroke=alt.Stroke("colour:N", scale=None), opacity=opacity, strokeWidth=width
    )  # fmt: skip
    dots = alt.Chart(values(rows)).transform_lookup(lookup="run", from_=about).mark_point(size=60, opacity=0)
    found = alt.Chart(values(stops)).mark_point(
        shape="triangle-down", size=110, filled=True, fill="var(--pruned)", yOffset=-8
    )
    what = [alt.Tooltip("label:N", title="stopped"), alt.Tooltip("symptom:N"), "step:Q"]
    visible = alt.condition(f"picked < 0 || {bright}", alt.value(1), alt.value(0.2))
    stopped = [found.encode(x=x, y=y, tooltip=what, opacity=visible)] if stops else []  # Vega warns of an empty layer
    return finished(alt.layer(lines, dots.encode(x=x, y=y, tooltip=told), *stopped), 170)


def importances(rows: Sequence[Row]) -> Spec:
    """How much of the dev score's spread each contract key explains. Rows have key and share."""
    import altair as alt

    base = alt.Chart(values(rows)).encode(
        x=alt.X("share:Q", title=None, axis=None, scale=alt.Scale(domain=[0, 1.12])),
        y=alt.Y("key:N", title=None, sort="-x", axis=alt.Axis(labelLimit=220, ticks=False, domain=False)),
    )
    text = base.mark_text(align="left", dx=5, fill="var(--ink)").encode(text=alt.Text("share:Q", format=".0%"))
    return finished(base.mark_bar(size=14, fill="var(--accent)", cornerRadiusEnd=2) + text, 28 * len(rows))


def thinned(rows: Sequence[Row]) -> Sequence[Row]:
    """At most about POINTS of a curve's rows, evenly, its last one among them."""
    stride = max(1, -(-len(rows) // POINTS))
    return [row for i, row in enumerate(rows) if i % stride == 0 or i == len(rows) - 1]


def axis_of_trials(last: int) -> Any:
    """The axis that the charts by trial share, from trial 0 to the last."""
    import altair as alt

    scale = alt.Scale(domain=[-0.5, last + 0.5], nice=False)
    return alt.X("trial:Q", title="trial", scale=scale, axis=alt.Axis(format="d", tickMinStep=1, grid=False))


def palette(names: Sequence[str] | Mapping[str, str]) -> Any:
    """The page's colours of kinds, states or stages; the page draws the legend."""
    import altair as alt

    field = "stage:N" if names is STAGES else "state:N" if names is STATES else "kind:N"
    return alt.Color(field, scale=alt.Scale(domain=list(names), range=[colour(n) for n in names]), legend=None)


def shapes(names: Mapping[str, str]) -> Any:
    """The shapes of kinds or states."""
    import altair as alt

    field = "state:N" if names is STATES else "kind:N"
    return alt.Shape(field, scale=alt.Scale(domain=list(names), range=list(names.values())), legend=None)


def values(rows: Any) -> Any:
    """Rows inside the spec itself."""
    import altair as alt

    return alt.Data(values=[dict(row) for row in rows])


def finished(chart: Any, height: int) -> Spec:
    """The chart as wide as its container, calm, in the page's colours."""
    spec = chart.properties(width="container", height=height).to_dict()
    del spec["$schema"]  # an address, though nobody would fetch it
    axis = {
        "labelColor": "var(--muted)", "titleColor": "var(--muted)", "gridColor": "var(--line)",
        "domainColor": "var(--line)", "tickColor": "var(--line)", "titleFontWeight": "normal",
        "labelFontSize": 11, "titleFontSize": 11, "labelPadding": 5,
    }  # fmt: skip
    font = "system-ui, sans-serif"
    spec["config"] = {"background": None, "font": font, "axis": axis, "view": {"stroke": None}}
    spec["params"] = [{"name": "picked", "value": -1}]
    return spec


def rate(trial: Trial, split: str = "dev", shots: int = 0) -> str:
    """A trial's mean over the tasks of a split with its standard error, or ""."""
    mean = trial.mean(split, shots)
    return "" if mean is None else f"{100 * mean:.1f} ± {100 * trial.stderr(split, shots):.1f} %"
